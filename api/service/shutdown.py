"""Graceful shutdown: streams are ended, requests answered, nothing is reset, and a second signal is not argued with."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Seconds in which what is on its way is still accepted and read, once the service is told to stop.
LAST_LOOK = 0.5
STOPPING = "stopping"  # key of the lifespan's state: an event, set as soon as the service is told to stop
# Seconds in which the same signal again is the same telling: `timeout` tells a process and its group.
_AT_ONCE = 0.2
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux, which Python's socket does not name
_NO_SYN = (  # drop segments with SYN and without ACK; the byte at 13 of a TCP header holds its flags
    (0x30, 0, 0, 13),  # A = flags
    (0x54, 0, 0, 0x12),  # A &= SYN | ACK
    (0x15, 0, 1, 0x02),  # if A == SYN:
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFF),  # else take all of it
)


class Told:
    """A second signal of one kind means an immediate end; echoes of the first do not count."""

    def __init__(self) -> None:
        self._first: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self._first)

    def again(self, number: int) -> bool:
        """Note the signal; whether it is the second of its kind, and no echo of the first."""
        now = time.monotonic()
        return now - self._first.setdefault(number, now) > _AT_ONCE


def on_stop_signal(stop: Callable[[], None], within: float) -> None:
    """Call `stop` in the event loop on SIGTERM, SIGINT or SIGHUP, and the server's own handler a last look later.

    The server's handler closes the listening socket, which resets connections that wait there, and then waits for
    open answers before it ends the lifespan, whose end would be too late for streams. The same signal again ends the
    process at once, and so does not having ended `within` seconds. (Another signal is no second one.) Nothing is lost
    by that: a library stands a kill at any moment. A worker leaves that to its parent: whoever tells a whole group of
    processes tells it twice. Without its parent it stops.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # inside a test's thread: no signals there
    loop = asyncio.get_running_loop()
    told = Told()
    server = signal.getsignal(signal.SIGTERM)
    parent = multiprocessing.parent_process()

    def handle(number: int, frame: FrameType | None) -> None:
        begun = bool(told)
        if told.again(number) and parent is None:
            os._exit(128 + number)
        if begun:
            return
        end_after(within, 128 + number)
        loop.call_soon_threadsafe(stop)
        if callable(server):
            loop.call_soon_threadsafe(loop.call_later, LAST_LOOK, server, number, frame)

    listen_for_stop(handle)
    if parent is not None:
        threading.Thread(target=_stop_after, args=(parent.join,), daemon=True).start()


def longest_stop(timeout: float) -> float:
    """Longest graceful shutdown in seconds: open requests have `timeout`, then a job has."""
    return 2 * timeout + 10


def listen_for_stop(handle: Callable[[int, FrameType | None], None]) -> None:
    """Have `handle` called by each signal to stop, but those that `nohup` and the like have us ignore."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def end_after(seconds: float, code: int) -> None:
    """Watchdog: end the process then, whatever it still does."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


def refuse_connections(listening: Iterable[socket.socket]) -> None:
    """Drop the first packet of new connections (SYN), as a socket that is closed resets those that wait in its queue.

    Callers try again a second later and find the socket closed, or the next service. The filter is the socket's, and
    so holds in all processes that share it. Only Linux has it; elsewhere a connection that comes in the microseconds
    between the last look and the close is reset.
    """
    if sys.platform != "linux":
        return
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _NO_SYN)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(_NO_SYN), ctypes.addressof(held))
    for one in listening:
        with contextlib.suppress(OSError):  # a sandbox that has no such filters: as on other systems
            one.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def _stop_after(wait: Callable[[], None]) -> None:
    wait()
    os.kill(os.getpid(), signal.SIGTERM)
