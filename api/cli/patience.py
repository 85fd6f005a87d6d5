"""Backing off: a service that is asked for many things one by one is asked at the rate that it allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from vasari.retrieval.errors import OverloadedError

G = TypeVar("G")
T = TypeVar("T")
_LONGEST_WAIT = 5  # seconds; a quota of the day is waited for by nobody


def patiently(ask: Callable[[G], T], given: G) -> T:
    """The answer to one question, after as long as the service says (Retry-After); OverloadedError if that is long."""
    while True:
        try:
            return ask(given)
        except OverloadedError as busy:
            if busy.retry_after > _LONGEST_WAIT:
                raise
            time.sleep(busy.retry_after)
