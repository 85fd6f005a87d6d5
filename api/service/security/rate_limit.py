"""Rate limiting: token buckets by name (a key's id, an address)."""

from __future__ import annotations

import time
from collections.abc import Callable

from cachetools import LRUCache

_MOST = 10_000  # names remembered; the longest unseen is forgotten, and its bucket was full by then


class RateLimiter:
    """Token buckets of `rate` a second and `burst` at once; a request costs 1 or more. For one event loop."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: LRUCache[str, tuple[float, float]] = LRUCache(_MOST)  # name: tokens, when counted

    def take(self, name: str, cost: float = 1) -> float:
        """Take `cost` tokens: 0.0, or, if there are too few, the seconds until there are enough.

        What costs more than the bucket holds is let in when it is full, and leaves a debt that is worked off first.
        """
        tokens, needed = self._tokens(name), min(cost, self._burst)
        wait = 0.0 if tokens >= needed else (needed - tokens) / self._rate
        self._buckets[name] = (tokens - cost if wait == 0 else tokens, self._clock())
        return wait

    def _tokens(self, name: str) -> float:
        tokens, then = self._buckets.get(name, (float(self._burst), self._clock()))
        return min(self._burst, tokens + (self._clock() - then) * self._rate)
