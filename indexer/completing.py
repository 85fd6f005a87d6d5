"""Backfill of a space: embed all that a library knows and that has no vector there yet, from every root it ever had."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from vasari.indexer.job import IndexOptions, index, space_to_fill
from vasari.indexer.progress import IndexReport, Progress
from vasari.indexer.sources.source import Candidate
from vasari.indexer.sources.texts import KnownTexts
from vasari.retrieval.domain import EmbeddingSpace, Modality, Skipped
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import locate


@dataclass(frozen=True, slots=True)
class Completion:
    """What was done, and what waits for its place to come back: how many pictures, by the folder that is gone."""

    report: IndexReport
    waiting: Mapping[str, int]


def complete(
    library: Library,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Completion:
    """Embed pictures, then texts; run again, it goes on where it was stopped. Raises what indexing raises."""
    options, stop = options or IndexOptions(), stop or threading.Event()
    space = space_to_fill(library, options.space)
    options = replace(options, space=space.name)
    pictures = KnownPictures(library, space)
    report = index(library, pictures, options, progress, stop)
    if library.catalog.spaces.without_vectors(space.name).get(Modality.TEXT) and not report.interrupted:
        report = report.with_texts(index(library, KnownTexts(library, space), options, progress, stop))
    return Completion(report, dict(pictures.absent))


class KnownPictures:
    """Live pictures that have no vector in `space`, each read from where its uri says.

    Nothing is looked for beside them, so nothing is added or removed. Files that are not there now are no failures:
    they wait, and `absent` tells how many by the folder or archive that is gone.
    """

    modality = Modality.IMAGE
    roots: Sequence[str] | None = None  # anywhere
    places: Sequence[str] = ()
    left_out: Mapping[str, int] = MappingProxyType({})

    def __init__(self, library: Library, space: EmbeddingSpace) -> None:
        self._library = library
        self._space = space
        self.absent: Counter[str] = Counter()

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """By id."""
        self.absent.clear()
        catalog = self._library.catalog
        bare = set(catalog.segments.missing_embeddings(self._space.name, Modality.IMAGE))
        for file in catalog.items.known_files(Modality.IMAGE) if bare else ():
            if file.id not in bare:
                continue
            gone = _gone(file.uri)
            if gone is None:
                yield Candidate(file.uri, file.bytes, file.mtime_ns, file.ctime_ns)
            else:
                self.absent[gone] += 1

    def covers(self, uri: str) -> bool:  # noqa: ARG002
        """Nothing: what is not listed has its vector."""
        return False

    def read(self, candidate: Candidate) -> bytes:
        """The picture's bytes."""
        return open_original(candidate.uri, self._library.image_limits)


def _gone(uri: str) -> str | None:
    """The outermost folder or file on the way to a local original that is not there; None where nothing lacks."""
    path = locate(uri).path
    if path is None or os.path.lexists(path):
        return None
    missing = path
    while missing != missing.parent and not os.path.lexists(missing.parent):
        missing = missing.parent
    return str(missing if missing != path else Path(path.parent))
