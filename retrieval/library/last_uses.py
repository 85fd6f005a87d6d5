"""Idle models: when each kind was last asked for, so that those that nobody needs can leave memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum


class LoadedKind(StrEnum):
    """What a process holds in memory of its models."""

    TEXT = "text"  # towers of query texts
    PICTURE = "picture"  # exported towers of single pictures
    ENCODER = "encoder"  # dual encoders, as jobs and uploads need them
    RERANKER = "reranker"
    DESCRIBER = "describer"  # captioners, answerers and locators


class LastUses:
    """When each kind was last asked for, and which were given back since. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: dict[LoadedKind, float] = {}
        self._resting: set[LoadedKind] = set()

    def note(self, kind: LoadedKind) -> None:
        """It is asked for now."""
        self._at[kind] = self._clock()
        self._resting.discard(kind)

    def idle(self, kind: LoadedKind) -> float:
        """Seconds since it was asked for; 0 if it never was."""
        now = self._clock()
        return now - self._at.get(kind, now)

    def rest(self, kind: LoadedKind) -> None:
        """It was given back."""
        self._resting.add(kind)

    def rests(self, kind: LoadedKind) -> bool:
        """Whether it was given back and not asked for since."""
        return kind in self._resting

    @contextmanager
    def unnoticed(self, kind: LoadedKind) -> Iterator[None]:
        """What asks for it in the block is no use of it: a probe."""
        before = self._at.get(kind)
        yield
        if before is not None:
            self._at[kind] = before
