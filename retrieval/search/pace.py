"""How fast the reranker is on this machine, so that a deadline is kept by comparing fewer candidates."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

_RECENT = 0.5  # weight of the latest measurement: other programs come and go
_FADING = 0.8  # of what a pair took, after each question for which that was too long
_PROBE = 2  # pairs that a question begins with: its words may be more than those of the last
# Of the time that is left, for the next batch: the last one is short, and so is what it takes longer.
_SHARE = 0.6


@dataclass
class Pace:
    """Seconds that an image takes to encode, its reading included, and a pair to be compared. Thread-safe."""

    image: float | None = None
    pair: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def encoded(self, images: int, seconds: float) -> None:
        """Note how long some images took."""
        with self._lock:
            self.image = _mixed(self.image, seconds / images)

    def doubted(self) -> None:
        """A question was turned down: what was slow once is tried again after some of them."""
        with self._lock:
            self.pair = None if self.pair is None else _FADING * self.pair

    def compared(self, pairs: int, seconds: float) -> None:
        """Note how long some pairs took."""
        with self._lock:
            self.pair = _mixed(self.pair, seconds / pairs)


def _mixed(before: float | None, now: float) -> float:
    return now if before is None else _RECENT * now + (1 - _RECENT) * before


class Batches:
    """How many candidates one question compares at a time: a few first, then ever fewer as its deadline comes near.

    They are counted by what a pair of this question took, as soon as that is known.
    """

    def __init__(self, pace: Pace, largest: int) -> None:
        self._pace, self._largest = pace, largest
        self._pair: float | None = None

    def next(self, ready: int, seconds: float | None) -> int:
        """How many of the `ready` candidates to compare now, with so many seconds left; None for no deadline."""
        most = min(ready, self._largest)
        if seconds is None:
            return most
        pair = self._pair if self._pair is not None else self._pace.pair
        if seconds <= 0:
            return 0
        if pair is None:  # nothing is known: one tells
            return min(most, 1)
        if self._pair is None:
            most = min(most, _PROBE)
        count = min(most, int(_SHARE * seconds / pair)) if pair > 0 else most
        if not count and self._pair is None:
            self._pace.doubted()
        return count

    def took(self, pairs: int, seconds: float) -> None:
        """Note how long the last batch took."""
        self._pair = seconds / pairs
        self._pace.compared(pairs, seconds)
