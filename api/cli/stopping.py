"""Graceful stop on SIGINT (Ctrl-C) and SIGTERM, which long work answers when it can."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from vasari.api.cli import output


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second one does what it did before: end the program at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            again = before[signal.Signals(number)]
            (again if callable(again) else signal.default_int_handler)(number, frame)
        stop.set()
        output.note("")  # below the progress bar
        output.note(
            "finishing the batch… (again to stop at once)" if number == signal.SIGINT else "stopping…"
        )

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
