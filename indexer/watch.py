"""Keep a library in step with folders that change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import watchfiles

from indexer.engines.local import IndexOptions, index
from indexer.progress import IndexReport
from indexer.sources.samples import TEXT_SUFFIXES
from indexer.sources.source import Source
from indexer.sources.table import TABLE_SUFFIXES
from retrieval.domain import Modality
from retrieval.errors import LibraryLockedError, NotFoundError, UsageError, VasariError
from retrieval.imaging.files import indexable_suffixes
from retrieval.library import Library
from retrieval.originals.uris import ARCHIVE_SUFFIXES, ARROW_SUFFIXES, is_url

_BURST_SECONDS = 60.0  # a copy that never pauses is indexed in between
_LOOK = 500  # milliseconds between looks at what is mounted
_MOUNTS = Path("/proc/self/mounts")  # where a system keeps one


def watch(
    library: Library,
    source: Callable[[], Source],
    report: Callable[[IndexReport], None],
    stop: threading.Event,
    *,
    settle: float = 2.0,
    options: IndexOptions | None = None,
    complain: Callable[[VasariError], None] | None = None,
) -> None:
    """Index, then again whenever files changed and `settle` seconds went by without another change, until `stop`.

    Each time `source` is listed as a whole: that takes a second for 100,000 files, and only the whole listing shows
    that a file which vanished here is the one that appeared there. While another job writes the library, this one
    waits. A drive that comes or goes tells nobody what changed: then everything is listed, and watched anew.
    `complain` hears of what cannot be read as it is, a table half written, which is tried again at the next change; the
    first time, and without it, the error is raised.
    """
    places = _local(source())
    complaints = None
    while not stop.is_set():
        mounted = _mounted(places)
        interesting = _Interesting(library, places)
        for change in _changes(places, interesting, settle, stop):
            if change is None or change:
                try:
                    _index(library, source, report, stop, options, settle)
                    places = _local(source())
                except (NotFoundError, UsageError) as error:
                    if complaints is None:
                        raise
                    complaints(error)
                complaints = complain
            if _mounted(places) != mounted:
                break


def _local(source: Source) -> list[str]:
    return [place for place in source.places if not is_url(place)]


def _changes(
    places: Sequence[str], interesting: _Interesting, settle: float, stop: threading.Event
) -> Iterator[set[watchfiles.main.FileChange] | None]:
    """What changed, mostly nothing, some times a second. None comes first, when the watch has begun.

    So no change slips in between the watch and the first run.
    """
    folders = [place if Path(place).is_dir() else str(Path(place).parent) for place in places]
    there = [folder for folder in dict.fromkeys(folders) if Path(folder).is_dir()]
    if not there:  # drives that are not mounted
        yield None
        while not stop.wait(_LOOK / 1000):
            yield set()
        return
    first = True
    for change in watchfiles.watch(
        *there,
        watch_filter=interesting,
        step=max(int(1000 * settle), 1),
        debounce=int(1000 * max(settle, _BURST_SECONDS)),
        stop_event=stop,
        rust_timeout=_LOOK,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        yield None if first else change
        first = False


def _mounted(places: Sequence[str]) -> object:
    """What lies at the places: another answer means that a drive came or went, or a folder was replaced."""
    found = []
    for place in places:
        try:
            facts = (Path(place) if Path(place).is_dir() else Path(place).parent).stat()
            found.append((facts.st_dev, facts.st_ino))
        except OSError:
            found.append((0, 0))
    return found, _MOUNTS.read_text("utf-8", "replace") if _MOUNTS.exists() else ""


def _index(
    library: Library,
    source: Callable[[], Source],
    report: Callable[[IndexReport], None],
    stop: threading.Event,
    options: IndexOptions | None,
    settle: float,
) -> None:
    while not stop.is_set():
        try:
            report(index(library, source(), options, stop=stop))
        except LibraryLockedError:
            stop.wait(max(settle, 1.0))
        else:
            return


class _Interesting:
    """Passes changes of pictures, of what describes or holds them, and of folders.

    What the job itself writes into the library must not wake it.
    """

    def __init__(self, library: Library, places: Sequence[str]) -> None:
        self._library = library
        self._root = str(library.root)
        self._places = list(places)
        self._files = frozenset(place for place in places if not Path(place).is_dir())
        self._suffixes = (
            *indexable_suffixes(),
            *TEXT_SUFFIXES,
            *TABLE_SUFFIXES,
            *ARCHIVE_SUFFIXES,
            *ARROW_SUFFIXES,
        )
        self._folders: tuple[int, frozenset[str]] = (-1, frozenset())

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        if path == self._root or path.startswith(self._root + "/"):
            return False
        if path in self._files or path.lower().endswith(self._suffixes) or Path(path).is_dir():
            return True
        # What was deleted cannot be told from a file any more, but the library knows its folders.
        return change is watchfiles.Change.deleted and path in self._known_folders()

    def _known_folders(self) -> frozenset[str]:
        """The folders in which the library has pictures, and those above."""
        catalog = self._library.catalog
        revision = catalog.revision()
        if self._folders[0] != revision:
            folders: set[str] = set()
            for file in catalog.known_files(Modality.IMAGE, self._places):
                folder = file.uri.rpartition("/")[0]
                while folder and folder not in folders:
                    folders.add(folder)
                    folder = folder.rpartition("/")[0]
            self._folders = (revision, frozenset(folders))
        return self._folders[1]
