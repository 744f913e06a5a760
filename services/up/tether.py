"""Run as a script: tie this process to its parent's life, give up root, and become another program.

    python -I -S tether.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT...]

``command()`` gives the first words of such a line.

``UID`` and ``GID`` of -1 keep the rights. The kernel forgets the parent-death signal when credentials change, so
it is asked for after they did; a parent that died in between is noticed by its number.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def command(death_signal: int, uid: int = -1, gid: int = -1) -> list[str]:
    """Put this in front of an absolute path and its arguments, and start that from the thread it is to live with."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), str(uid), str(gid)]


def tie(libc: ctypes.CDLL, parent: int, death_signal: int) -> None:
    """Get ``death_signal`` when the parent ends; end now if it has ended already."""
    if sys.platform == "linux" and libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    # Everything that is read from disk is read before the rights are gone: Python may live under a closed folder.
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    tie(libc, parent, death_signal)
    # Python ignores these two, and what is ignored stays ignored in the next program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(arguments[4], arguments[4:])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
