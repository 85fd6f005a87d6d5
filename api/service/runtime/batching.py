"""Dynamic batching: concurrent requests share one call of a model.

While the model works, inputs gather; while there is company they wait up to `wait` seconds more for it, and a lone
request does not wait at all. The queue is bounded: what does not fit is refused at once (`OverloadedError`, HTTP
429) instead of waiting for an answer that would come too late. One input that the model fails on fails alone: its
batch is tried again one by one. An input whose caller went away, by disconnecting or by its deadline, is not
computed, and a batch that all callers have left ends early.

Requests take turns (start-time fair queueing; Goyal et al., SIGCOMM 1996): a request of one input waits for the first
inputs of those before it, and not for all two thousand of one of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

import anyio
import anyio.to_thread

from vasari.api.service.runtime.tracing import span
from vasari.retrieval import cancellation
from vasari.retrieval.errors import OverloadedError

In = TypeVar("In")
Out = TypeVar("Out")


_SMALL = 8  # inputs


class BatchObserver(Protocol):
    """Hears of every batch."""

    def batch(self, name: str, size: int, seconds: float) -> None:
        """`size` inputs took the model `seconds`."""
        ...


@dataclass(slots=True)
class _Waiting(Generic[In, Out]):
    given: In
    answer: asyncio.Future[Out]
    turn: int  # the lowest goes first; of the same turn, who came first
    request: int  # which one it is an input of


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
        self._share = max(_SMALL, size // 4)  # of a batch that one request may take: others wait for its end
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
        self._turn = 0  # of the last batch
        self._requests = 0  # that wait or are computed
        self._number = 0  # of requests so far
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
        if self._closing or self._full(len(inputs)):
            raise OverloadedError(
                f"{len(self._queue)} requests wait for the model already; try again in a moment",
                retry_after=len(self._queue) * self._seconds_each,
            )
        loop = asyncio.get_running_loop()
        entries: list[_Waiting[In, Out]] = [
            _Waiting(given, loop.create_future(), self._turn + place, self._number)
            for place, given in enumerate(inputs)
        ]
        self._number += 1
        self._queue.extend(entries)
        self._requests += 1
        self._filled.set()
        try:
            with span(f"batch {self.name}", **{"vasari.inputs": len(entries)}):
                return list(await asyncio.gather(*(entry.answer for entry in entries)))
        finally:
            self._requests -= 1
            for entry in entries:
                entry.answer.cancel()  # of no effect on those that were answered

    def _full(self, coming: int) -> bool:
        """Admission control: small requests are counted, large ones weighed, so that none keeps searches out."""
        if coming <= _SMALL:
            return self._requests >= self._limit + self._size
        return len(self._queue) + coming > max(self._limit, coming)

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
        """The next batch: the input whose turn it is, and those of like cost that wait with it."""
        waiting = (entry for entry in self._queue if not entry.answer.done())
        alive = deque(sorted(waiting, key=lambda entry: entry.turn))
        if alive:
            self._turn = alive[0].turn
        most = 2 * self._order(alive[0].given) + 32 if self._order is not None and alive else 0
        batch: list[_Waiting[In, Out]] = []
        rest: deque[_Waiting[In, Out]] = deque()
        share: Counter[int] = Counter()
        for entry in alive:
            fits = len(batch) < self._size and (self._order is None or self._order(entry.given) <= most)
            if fits and share[entry.request] < self._share:
                share[entry.request] += 1
                batch.append(entry)
            else:
                rest.append(entry)
        self._queue = rest
        return batch

    async def _answer(self, batch: list[_Waiting[In, Out]]) -> None:
        started = perf_counter()
        try:
            answers = await self._in_thread([entry.given for entry in batch], _all_left(batch))
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

    async def _in_thread(self, inputs: list[In], left: threading.Event) -> Sequence[Out]:
        def compute() -> Sequence[Out]:
            with cancellation.watching(left):
                return self._compute(inputs)

        return await anyio.to_thread.run_sync(compute, limiter=self._thread)


def _all_left(batch: Sequence[_Waiting[In, Out]]) -> threading.Event:
    """Set as soon as nobody waits for any of these answers."""
    left = threading.Event()

    def look(_answer: asyncio.Future[Out]) -> None:
        if all(entry.answer.done() for entry in batch):
            left.set()

    for entry in batch:
        entry.answer.add_done_callback(look)
    return left


def _fail(entry: _Waiting[In, Out], error: Exception) -> None:
    if not entry.answer.done():
        entry.answer.set_exception(error)


class Batchers:
    """The batchers of one service: each is started when it is first asked for, and lives as long as the service."""

    def __init__(self, *, size: int, wait: float, limit: int, observer: BatchObserver | None = None) -> None:
        """`size`, `wait` (seconds), `limit` and `observer` are those of each batcher."""
        self._size = size
        self._wait = wait
        self._limit = limit
        self._observer = observer
        self._batchers: dict[tuple[str, str], Batcher[Any, Any]] = {}

    def of(
        self,
        purpose: tuple[str, str],
        name: str,
        compute: Callable[[list[In]], Sequence[Out]],
        order: Callable[[In], int] | None = None,
    ) -> Batcher[In, Out]:
        """The batcher for a purpose, such as texts of a space; metrics count all of one `name` together."""
        found = self._batchers.get(purpose)
        if found is None:
            found = self._batchers[purpose] = Batcher(
                name,
                compute,
                size=self._size,
                wait=self._wait,
                limit=self._limit,
                order=order,
                observer=self._observer,
            )
            found.start()
        return found

    @property
    def alive(self) -> bool:
        """Whether every worker that was started still works."""
        return all(batcher.alive for batcher in self._batchers.values())

    @property
    def depths(self) -> dict[str, int]:
        """Inputs that wait, by name."""
        depths: Counter[str] = Counter()
        for batcher in self._batchers.values():
            depths[batcher.name] += batcher.depth
        return dict(depths)

    async def close(self) -> None:
        """Finish what was accepted."""
        for batcher in self._batchers.values():
            await batcher.close()
