"""Watch folders: keep a library in step with files that change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import watchfiles
from watchfiles.main import FileChange

from vasari.indexer.changes import moments, standing
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.ignore import IGNORE_FILE, NO_MEDIA
from vasari.indexer.sources.samples import TEXT_SUFFIXES
from vasari.indexer.sources.source import Source
from vasari.indexer.sources.table import TABLE_SUFFIXES
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import LibraryLockedError, NotFoundError, UsageError, VasariError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.local_files import indexable_suffixes
from vasari.retrieval.storage.uris import ARCHIVE_SUFFIXES, ARROW_SUFFIXES, is_url


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
    waits. A drive that comes or goes tells nobody what changed, nor does what is put into a new folder before that is
    watched itself: then everything is watched anew, and listed.
    `complain` hears of what cannot be read as it is, a table half written, which is tried again at the next change; the
    first time, and without it, the error is raised.
    """
    places = _local(source())
    complaints = None
    while not stop.is_set():
        stood = standing(places)
        for due in moments(places, _Interesting(library, places), settle, stop):
            if due:
                try:
                    places = _index(library, source, report, stop, options, settle) or places
                except (NotFoundError, UsageError) as error:
                    if complaints is None:
                        raise
                    complaints(error)
                complaints = complain
            if standing(places) != stood:
                break


def _local(source: Source) -> list[str]:
    return [place for place in source.places if not is_url(place)]


def _index(
    library: Library,
    source: Callable[[], Source],
    report: Callable[[IndexReport], None],
    stop: threading.Event,
    options: IndexOptions | None,
    settle: float,
) -> list[str]:
    """Index, as soon as no other job writes; the places that were looked at, if it came to that."""
    while not stop.is_set():
        chosen = source()
        try:
            report(index(library, chosen, options, stop=stop))
        except LibraryLockedError:
            stop.wait(max(settle, 1.0))
        else:
            return _local(chosen)
    return []


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
            *(IGNORE_FILE, NO_MEDIA),
            *TEXT_SUFFIXES,
            *TABLE_SUFFIXES,
            *ARCHIVE_SUFFIXES,
            *ARROW_SUFFIXES,
        )
        self._folders: tuple[int, frozenset[str]] = (-1, frozenset())

    def __call__(self, told: FileChange) -> bool:
        change, path = told
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
            for file in catalog.items.known_files(Modality.IMAGE, self._places):
                folder = file.uri.rpartition("/")[0]
                while folder and folder not in folders:
                    folders.add(folder)
                    folder = folder.rpartition("/")[0]
            self._folders = (revision, frozenset(folders))
        return self._folders[1]
