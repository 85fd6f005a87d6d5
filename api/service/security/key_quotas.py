"""Quotas of keys: how much each may ask for in a day (of UTC), counted over all processes of a service.

A process counts by itself and tells the catalog every few seconds, which tells what others have counted. So a quota is
overrun by what processes let in meanwhile, and nobody waits for a database. A replica, which may not write, counts for
itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from vasari.retrieval.catalog.api_keys import ApiKeys
from vasari.retrieval.catalog.records import ApiKeyRecord, KeyUsage
from vasari.retrieval.errors import OverloadedError, ReadOnlyError, VasariError

Uses = Mapping[int, KeyUsage]  # by key
_LOG = logging.getLogger("vasari.service")
_WORDS = {
    "requests": "asked as often",
    "upload_bytes": "uploaded as much",
    "upload_pictures": "uploaded as many pictures",
}


class KeyQuotas:
    """What keys have asked for today. `take` is for the event loop, all else blocks."""

    def __init__(self, keys: ApiKeys, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keys = keys
        self._now = now
        self._day = _day_of(now())
        self._known: Uses = keys.used(self._day)
        self._fresh: Uses = {}  # counted here since the catalog was told
        self._telling: Uses = {}  # what it is being told
        self._turn = threading.Lock()

    def take(self, key: ApiKeyRecord, use: KeyUsage) -> None:
        """Count what a key asks for; OverloadedError until midnight beyond what it may."""
        with self._turn:
            self._begin_day()
            counted = (uses.get(key.id, KeyUsage()) for uses in (self._known, self._telling, self._fresh))
            asked = sum(counted, use)
            for name, words in _WORDS.items():
                most = getattr(key.limits, f"{name}_a_day")
                if most is not None and getattr(use, name) and getattr(asked, name) > most:
                    raise OverloadedError(
                        f"this key has {words} as it may in a day; come back after midnight UTC",
                        _until_midnight(self._now()),
                    )
            self._fresh = _together(self._fresh, {key.id: use})

    def tell(self) -> None:
        """Tell the catalog what was counted here, and learn what others have counted."""
        with self._turn:
            self._begin_day()
            day, self._telling, self._fresh = self._day, self._fresh, {}
        if not self._telling:
            return
        try:
            known: Uses = self._keys.count(day, self._telling, self._now())
        except ReadOnlyError:
            known = _together(self._known, self._telling)
        except VasariError as error:  # a full disk, a busy catalog: they are told with the next
            _LOG.warning("what keys asked for is not noted yet: %s", error)
            with self._turn:
                self._fresh, self._telling = _together(self._fresh, self._telling), {}
            return
        with self._turn:
            self._telling = {}
            if day == self._day:
                self._known = known

    def _begin_day(self) -> None:
        if (day := _day_of(self._now())) != self._day:
            self._day, self._known, self._fresh = day, {}, {}


def _together(uses: Uses, more: Uses) -> Uses:
    return {**uses, **{key: uses.get(key, KeyUsage()) + use for key, use in more.items()}}


def _day_of(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _until_midnight(now: datetime) -> float:
    now = now.astimezone(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()
