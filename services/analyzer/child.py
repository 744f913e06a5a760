"""The process that opens untrusted sound files: ``python -m services.analyzer.child FD PARENT MEMORY_MB DEVICE``.

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
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

if TYPE_CHECKING:
    from services.analyzer.devices import Device
    from services.analyzer.embedding import Evaluate

_PR_SET_PDEATHSIG: Final = 1
_NICE: Final = 5
_OPEN_FILES: Final = {"cpu": 64, "cuda": 512}
"""A GPU's driver holds one for each of its devices, queues and events."""
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


def give_up_means(memory_mb: int, device: Device) -> None:
    """No core dumps, no files written, few open, a ceiling on memory, and after everybody else in line for the CPU.

    With a GPU there is no ceiling: its driver reserves address space for all memory of GPU and machine, more than any
    that would still stop a file. There the pool alone watches what is used, four times a second, and what grows faster
    meets the limit of the container.
    """
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES[device]),
    ]
    if device == "cpu":
        limits.append((resource.RLIMIT_AS, (memory_mb + _ADDRESS_SPACE_SLACK_MB) << 20))
    for limit, value in limits:
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


def answer(request: dict[str, Any], evaluate: Evaluate) -> bytes:
    """Analyse the file the request names; whatever happens, there is an answer. Raises ``DeviceFailed``."""
    from services.analyzer import wire
    from services.analyzer.analysis import analyze_file
    from services.analyzer.embedding import DeviceFailed
    from shared.errors import BadAudio

    try:
        analysis = analyze_file(Path(request["path"]), request["profile"], request["suffix"], evaluate)
        return wire.encode_analysis(analysis)
    except BadAudio as error:
        return wire.encode({"bad": [error.reason, error.detail]})
    except MemoryError:
        return wire.encode({"bad": ["memory_limit", "Decoding the file takes more memory than is allowed."]})
    except DeviceFailed:
        raise
    except Exception:
        return wire.encode({"error": traceback.format_exc(limit=20)})


def serve(connection: socket.socket, requests: BinaryIO, evaluate: Evaluate) -> None:
    """Answer until nobody asks any more, or the GPU fails: a process that saw that cannot use it again."""
    from services.analyzer import wire
    from services.analyzer.embedding import DeviceFailed

    try:
        while (request := wire.read_blocking(requests)) is not None:
            connection.sendall(answer(request, evaluate))
    except DeviceFailed as error:
        connection.sendall(wire.encode({"device": str(error)}))


def main(descriptor: int, parent: int, memory_mb: int, device: Device) -> None:
    die_with(parent)
    from services.analyzer import wire
    from services.analyzer.confinement import confine
    from services.analyzer.devices import evaluator
    from services.analyzer.embedding import constants

    # Before anything is given up: what a GPU's driver opens, maps and starts, it does with the first batch.
    evaluate = evaluator(device)
    constants()
    give_up_means(memory_mb, device)
    hush()
    confined = confine()
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as requests:
        connection.sendall(wire.encode({"ready": True, "confined": confined}))
        serve(connection, requests, evaluate)


if __name__ == "__main__":
    # Ctrl-C in a terminal reaches the whole group: the parent decides what becomes of its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fd, parent_pid, limit_mb, wanted = sys.argv[1:5]
    main(int(fd), int(parent_pid), int(limit_mb), cast("Device", wanted))
