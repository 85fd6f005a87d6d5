"""Threads are bounded by the work that exists, not by the callers who still wait for it."""

from __future__ import annotations

import threading

import anyio
import pytest

from tests.patience import turned
from vasari.api.service.runtime.pools import Pool
from vasari.api.service.runtime.single_flight import SingleFlight
from vasari.retrieval import cancellation
from vasari.retrieval.errors import AbandonedError, OverloadedError

pytestmark = pytest.mark.anyio


class Work:
    """Waits for `gate`; knows how much of it ran at once at most."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.running = self.most = self.calls = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
        self.begun.release()
        self.gate.wait(60)
        with self._lock:
            self.running -= 1
        return threading.current_thread().name


async def test_callers_that_leave_free_no_thread() -> None:
    """Forty callers give up after a moment: two pieces of work ran, the others never began."""
    work, pool = Work(), Pool("few", threads=2, waiting=64)

    async with anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(pool.run, work)
        await turned(lambda: work.calls == 2 and pool.depth == 38)
        group.cancel_scope.cancel()
    assert (work.most, work.calls, pool.depth) == (2, 2, 0)
    work.gate.set()
    assert (await pool.run(work)).startswith("vasari-few")
    assert work.most == 2


async def test_a_full_line_refuses_at_once() -> None:
    """With every thread at work and the line full, the next caller is told to come again."""
    work, pool = Work(), Pool("one", threads=1, waiting=2)
    async with anyio.create_task_group() as group:
        group.start_soon(pool.run, work)
        await turned(lambda: work.calls == 1)
        for _ in range(2):
            group.start_soon(pool.run, work)
        await turned(lambda: pool.depth == 2)
        with pytest.raises(OverloadedError) as refused:
            await pool.run(work)
        assert refused.value.retry_after > 0
        work.gate.set()
    assert work.calls == 3


async def test_work_that_nobody_waits_for_ends_at_its_next_look() -> None:
    """A loop that looks at the flag ends soon after its caller has left."""
    begun, ended = threading.Event(), threading.Event()

    def loop() -> None:
        begun.set()
        try:
            while True:
                cancellation.check()
                threading.Event().wait(0.001)
        except AbandonedError:
            ended.set()
            raise

    async with anyio.create_task_group() as group:
        group.start_soon(Pool("loop", threads=1, waiting=1).run, loop)
        await turned(begun.is_set)
        group.cancel_scope.cancel()
    assert ended.wait(60)


async def test_errors_reach_the_caller() -> None:
    """What the work raises is raised by `run`."""

    def fail() -> None:
        raise ValueError("no")

    pool = Pool("failing", threads=1, waiting=1)
    with pytest.raises(ValueError, match="no"):
        await pool.run(fail)
    assert await pool.run(lambda: 3) == 3


async def test_equal_questions_are_computed_once() -> None:
    """Callers with the same key share a computation, as long as one of them stays."""
    calls, gate, answers = 0, anyio.Event(), []
    shared: SingleFlight[str, int] = SingleFlight()

    async def compute() -> int:
        nonlocal calls
        calls += 1
        await gate.wait()
        return calls

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            answers.append(await shared.run("key", compute))

    scopes = [anyio.CancelScope() for _ in range(4)]
    async with anyio.create_task_group() as group:
        for scope in scopes:
            group.start_soon(ask, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert (calls, answers) == (1, [1, 1, 1])
    assert await shared.run("key", compute) == 2
