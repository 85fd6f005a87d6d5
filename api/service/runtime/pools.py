"""Bounded thread pools, each with a bounded queue.

A thread is free again when its work ends, not when the caller leaves: a deadline or a hang-up takes work that has not
begun out of the queue, and sets the flag that `vasari.retrieval.cancellation.check` looks at for work that has. So
however many callers come and go, no more than `threads` pieces of work exist at any moment.

Not `anyio.to_thread`: with `abandon_on_cancel` it lets another thread begin as soon as the caller is gone. Not
`concurrent.futures.ThreadPoolExecutor`: the interpreter waits for its threads at the end of the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import partial
from typing import Any, TypeVar

from vasari.api.service.runtime.tracing import mark, span
from vasari.retrieval import cancellation
from vasari.retrieval.errors import OverloadedError

T = TypeVar("T")


class Pool:
    """At most `threads` pieces of work at once, at most `waiting` more in line."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self.name = name
        self._threads = threads
        self._waiting = waiting
        self._line: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._started = self._idle = 0
        self._closed = False

    @property
    def depth(self) -> int:
        """Pieces of work that wait for a thread."""
        return len(self._line)

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, called in a thread; OverloadedError at once when too much waits already."""
        with span(_name_of(work), **{"vasari.pool": self.name}):
            piece = _Piece(work, copy_context())
            self._enter(piece)
            try:
                found: T = await asyncio.wrap_future(piece.answer)
            finally:
                self._leave(piece)
        return found

    def close(self) -> None:
        """Let idle threads end; those at work end with it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _enter(self, piece: _Piece) -> None:
        with self._changed:
            if len(self._line) >= self._waiting:
                raise OverloadedError(f"{len(self._line)} requests wait already; try again in a moment", 2.0)
            self._line.append(piece)
            if len(self._line) > self._idle and self._started < self._threads:
                self._started += 1
                threading.Thread(target=self._work, name=f"vasari-{self.name}", daemon=True).start()
            self._changed.notify()

    def _leave(self, piece: _Piece) -> None:
        """Of no effect on work that is done."""
        piece.left.set()
        if piece.answer.cancel():
            with self._changed:
                if piece in self._line:
                    self._line.remove(piece)

    def _work(self) -> None:
        while (piece := self._next()) is not None:
            piece.context.run(piece.do)
            del piece  # its pictures must not live on while the thread waits

    def _next(self) -> _Piece | None:
        with self._changed:
            while not self._line:
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return self._line.popleft()


def _name_of(work: Callable[[], object]) -> str:
    """The function that is called, for traces."""
    function = work.func if isinstance(work, partial) else work
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__.rpartition('.')[2]}.{name}"


class _Piece:
    """A work item, and its future."""

    def __init__(self, work: Callable[[], Any], context: Context) -> None:
        self.context = context
        self.answer: Future[Any] = Future()
        self.left = threading.Event()
        self._work = work

    def do(self) -> None:
        """Work, unless the caller has left already."""
        if not self.answer.set_running_or_notify_cancel():
            return
        mark("a thread begins")
        try:
            with cancellation.watching(self.left):
                found = self._work()
        except BaseException as error:  # whatever it is, it belongs to the caller
            self.answer.set_exception(error)
        else:
            self.answer.set_result(found)
