"""Limits on file size and pixels (decompression bombs), checked before anything is decoded.

And the memory budget: the bytes that all decoders of this process may hold at the same time. A small file may
unpack to a gigabyte, and threads multiply it. So each decoding says what it will need at most, and waits until that
fits beside what is under way; one that needs more than the whole budget waits until it is alone. First come, first
served: a large picture is not kept waiting by an endless row of small ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vasari.retrieval import cancellation
from vasari.retrieval.errors import ImageError, Sentence


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of one picture, and the memory budget of all that are decoded at the same time."""

    max_bytes: int = 256 * 1024 * 1024
    max_pixels: int = 200_000_000
    decode_bytes: int = 1024 * 1024 * 1024  # of all decodings of the process together; more of them wait


def check_bytes(size: int, limits: ImageLimits) -> None:
    """Raise ImageError, stage "limit", for a file of more bytes."""
    if size > limits.max_bytes:
        raise ImageError(
            Sentence(
                "the file has {n:,} bytes, the limit is {most:,} (VASARI_MAX_IMAGE_BYTES)",
                n=size,
                most=limits.max_bytes,
            ),
            stage="limit",
        )


def check_pixels(width: int, height: int, limits: ImageLimits) -> None:
    """Raise ImageError for a picture without pixels and, stage "limit", for one of more pixels."""
    if width < 1 or height < 1:
        raise ImageError(
            Sentence("the picture has no pixels ({width} × {height})", width=width, height=height)
        )
    if width * height > limits.max_pixels:
        raise ImageError(
            Sentence(
                "{width} × {height} = {pixels}, the limit is {most} (VASARI_MAX_IMAGE_PIXELS)",
                width=width,
                height=height,
                pixels=_pixels(width * height),
                most=_pixels(limits.max_pixels),
            ),
            stage="limit",
        )


def check_together(weight: int, limits: ImageLimits) -> None:
    """Raise ImageError, stage "limit", for pictures that come together and unpack to `weight` bytes in all."""
    most = _TOGETHER * limits.decode_bytes
    if weight > most:
        raise ImageError(
            Sentence(
                "the pictures of one request take {size:.3g} GiB of memory, the limit is {most:.3g} GiB:"
                " send fewer, or smaller ones",
                size=weight / 2**30,
                most=most / 2**30,
            ),
            stage="limit",
        )


_TOGETHER = 8  # budgets that one request may use up, one after the other


def _pixels(count: int) -> Sentence:
    if count < 10**6:
        return Sentence("{n:,} pixels", n=count)
    if count < 10**9:
        return Sentence("{n:.4g} megapixels", n=count / 1e6)
    return Sentence("{n:.3g} gigapixels", n=count / 1e9)


_LOOK = 0.1  # seconds between looks at whether anybody still waits for the picture


class Budget:
    """Memory budget: a first-come, first-served semaphore of bytes, for threads; never held twice by one."""

    def __init__(self) -> None:
        self._held = 0
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Bytes in use now."""
        return self._held

    @property
    def waiting(self) -> int:
        """Number of threads that wait."""
        return len(self._line)

    @contextmanager
    def hold(self, size: int, capacity: int) -> Iterator[None]:
        """Wait until `size` bytes fit into `capacity`, and hold them; AbandonedError if the caller leaves first."""
        with self._changed:
            self._wait(size, capacity)
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _wait(self, size: int, capacity: int) -> None:
        ticket = object()
        self._line.append(ticket)
        try:
            while self._line[0] is not ticket or (self._held and self._held + size > capacity):
                cancellation.check()
                self._changed.wait(_LOOK)
        finally:
            self._line.remove(ticket)
            self._changed.notify_all()


DECODING = Budget()
"""The budget of this process."""
