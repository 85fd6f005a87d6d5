"""Slabs: arrays (n, H, W, 3) that are filled in place by the threads that decode, and given to the encoder as they are.

A group is as many tasks as a batch has pictures, in listing order, and each has its place in the group's slab. So which
pictures share a batch does not depend on which thread was faster, and nothing is copied to make one. Where a task came
to no pixels, its place stays free: the batch has fewer pictures, or small groups become one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.decode import Loaded, Ready
from vasari.indexer.embed import Contents, Embedded
from vasari.indexer.plan import Task
from vasari.retrieval.library.commit import Pixels, Prepared

Slab = NDArray[np.uint8]
Outcome = Loaded | Embedded


class Slabs:
    """Pool of reusable slabs. Who takes one sees to it that there are not too many."""

    def __init__(
        self,
        rows: int,
        allocate: Callable[[tuple[int, ...]], Slab] = lambda shape: np.empty(shape, np.uint8),
        pin: Callable[[Slab], object] | None = None,
    ) -> None:
        """`allocate` makes one of a shape; `pin` is told of each, such as to let a GPU read it by itself."""
        self._rows = rows
        self._allocate = allocate
        self._pin = pin
        self._free: list[Slab] = []
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...]) -> Slab:
        """A slab for pictures of this shape."""
        with self._lock:
            if self._free:
                return self._free.pop()
        slab = self._allocate((self._rows, *shape))
        if self._pin is not None:
            self._pin(slab)
        return slab

    def give(self, slab: Slab) -> None:
        """What was in it is not needed any more."""
        with self._lock:
            self._free.append(slab)


class Group:
    """Tasks on their way together, and what became of each."""

    def __init__(self, tasks: Sequence[Task], slabs: Slabs) -> None:
        self.outcomes: list[Outcome | None] = [None] * len(tasks)
        self.left = len(tasks)  # of which nothing is known yet
        self.ready = 0  # that are to be embedded
        self.embedded = False  # whatever was to be
        self.slab: Slab | None = None
        self._tasks = tasks
        self._taken = 0
        self._slabs = slabs
        self._lock = threading.Lock()

    @property
    def is_taken(self) -> bool:
        """Whether somebody deals with each task."""
        return self._taken == len(self._tasks)

    def take(self, count: int) -> tuple[int, Sequence[Task]]:
        """The next tasks that nobody has taken, and the place of the first."""
        place = self._taken
        tasks = self._tasks[place : place + count]
        self._taken += len(tasks)
        return place, tasks

    def put(self, place: int, outcomes: Sequence[Loaded]) -> None:
        """Note what became of tasks."""
        self.outcomes[place : place + len(outcomes)] = outcomes
        self.ready += sum(map(is_ready, outcomes))
        self.left -= len(outcomes)

    def cut(self) -> None:
        """Leave out the tasks that nobody has taken."""
        self.left -= len(self._tasks) - self._taken
        self._tasks = self._tasks[: self._taken]
        del self.outcomes[self._taken :]

    def rows(self, shape: tuple[int, ...]) -> Slab:
        """The group's slab, which is taken for the first of its pictures."""
        with self._lock:
            if self.slab is None:
                self.slab = self._slabs.take(shape)
            return self.slab

    def keep(self, place: int, pixels: Pixels) -> Pixels:
        """Copy a picture to its place, and return that; safe to call from many threads."""
        row: Pixels = self.rows(pixels.shape)[place]
        row[:] = pixels
        return row

    def settle(self, embedded: Iterator[Embedded]) -> None:
        """Put what became of pictures in their places, and give the slab back."""
        self.outcomes = [next(embedded) if is_ready(outcome) else outcome for outcome in self.outcomes]
        if self.slab is not None:
            self._slabs.give(self.slab)
            self.slab = None


def is_ready(outcome: Outcome | None) -> TypeGuard[Ready]:
    """Whether it has to be embedded."""
    return isinstance(outcome, tuple) and isinstance(outcome[1], Prepared)


def ready(groups: Sequence[Group]) -> list[Ready]:
    """What has to be embedded, in order."""
    return [outcome for group in groups for outcome in group.outcomes if is_ready(outcome)]


def contents(groups: Sequence[Group]) -> Contents:
    """What the encoder takes of loaded groups: pixels (n, H, W, 3) or texts.

    Pictures lie as they are needed, but where places before them are free: then they are moved up.
    """
    slab = next((group.slab for group in groups if group.slab is not None), None)
    if slab is None:
        return [str(prepared.content) for _, prepared in ready(groups)]
    count = 0
    for group in groups:
        for place, outcome in enumerate(group.outcomes):
            if is_ready(outcome):
                if group.slab is not None and (group.slab is not slab or place != count):
                    slab[count] = group.slab[place]
                count += 1
    return slab[:count]
