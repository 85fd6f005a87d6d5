"""File system events below folders (inotify, FSEvents), debounced.

Whoever hears that it is time lists everything; so nothing is lost that was not told, as long as the watch begins anew,
and with it a listing, wherever something may have gone untold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event
from time import monotonic

import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError
from watchfiles.main import FileChange

_BURST = 60.0  # seconds: a copy that never pauses is looked at in between
_LOOK = 200  # milliseconds between looks at the clock, and at what is mounted
_STEP = 50  # milliseconds between looks for changes
_POLL = 2.5  # times `settle` between two looks, where changes are not told
_LEISURE = 4  # times what a look took
_MOUNTS = Path("/proc/self/mounts")  # where a system keeps one


class Settling:
    """Debounce: it is time `settle` seconds after the last change, or after a minute of changes."""

    def __init__(self, settle: float, clock: Callable[[], float] = monotonic) -> None:
        self._settle, self._clock = settle, clock
        self._first = self._last = 0.0
        self._pending = False
        self.anew = False  # a folder came: what was put into it before it was watched itself told nobody

    def is_due(self, changes: Iterable[FileChange]) -> bool:
        """Whether it is time, given what changed since the last look."""
        now = self._clock()
        for change, path in changes:
            self._first = self._first if self._pending else now
            self._last, self._pending = now, True
            self.anew = self.anew or (change is not watchfiles.Change.deleted and Path(path).is_dir())
        due = self._pending and (now - self._last >= self._settle or now - self._first >= _BURST)
        self._pending = self._pending and not due
        return due


def moments(
    places: Sequence[str], interesting: Callable[[FileChange], bool], settle: float, stop: Event
) -> Iterator[bool]:
    """Whether it is time to look at the places, asked some times a second; the first time is when all are watched.

    Ends when the watch has to begin anew.
    """
    there = [folder for folder in dict.fromkeys(map(_folder, places)) if Path(folder).is_dir()]
    if not there:  # drives that are not mounted
        yield True
        while not stop.wait(_LOOK / 1000):
            yield False
        return
    try:
        yield from _announced(there, interesting, settle, stop)
    except FileNotFoundError:  # gone since we looked
        stop.wait(_LOOK / 1000)
    except (WatchfilesRustInternalError, UnicodeEncodeError, OSError):
        # A name that is not UTF-8, which watchfiles cannot spell; more folders than the system watches.
        yield from _regular(settle, stop)


def _announced(
    folders: Sequence[str], interesting: Callable[[FileChange], bool], settle: float, stop: Event
) -> Iterator[bool]:
    """As the system tells; ends after a folder came."""
    first, settling = True, Settling(settle)
    for changes in watchfiles.watch(
        *folders,
        watch_filter=None,  # what is of no interest tells the time, too
        step=_STEP,
        debounce=_LOOK,
        stop_event=stop,
        rust_timeout=_LOOK,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        due = settling.is_due(filter(interesting, changes))
        if due and settling.anew and not first:
            return
        yield first or due
        first = False


def _regular(settle: float, stop: Event) -> Iterator[bool]:
    """Polling every few seconds; more rarely where looking takes long."""
    while not stop.is_set():
        begun = monotonic()
        yield True
        next_time = begun + max(_POLL * settle, _LEISURE * (monotonic() - begun))
        while monotonic() < next_time and not stop.wait(_LOOK / 1000):
            yield False


def standing(places: Sequence[str]) -> object:
    """What lies at the places: another answer means that a drive came or went, or that a folder was replaced."""
    found = []
    for folder in map(_folder, places):
        try:
            facts = Path(folder).stat()
            found.append((facts.st_dev, facts.st_ino))
        except OSError:
            found.append((0, 0))
    return found, _MOUNTS.read_text("utf-8", "replace") if _MOUNTS.exists() else ""


def _folder(place: str) -> str:
    return place if Path(place).is_dir() else str(Path(place).parent)
