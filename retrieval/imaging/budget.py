"""Memory budget: the bytes that all decoders of this process may hold at the same time.

A small file may unpack to a gigabyte, and threads multiply it. So each decoding says what it will need at most, and
waits until that fits beside what is under way; one that needs more than the whole budget waits until it is alone.
First come, first served: a large picture is not kept waiting by an endless row of small ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from retrieval import cancellation

_LOOK = 0.1  # seconds between looks at whether anybody still waits for the picture


class Budget:
    """Bytes in use, and who waits for some. Safe to share between threads; never held twice by one."""

    def __init__(self) -> None:
        self._held = 0
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Bytes in use now."""
        return self._held

    @contextmanager
    def hold(self, size: int, capacity: int) -> Iterator[None]:
        """Wait until `size` bytes fit into `capacity`, and hold them; AbandonedError if the caller leaves first."""
        with self._changed:
            self._wait(size, capacity)
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _wait(self, size: int, capacity: int) -> None:
        ticket = object()
        self._line.append(ticket)
        try:
            while self._line[0] is not ticket or (self._held and self._held + size > capacity):
                cancellation.check()
                self._changed.wait(_LOOK)
        finally:
            self._line.remove(ticket)
            self._changed.notify_all()


DECODING = Budget()
"""The budget of this process."""
