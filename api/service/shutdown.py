"""Streams that would go on for ever end when the process is told to stop; all other requests are finished."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` in the event loop on SIGTERM or SIGINT, before the server's own handler does its part.

    The server waits for open answers before it ends the lifespan, so the lifespan's end would be too late.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # inside a test's thread: no signals there
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def handle(
            number: int, frame: FrameType | None, before: Callable[[int, FrameType | None], object] = before
        ) -> None:
            loop.call_soon_threadsafe(stop)
            before(number, frame)

        signal.signal(number, handle)
