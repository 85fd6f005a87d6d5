"""Listing of a source for a job: what is to be compared, entry by entry, with a pulse now and then."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from threading import Event

from vasari.indexer.progress import Progress, ProgressEvent
from vasari.indexer.sources.source import AsTheyWere, Candidate, Differing, FileFacts, Source
from vasari.retrieval.domain import Skipped
from vasari.retrieval.storage.layout import is_own_file
from vasari.retrieval.storage.uris import locate

_PULSE = 1000  # files


class StoppedListing(Exception):  # noqa: N818 (nothing went wrong)
    """Ctrl-C came before there was a plan: half a listing proves nothing."""


class Listing:
    """One listing of a source into the library at `root`."""

    def __init__(self, source: Source, root: Path, progress: Progress, stop: Event) -> None:
        self._source = source
        self._roots = (f"{root}/", f"{root.resolve()}/")
        self._progress = progress
        self._stop = stop
        self._seen, self._next_pulse = 0, 0

    def differing(self, as_they_were: AsTheyWere) -> Iterator[Candidate | Skipped]:
        """Everything but files that are as they were, where the source can tell; raises StoppedListing."""
        source = self._source

        def passed_over(files: Sequence[FileFacts]) -> Collection[str]:
            same = as_they_were([file for file in files if not file[0].startswith(self._roots)])
            self._count(len(same))
            return same

        for entry in source.differing(passed_over) if isinstance(source, Differing) else source.candidates():
            self._count(1)
            uri = entry.uri
            yield self._admitted(entry) if uri.startswith(self._roots) or "/../" in uri else entry

    def _count(self, files: int) -> None:
        if self._seen >= self._next_pulse:
            self._next_pulse = self._seen + _PULSE
            self._progress.update(ProgressEvent("listing", done=self._seen))
            if self._stop.is_set():
                raise StoppedListing
        self._seen += files

    def _admitted(self, entry: Candidate | Skipped) -> Candidate | Skipped:
        """What the library keeps for itself is nobody's picture, whatever a table says."""
        if isinstance(entry, Candidate):
            file = os.path.normpath(locate(entry.uri).file)
            if any(is_own_file(Path(root), file) for root in self._roots):
                return Skipped(entry.uri, "list", "it is one of the library's own files")
        return entry
