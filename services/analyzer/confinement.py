"""System calls that a process which opens untrusted files has no use for: the network, other programs, other processes.

A seccomp filter (Linux, ``seccomp(2)``; BPF as in ``linux/filter.h``), which needs no rights and cannot be taken back.
What is forbidden fails with EPERM, so a library that tries it is told no and goes on.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

_LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_NOT_BELOW: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32: Final = 0x40000000
"""The second table of system calls on x86-64 begins here; nothing we use is in it."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Its AUDIT_ARCH, and the numbers of system calls as in the kernel's ``unistd.h``. ``tgkill`` is how a C library
    aborts, so a process may do it to itself."""

    audit: int
    tgkill: int
    forbidden: tuple[int, ...]


# In each: socket, connect, accept, bind, listen, accept4 (without them there is nothing to send on); fork and vfork,
# which x86-64 alone has; execve, execveat; kill, tkill, ptrace, process_vm_readv, process_vm_writev; io_uring_setup,
# bpf, userfaultfd.
_ARCHITECTURES: Final = {
    "x86_64": Architecture(
        0xC000003E, 234, (41, 42, 43, 49, 50, 288, 57, 58, 59, 322, 62, 200, 101, 310, 311, 425, 321, 323)
    ),
    "aarch64": Architecture(
        0xC00000B7, 131, (198, 203, 202, 200, 201, 242, 221, 281, 129, 130, 117, 270, 271, 425, 280, 282)
    ),
}


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def confine() -> bool:
    """Forbid them to this process and whatever comes of it. False where the system has no such means."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False
    instructions = _filter(architecture)
    program = _Program(len(instructions), b"".join(instructions))
    refused: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    return refused == 0


def _filter(architecture: Architecture) -> Sequence[bytes]:
    """Jumps count from the next instruction; the last two are the verdicts."""
    numbers = architecture.forbidden
    allow_at = 4 + len(numbers) + 3
    refuse_at = allow_at + 1
    checks = [_instruction(_JUMP_EQUAL, number, yes=refuse_at - (5 + place)) for place, number in enumerate(numbers)]
    return [
        _instruction(_LOAD_WORD, _ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, architecture.audit, no=refuse_at - 2),
        _instruction(_LOAD_WORD, _NUMBER_AT),
        _instruction(_JUMP_NOT_BELOW, _X32, yes=refuse_at - 4),
        *checks,
        _instruction(_JUMP_EQUAL, architecture.tgkill, no=2),
        _instruction(_LOAD_WORD, _FIRST_ARGUMENT_AT),
        _instruction(_JUMP_EQUAL, os.getpid(), no=1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _REFUSE),
    ]


def _instruction(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """``struct sock_filter``."""
    return struct.pack("=HBBI", code, yes, no, value)
