"""Child processes that cannot outlive us, and how their end is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from services.up import tether


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rights a child has."""

    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> Self:
        entry = pwd.getpwnam(name)
        return cls(entry.pw_uid, entry.pw_gid)

    @classmethod
    def owner_of(cls, path: Path) -> Self:
        status = path.stat()
        return cls(status.st_uid, status.st_gid)


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. ``argv[0]`` is an absolute path; ``keep_open`` are descriptors that the child inherits."""

    argv: Sequence[str | Path]
    death_signal: signal.Signals
    env: Mapping[str, str]
    cwd: Path | None = None
    account: Account | None = None
    stdin: bytes = b""
    """What the child finds on stdin, which it may also open by name; the way to hand over a secret."""
    output: IO[bytes] | None = None
    """Where stdout and stderr go; None is a pipe, to be read from ``Popen.stdout``."""
    keep_open: tuple[int, ...] = ()


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, which gets ``death_signal`` when this thread ends.

    Call it on the main thread: the kernel watches the thread that forked, not the whole process.
    """
    account = launch.account or Account(-1, -1)
    with _nameless_file(launch.stdin, launch.account) as stdin:
        return subprocess.Popen(  # noqa: S603
            [*tether.command(launch.death_signal, account.uid, account.gid), *map(str, launch.argv)],
            env=dict(launch.env),
            cwd=launch.cwd,
            stdin=stdin,
            stdout=launch.output or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=launch.keep_open,
            start_new_session=True,
        )


def _nameless_file(content: bytes, account: Account | None) -> IO[bytes]:
    """A file without a name, which the account can read whatever folders are closed to it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    if account is not None:
        os.fchown(file.fileno(), account.uid, account.gid)
    return file


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the child alone; no error if it is gone."""
    if process.returncode is None:  # not reaped yet, so the number is still its own
        os.kill(process.pid, number)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the child and for all it started in its own session."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def exited(process: subprocess.Popen[bytes]) -> int:
    """Wait for the child's end and return its code (negative: the signal). What is left of its group is killed."""
    if process.returncode is None:
        await _ended(process.pid)
    # Until it is reaped its number cannot belong to anybody else, so the group is safe to kill.
    kill(process)
    return process.wait()


async def _ended(pid: int) -> None:
    """Return once ``pid`` has ended, without reaping it."""
    if not hasattr(os, "pidfd_open"):  # some builds of Python were made on systems older than Linux 5.3
        await _poll_until_ended(pid)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _poll_until_ended(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):  # noqa: ASYNC222 - WNOHANG
                return
            await asyncio.sleep(0.05)


def describe_exit(code: int) -> str:
    """Words for an exit code: ``was killed by SIGKILL`` or ``ended with code 1``."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"
