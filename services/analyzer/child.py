"""The process that opens untrusted sound files: ``python -m services.analyzer.child FD PARENT MEMORY_MB``.

Started by ``services.analyzer.pool`` only. It reads requests from the socket ``FD`` and answers each; the rest of the
world it needs is the file named in a request. Anything else is taken from it before the first file is opened.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1
_NICE: Final = 5
_OPEN_FILES: Final = 64
_ADDRESS_SPACE_SLACK_MB: Final = 2048
"""Address space beyond the memory limit: libraries reserve far more than they use. The pool watches what is used; this
ceiling only stops what grows faster than it looks."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, be it already."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def give_up_means(memory_mb: int) -> None:
    """No core dumps, no files written, few open, a ceiling on memory, and after everybody else in line for the CPU."""
    ceiling = (memory_mb + _ADDRESS_SPACE_SLACK_MB) << 20
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_AS, ceiling),
    ):
        _, hard = resource.getrlimit(limit)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))
    os.nice(_NICE)


def hush() -> None:
    """C libraries print about damaged files; nobody reads it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def answer(request: dict[str, Any]) -> bytes:
    """Analyse the file the request names; whatever happens, there is an answer."""
    from services.analyzer import wire
    from services.analyzer.analysis import analyze_file
    from shared.errors import BadAudio

    try:
        analysis = analyze_file(Path(request["path"]), request["profile"], request["suffix"])
        return wire.encode_analysis(analysis)
    except BadAudio as error:
        return wire.encode({"bad": [error.reason, error.detail]})
    except MemoryError:
        return wire.encode({"bad": ["memory_limit", "Decoding the file takes more memory than is allowed."]})
    except Exception:
        return wire.encode({"error": traceback.format_exc(limit=20)})


def main(descriptor: int, parent: int, memory_mb: int) -> None:
    die_with(parent)
    from services.analyzer import wire
    from services.analyzer.confinement import confine
    from services.analyzer.embedding import constants, networks

    networks()
    constants()
    give_up_means(memory_mb)
    hush()
    confined = confine()
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as requests:
        connection.sendall(wire.encode({"ready": True, "confined": confined}))
        while (request := wire.read_blocking(requests)) is not None:
            connection.sendall(answer(request))


if __name__ == "__main__":
    # Ctrl-C in a terminal reaches the whole group: the parent decides what becomes of its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(*(int(argument) for argument in sys.argv[1:4]))
