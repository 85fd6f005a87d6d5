"""Keep a library in step with folders that change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

from indexer.engines.local import IndexOptions, index
from indexer.progress import IndexReport
from indexer.sources.source import Source
from retrieval.errors import LibraryLockedError
from retrieval.imaging.files import indexable_suffixes
from retrieval.library import Library

_BURST_SECONDS = 60.0  # a copy that never pauses is indexed in between


def watch(
    library: Library,
    source: Callable[[], Source],
    report: Callable[[IndexReport], None],
    stop: threading.Event,
    *,
    settle: float = 2.0,
    options: IndexOptions | None = None,
) -> None:
    """Index, then again whenever files changed and `settle` seconds went by without another change, until `stop`.

    Each time `source` is listed as a whole: that takes a second for 100,000 files, and only the whole listing shows
    that a file which vanished here is the one that appeared there. While another job writes the library, this one
    waits.
    """
    roots = source().roots
    folders = [root if Path(root).is_dir() else str(Path(root).parent) for root in roots or ()]
    changes = watchfiles.watch(
        *folders,
        watch_filter=_Interesting(library.root),
        step=max(int(1000 * settle), 1),
        debounce=int(1000 * max(settle, _BURST_SECONDS)),
        stop_event=stop,
        rust_timeout=500,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )
    # The first answer, mostly empty, comes when the watch has begun: no change slips in between it and the first run.
    first = True
    for change in changes:
        if first or change:
            _index(library, source, report, stop, options, settle)
        first = False


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
    """Passes changes of pictures and folders; what the job itself writes into the library must not wake it."""

    def __init__(self, library: Path) -> None:
        self._library = str(library)
        self._suffixes = indexable_suffixes()

    def __call__(self, _change: watchfiles.Change, path: str) -> bool:
        if path == self._library or path.startswith(self._library + "/"):
            return False
        suffix = Path(path).suffix.lower()
        # A folder that was deleted cannot be told from a file any more, but folders seldom have a suffix.
        return suffix in self._suffixes or not suffix or Path(path).is_dir()
