"""``python -m shared.healthcheck``: exit with 0 when the service in this container is alive, else with 1.

A container runs one service. The gateway answers on its own port, every other one on STARLING_HEALTH_PORT.
"""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT_S = 4.0


def alive(port: int) -> bool:
    """Whether /healthz answers 200 on that port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S / 2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Ask the ports that are configured, the health port first."""
    ports = [os.environ.get("STARLING_HEALTH_PORT") or "0", os.environ.get("STARLING_PORT") or "8000"]
    return 0 if any(alive(int(port)) for port in ports if port != "0") else 1


if __name__ == "__main__":
    sys.exit(main())
