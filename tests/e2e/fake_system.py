"""`starling up` with stand-ins for the services: `python -m tests.e2e.fake_system [--music FOLDER]`.

FAKE_SERVICES names them (``gateway,worker``), FAKE_GRACE_S is how long they have to stop.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from services.up.service import Program
from services.up.supervisor import Supervisor
from shared.errors import StarlingError
from shared.settings import load


async def up(names: list[str], music: Path | None) -> int:
    programs = [Program(name, f"tests.e2e.fake_service:start_{name}") for name in names]
    grace_s = float(os.environ.get("FAKE_GRACE_S", "10"))
    return await Supervisor(load(), programs, music=music, grace_s=grace_s).run()


if __name__ == "__main__":
    services = os.environ.get("FAKE_SERVICES", "gateway,worker").split(",")
    try:
        sys.exit(asyncio.run(up(services, Path(sys.argv[2]) if sys.argv[1:2] == ["--music"] else None)))
    except StarlingError as error:
        sys.exit(f"starling: {error}")
