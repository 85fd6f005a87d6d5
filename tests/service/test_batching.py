"""Requests of the same moment share a call of the model."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import anyio
import anyio.to_thread
import pytest

from tests.patience import turned
from vasari.api.service.runtime.batching import Batcher
from vasari.retrieval import cancellation
from vasari.retrieval.errors import AbandonedError, OverloadedError

pytestmark = pytest.mark.anyio


class Model:
    """Answers each word with its capitals; waits for `gate`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, words: list[str]) -> Sequence[str]:
        self.entered.set()
        self.gate.wait(60)
        self.batches.append(list(words))
        if "poison" in words:
            raise RuntimeError("cannot read this")
        return [word.upper() for word in words]


def batcher(model: Model, size: int = 8, limit: int = 64) -> Batcher[str, str]:
    made = Batcher("words", model, size=size, wait=0, limit=limit)
    made.start()
    return made


async def in_line(shared: Batcher[str, str], model: Model, number: int) -> None:
    """Wait until so many wait behind a batch."""
    await turned(lambda: model.entered.is_set() and shared.depth == number)


async def test_requests_that_wait_are_computed_together() -> None:
    """While the model works, requests gather and become one batch; each gets its own answer."""
    model = Model()
    model.gate.clear()
    shared = batcher(model)
    answers: dict[str, list[str]] = {}

    async def ask(word: str) -> None:
        answers[word] = await shared.submit([word])

    async with anyio.create_task_group() as group:
        for number, word in enumerate(("a", "b", "c", "d")):
            group.start_soon(ask, word)
            await in_line(shared, model, number)
        model.gate.set()
    assert answers == {word: [word.upper()] for word in "abcd"}
    assert model.batches == [["a"], ["b", "c", "d"]]
    await shared.close()


async def test_one_bad_input_fails_alone() -> None:
    """Neighbours of an input that the model fails on are answered."""
    model = Model()
    model.gate.clear()
    shared = batcher(model)
    outcomes: dict[str, object] = {}

    async def ask(word: str) -> None:
        try:
            outcomes[word] = await shared.submit([word])
        except RuntimeError as error:
            outcomes[word] = str(error)

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "first")
        await turned(model.entered.is_set)
        for word in ("good", "poison", "fine"):
            group.start_soon(ask, word)
        await turned(lambda: shared.depth == 3)
        model.gate.set()
    assert outcomes == {
        "first": ["FIRST"],
        "good": ["GOOD"],
        "poison": "cannot read this",
        "fine": ["FINE"],
    }
    await shared.close()


async def test_a_full_queue_refuses_at_once() -> None:
    """What does not fit is told to come again; what fits is answered."""
    model = Model()
    model.gate.clear()
    shared = batcher(model, size=1, limit=2)
    refused = 0

    async def ask(word: str) -> None:
        nonlocal refused
        try:
            await shared.submit([word])
        except OverloadedError:
            refused += 1

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "0")
        await turned(model.entered.is_set)
        for number in range(1, 6):
            group.start_soon(ask, str(number))
        await turned(lambda: refused == 3)
        model.gate.set()
    assert refused == 3  # one was with the model, two waited
    assert sum(map(len, model.batches)) == 3
    await shared.close()


async def test_nothing_is_computed_for_who_went_away() -> None:
    """A request that was cancelled while it waited never reaches the model."""
    model = Model()
    model.gate.clear()
    shared = batcher(model)
    async with anyio.create_task_group() as group:
        group.start_soon(shared.submit, ["first"])
        await turned(model.entered.is_set)
        with anyio.move_on_after(0.02):
            await shared.submit(["gone"])
        group.start_soon(shared.submit, ["last"])
        await turned(lambda: shared.depth == 2)  # one of them has left
        model.gate.set()
    assert model.batches == [["first"], ["last"]]
    await shared.close()


async def test_closing_answers_what_was_accepted() -> None:
    """A batcher that closes answers its queue first, and takes nothing new."""
    model = Model()
    model.gate.clear()
    shared = batcher(model, size=1)
    answers: list[list[str]] = []

    async def ask(word: str) -> None:
        answers.append(await shared.submit([word]))

    async with anyio.create_task_group() as group:
        for word in "abc":
            group.start_soon(ask, word)
        await in_line(shared, model, 2)
        group.start_soon(shared.close)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(OverloadedError):
            await shared.submit(["late"])
        model.gate.set()
    assert sorted(answers) == [["A"], ["B"], ["C"]]


async def test_a_long_input_does_not_travel_with_short_ones() -> None:
    """Inputs of very different cost are different batches."""
    model = Model()
    model.gate.clear()
    shared: Batcher[str, str] = Batcher("words", model, size=8, wait=0, limit=64, order=len)
    shared.start()
    async with anyio.create_task_group() as group:
        for number, word in enumerate(("first", "b", "x" * 500, "c")):
            group.start_soon(shared.submit, [word])
            await in_line(shared, model, number)
        model.gate.set()
    assert model.batches == [["first"], ["b", "c"], ["x" * 500]]
    await shared.close()


async def test_a_small_request_overtakes_a_large_one() -> None:
    """Two thousand inputs of one request do not keep the single input of another waiting, nor out."""
    model = Model()
    model.gate.clear()
    shared = batcher(model, size=4, limit=8)
    async with anyio.create_task_group() as group:
        group.start_soon(shared.submit, [f"bulk {number}" for number in range(2000)])
        await turned(model.entered.is_set)
        waiting = shared.depth
        group.start_soon(shared.submit, ["lone"])
        await turned(lambda: shared.depth == waiting + 1)
        model.gate.set()
    assert "lone" in model.batches[1]
    assert sum(map(len, model.batches)) == 2001
    await shared.close()


async def test_a_batch_that_all_have_left_ends_early() -> None:
    """The model's next look at the flag ends work that nobody waits for."""
    begun, looked = threading.Event(), threading.Event()

    def slow(words: list[str]) -> Sequence[str]:
        begun.set()
        try:
            while True:
                cancellation.check()
                threading.Event().wait(0.001)
        except AbandonedError:
            looked.set()
            raise

    shared: Batcher[str, str] = Batcher("slow", slow, size=8, wait=0, limit=8)
    shared.start()
    async with anyio.create_task_group() as group:
        group.start_soon(shared.submit, ["a", "b"])
        await turned(begun.is_set)
        group.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(looked.wait, 60)
    await shared.close()
