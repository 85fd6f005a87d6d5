"""What a library knows already, as a source: its pictures without a vector in a space, wherever they lie."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import EmbeddingSpace, Modality, Skipped
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import locate


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
        bare = set(catalog.missing_embeddings(self._space.name, Modality.IMAGE))
        for file in catalog.known_files(Modality.IMAGE) if bare else ():
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
