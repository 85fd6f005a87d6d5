"""Waiting for a state and never for a time: on a busy machine anything takes as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio

LONG = 300.0  # seconds for an answer that nothing holds up; clients' own limits (httpx's 5) are for quiet machines
_STEP = 0.002  # seconds between looks; what never comes is ended by the test's own limit


def until(is_so: Callable[[], object], step: float = _STEP) -> None:
    """Wait until it is so; `step` in seconds, longer where looking is work."""
    while not is_so():
        time.sleep(step)


async def turned(is_so: Callable[[], object]) -> None:
    """Wait until it is so, and let other tasks go on meanwhile."""
    while not is_so():
        await anyio.sleep(_STEP)
