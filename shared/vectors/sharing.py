"""A lock between threads: many may read, or one may write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Readers and writers take turns: a writer that waits keeps new readers out, and the readers that waited for one
    writer go before the next. So neither can starve the other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0
        self._waiting_readers = 0
        self._admitted = 0
        """How many of the waiting readers go before the next writer."""
        self._writers = 0
        """Those that wait, and the one that writes."""
        self._writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Beside other readers."""
        with self._changed:
            if self._writers:
                self._waiting_readers += 1
                while self._writers and not self._admitted:
                    self._changed.wait()
                self._waiting_readers -= 1
                self._admitted = max(0, self._admitted - 1)
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone."""
        with self._changed:
            self._writers += 1
            while self._writing or self._readers or self._admitted:
                self._changed.wait()
            self._writing = True
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._writers -= 1
                self._admitted = self._waiting_readers
                self._changed.notify_all()
