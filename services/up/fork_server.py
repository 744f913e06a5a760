"""Run as ``python -m services.up.fork_server DESCRIPTOR MODULE...``: import the modules once, then become one service
after the other by forking. A start takes a moment instead of more than a second each, and what services have in common
is in memory once.

Every order is a dot on the socket ``DESCRIPTOR`` with two descriptors: a file with an ``Order`` as JSON, and where
stdout and stderr go. Reports come back as lines: ``born PID``, in the order of the orders, and ``ended PID CODE``.
Services end with this process, and this process with its supervisor.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import setproctitle

from services.up.tether import tie

NEXT_ORDER = b"."


@dataclass(frozen=True, slots=True)
class Order:
    """Which service: ``entry`` is ``module:function``, called without arguments; ``environment`` is all there is."""

    name: str
    entry: str
    environment: dict[str, str]


def main(arguments: Sequence[str]) -> None:
    """Fork until the supervisor hangs up. In a fork: be the service."""
    descriptor, modules = int(arguments[0]), arguments[1:]
    _name_process("fork server")
    for module in modules:
        # A service that cannot be imported fails when it is started, alone and in its own words.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    gc.freeze()  # collections in a fork leave these objects, and so their memory, alone
    # The frames and descriptors of serving are gone when the service begins, and it ends as any program ends.
    order = _serve(descriptor)
    if order is not None:
        module, _, function = order.entry.partition(":")
        getattr(importlib.import_module(module), function)()


def _serve(descriptor: int) -> Order | None:
    """Obey orders. Returns None when there will be no more, and in every fork what it is to become."""
    ours = os.getpid()
    with socket.socket(fileno=descriptor) as orders, _ends_of_children() as ends, _watching(orders, ends) as watched:
        while True:
            for key, _ in watched.select():
                if key.fileobj is ends:
                    ends.recv(4096)
                    _bury(orders)
                    continue
                dot, given, _, _ = socket.recv_fds(orders, 1, 2)
                if not dot:
                    return None
                if _fork(orders, given):
                    continue
                return _become(ours, *given)


@contextlib.contextmanager
def _ends_of_children() -> Iterator[socket.socket]:
    """A socket in which something is to be read after a child has ended."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        reader.close()
        writer.close()


@contextlib.contextmanager
def _watching(*sockets: socket.socket) -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        yield selector


def _fork(orders: socket.socket, given: Sequence[int]) -> bool:
    """Whether this is still the server."""
    pid = os.fork()
    if pid == 0:
        return False
    for descriptor in given:
        os.close(descriptor)
    _report(orders, f"born {pid}")
    return True


def _bury(orders: socket.socket) -> None:
    """Report everyone who has ended, after what is left of their process groups was killed."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        # Until it is reaped its number cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(ended.si_pid, signal.SIGKILL)
        _, status = os.waitpid(ended.si_pid, 0)
        _report(orders, f"ended {ended.si_pid} {os.waitstatus_to_exitcode(status)}")


def _report(orders: socket.socket, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the supervisor has gone, which the next look at its socket shows
        orders.sendall(f"{line}\n".encode())


def _become(server: int, order_file: int, output: int) -> Order:
    """Everything that belongs to a process of its own."""
    os.setsid()
    tie(ctypes.CDLL(None, use_errno=True), server, signal.SIGKILL)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    with os.fdopen(order_file, "rb") as file:
        order = Order(**json.load(file))
    os.environ.clear()
    os.environ.update(order.environment)
    _name_process(order.name)
    return order


def _name_process(name: str) -> None:
    """For ``ps``. The first call has to find the arguments and the environment as the kernel gave them."""
    setproctitle.setproctitle(f"starling: {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
