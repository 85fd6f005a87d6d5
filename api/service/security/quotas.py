"""Upload quotas: what one key may send in a day, and what all may store in all.

The counts of keys are those of a process, as rates are. What is stored is measured on the disk: once at the first
upload, and again from time to time, for other processes store and delete too.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from vasari.api.service.problems import ProblemError
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.errors import OverloadedError

_DAY = 24 * 60 * 60.0
_MEASURE_EVERY = 3600.0  # seconds


class UploadQuotas:
    """Quotas of the uploads in `folder`. `admit` is for the event loop, all else blocks."""

    def __init__(
        self, folder: Path, settings: ServiceSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._most = settings.uploads_bytes
        self._free = settings.uploads_free_bytes
        self._clock = clock
        self._bytes = _daily(settings.upload_key_bytes, clock)
        self._pictures = _daily(settings.upload_key_pictures, clock)
        self._stored = 0
        self._measured_at = float("-inf")
        self._turn = threading.Lock()

    def admit(self, key: int | None, size: int) -> None:
        """Count a picture of `size` bytes for its key; OverloadedError when it has sent enough for a day.

        Whoever is served without a key is the machine's own user, and not counted.
        """
        if key is None:
            return
        for limit, amount in ((self._pictures, 1), (self._bytes, size)):
            if limit is not None and (wait := limit.take(str(key), amount)):
                raise OverloadedError(
                    "this key has uploaded as much as it may in a day; come back later", wait
                )

    def take(self, size: int) -> None:
        """Take room for `size` bytes; ProblemError 507 when uploads have as much as they may, or the disk is full."""
        with self._turn:
            if self._clock() - self._measured_at > _MEASURE_EVERY:
                self._stored, self._measured_at = _size_of(self._folder), self._clock()
            if self._most and self._stored + size > self._most:
                raise ProblemError(
                    507,
                    "uploads-full",
                    f"uploads take at most {self._most / 2**30:.3g} GiB here, and have them (VASARI_UPLOADS_BYTES):"
                    " delete some",
                )
            if shutil.disk_usage(self._folder.parent).free < size + self._free:
                raise ProblemError(
                    507, "storage", "the disk has no room for uploads (VASARI_UPLOADS_FREE_BYTES)"
                )
            self._stored += size

    def give_back(self, size: int) -> None:
        """Room that was not used after all, or is free again."""
        with self._turn:
            self._stored = max(0, self._stored - size)


def _daily(amount: int, clock: Callable[[], float]) -> RateLimiter | None:
    """A bucket that holds a day's amount; None: no limit."""
    return RateLimiter(amount / _DAY, amount, clock) if amount else None


def _size_of(folder: Path) -> int:
    return sum(
        entry.stat(follow_symlinks=False).st_size
        for place in (
            [folder.path for folder in os.scandir(folder) if folder.is_dir()] if folder.is_dir() else []
        )
        for entry in os.scandir(place)
    )
