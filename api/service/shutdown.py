"""How the service ends: streams are ended, requests answered, and a second signal is not argued with."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def on_stop_signal(stop: Callable[[], None], within: float) -> None:
    """Call `stop` in the event loop on SIGTERM or SIGINT, before the server's own handler does its part.

    The server waits for open answers before it ends the lifespan, so the lifespan's end would be too late. The same
    signal again ends the process at once, and so does not having ended `within` seconds. (Another signal is no second
    one: Ctrl-C reaches a worker from the terminal, and SIGTERM from its parent.) Nothing is lost by that: a library
    stands a kill at any moment.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # inside a test's thread: no signals there
    loop = asyncio.get_running_loop()
    came: set[int] = set()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def handle(
            number: int, frame: FrameType | None, before: Callable[[int, FrameType | None], object] = before
        ) -> None:
            if number in came:
                os._exit(128 + number)
            if not came:
                end_after(within, 128 + number)
            came.add(number)
            loop.call_soon_threadsafe(stop)
            before(number, frame)

        signal.signal(number, handle)


def end_after(seconds: float, code: int) -> None:
    """End the process then, whatever it still does."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
