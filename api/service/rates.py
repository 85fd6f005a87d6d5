"""How often somebody may ask: token buckets by name (a key's id, an address)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST = 10_000  # names remembered; the longest unseen is forgotten, and its bucket was full by then


class RateLimiter:
    """`rate` requests a second on average, `burst` at once. Used by one event loop."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name: tokens, when counted

    def take(self, name: str) -> float:
        """Take a token: 0.0, or, if there is none, the seconds until there is one."""
        tokens = self._tokens(name)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._keep(name, tokens - 1 if wait == 0 else tokens)
        return wait

    def _tokens(self, name: str) -> float:
        tokens, then = self._buckets.get(name, (float(self._burst), self._clock()))
        return min(self._burst, tokens + (self._clock() - then) * self._rate)

    def _keep(self, name: str, tokens: float) -> None:
        self._buckets[name] = (tokens, self._clock())
        self._buckets.move_to_end(name)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
