"""Requests that come at the same time share one call of a model.

While the model works, inputs gather; while there is company they wait up to `wait` seconds more for it, and a lone
request does not wait at all. The queue is bounded: what does not fit is refused at once (`OverloadedError`, HTTP
429) instead of waiting for an answer that would come too late. One input that the model fails on fails alone: its
batch is tried again one by one. An input whose caller went away, by disconnecting or by its deadline, is not
computed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.to_thread

from retrieval.errors import OverloadedError

In = TypeVar("In")
Out = TypeVar("Out")


class BatchObserver(Protocol):
    """Hears of every batch."""

    def batch(self, name: str, size: int, seconds: float) -> None:
        """`size` inputs took the model `seconds`."""
        ...


@dataclass(slots=True)
class _Waiting(Generic[In, Out]):
    given: In
    answer: asyncio.Future[Out]


class Batcher(Generic[In, Out]):
    """Gathers inputs of many tasks, and computes them together in a thread of its own."""

    def __init__(
        self,
        name: str,
        compute: Callable[[list[In]], Sequence[Out]],
        *,
        size: int,
        wait: float,
        limit: int,
        order: Callable[[In], int] | None = None,
        observer: BatchObserver | None = None,
    ) -> None:
        """`compute` answers inputs in their order; at most `limit` inputs wait, `size` are computed at once.

        `order` is the cost of an input: a batch is filled with inputs of like cost, so that a long text does not
        make fifty short ones wait for its padding.
        """
        self.name = name
        self._compute = compute
        self._size = size
        self._wait = wait
        self._limit = limit
        self._order = order
        self._observer = observer
        self._queue: deque[_Waiting[In, Out]] = deque()
        self._filled = asyncio.Event()
        self._closing = False
        self._worker: asyncio.Task[None] | None = None
        self._thread = anyio.CapacityLimiter(1)
        self._seconds_each = 0.01  # a running mean, for Retry-After
        self._company = False  # did the last batch hold more than one request's inputs?

    def start(self) -> None:
        """Begin to work; called inside the event loop."""
        self._worker = asyncio.create_task(self._run(), name=f"batcher {self.name}")

    @property
    def alive(self) -> bool:
        """Whether the worker runs."""
        return self._worker is not None and not self._worker.done()

    @property
    def depth(self) -> int:
        """Inputs that wait."""
        return len(self._queue)

    async def submit(self, inputs: Sequence[In]) -> list[Out]:
        """The answers to `inputs`, in their order; the first input that failed raises.

        Raises OverloadedError when the queue is full.
        """
        if self._closing or len(self._queue) + len(inputs) > max(self._limit, len(inputs)):
            raise OverloadedError(
                f"{len(self._queue)} requests wait for the model already; try again in a moment",
                retry_after=len(self._queue) * self._seconds_each,
            )
        loop = asyncio.get_running_loop()
        entries: list[_Waiting[In, Out]] = [_Waiting(given, loop.create_future()) for given in inputs]
        self._queue.extend(entries)
        self._filled.set()
        try:
            return list(await asyncio.gather(*(entry.answer for entry in entries)))
        finally:
            for entry in entries:
                entry.answer.cancel()  # of no effect on those that were answered

    async def close(self) -> None:
        """Answer what was accepted, then stop."""
        self._closing = True
        self._filled.set()
        if self._worker is not None:
            await self._worker

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            if self._company and len(self._queue) < self._size and not self._closing:
                await asyncio.sleep(self._wait)
            batch = self._take()
            self._company = len(batch) > 1 or bool(self._queue)
            if not self._queue:
                self._filled.clear()
            if batch:
                await self._answer(batch)
            if self._closing:
                if not self._queue:
                    return
                self._filled.set()

    def _take(self) -> list[_Waiting[In, Out]]:
        """The oldest input and those of like cost that wait with it."""
        alive = deque(entry for entry in self._queue if not entry.answer.done())
        if self._order is None or len(alive) <= 1:
            batch = [alive.popleft() for _ in range(min(self._size, len(alive)))]
            self._queue = alive
            return batch
        most = 2 * self._order(alive[0].given) + 32
        batch, rest = [], deque[_Waiting[In, Out]]()
        for entry in alive:
            fits = len(batch) < self._size and self._order(entry.given) <= most
            (batch if fits else rest).append(entry)
        self._queue = rest
        return batch

    async def _answer(self, batch: list[_Waiting[In, Out]]) -> None:
        started = perf_counter()
        try:
            answers = await self._in_thread([entry.given for entry in batch])
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for entry in batch:
                if not entry.answer.done():
                    await self._answer([entry])
            return
        for entry, answer in zip(batch, answers, strict=True):
            if not entry.answer.done():
                entry.answer.set_result(answer)
        seconds = perf_counter() - started
        self._seconds_each += 0.2 * (seconds / len(batch) - self._seconds_each)
        if self._observer is not None:
            self._observer.batch(self.name, len(batch), seconds)

    async def _in_thread(self, inputs: list[In]) -> Sequence[Out]:
        return await anyio.to_thread.run_sync(self._compute, inputs, limiter=self._thread)


def _fail(entry: _Waiting[In, Out], error: Exception) -> None:
    if not entry.answer.done():
        entry.answer.set_exception(error)
