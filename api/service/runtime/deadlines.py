"""The deadline of the request that is being answered, for work that can be cut short instead of failing."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import replace

from vasari.retrieval.domain import SearchRequest

_end: ContextVar[float | None] = ContextVar("deadline", default=None)
# For what comes afterwards.
_RESERVE = 0.2  # share of the time that is left
_LEAST_RESERVE = 0.2  # seconds


def begin_deadline(seconds: float) -> None:
    """From now on there are so many seconds for the answer."""
    _end.set(time.monotonic() + seconds)


def within_deadline(request: SearchRequest) -> SearchRequest:
    """The request with a second stage that leaves time for an answer: in the first stage's order, if it must be."""
    end = _end.get()
    if end is None or request.rerank is None:
        return request
    seconds = end - time.monotonic()
    left = max(0.0, seconds - max(_LEAST_RESERVE, _RESERVE * seconds)) * 1000
    asked = request.rerank.deadline_ms
    return replace(
        request, rerank=replace(request.rerank, deadline_ms=left if asked is None else min(asked, left))
    )
