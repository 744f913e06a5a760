"""TCP ports of this machine: which are free, and which to choose."""

from __future__ import annotations

import errno
import random
import socket

from shared.errors import ConfigurationError

# Below the range from which Linux takes the near end of outgoing connections: there, a client that keeps trying to
# reach a server which is being restarted can end up connected to itself and so take the server's port away.
CHOICE = range(20000, 32000)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    try:
        _try_bind(host, port)
    except OSError:
        return False
    return True


def choose(host: str = "127.0.0.1") -> int:
    """A free port, chosen at random so that two instances starting together seldom meet."""
    for port in random.sample(CHOICE, 200):
        if is_free(port, host):
            return port
    raise ConfigurationError(f"no free port between {CHOICE.start} and {CHOICE.stop} on {host}")


def claim(host: str, port: int) -> int:
    """The port to serve HTTP on: ``port``, or a free one for 0.

    Raises ``ConfigurationError`` that names STARLING_PORT or STARLING_HOST, before anything was started.
    """
    if port == 0:
        return choose(host)
    try:
        _try_bind(host, port)
    except OSError as error:
        raise ConfigurationError(_explain(error, host, port)) from error
    return port


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program; set STARLING_PORT to a free port"
    if error.errno == errno.EACCES:
        return f"port {port} needs root; set STARLING_PORT to a port from 1024 on"
    return f"cannot listen on {host} ({error.strerror or error}); set STARLING_HOST to an address of this machine"


def _try_bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
