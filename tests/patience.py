"""Waiting for a state and never for a time: on a busy machine anything takes as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio

_STEP = 0.002  # seconds between looks; what never comes is ended by the test's own limit


def until(is_so: Callable[[], object]) -> None:
    """Wait until it is so."""
    while not is_so():
        time.sleep(_STEP)


async def turned(is_so: Callable[[], object]) -> None:
    """Wait until it is so, and let other tasks go on meanwhile."""
    while not is_so():
        await anyio.sleep(_STEP)
