"""Cooperative cancellation: work that nobody waits for any more ends at its next look at a flag.

Whoever starts work sets the flag with `watching`; loops over batches, candidates and pictures call `check` between
two of them. Outside of `watching` nothing is ever cancelled, so bulk jobs and the command line need not know.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from vasari.retrieval.errors import AbandonedError

_flag: ContextVar[threading.Event | None] = ContextVar("cancelled", default=None)


@contextmanager
def watching(flag: threading.Event) -> Iterator[None]:
    """Let `check` in this thread (or task) raise once `flag` is set."""
    token = _flag.set(flag)
    try:
        yield
    finally:
        _flag.reset(token)


def check() -> None:
    """Raise AbandonedError if nobody waits for this work any more."""
    flag = _flag.get()
    if flag is not None and flag.is_set():
        raise AbandonedError("nobody waits for this work any more")
