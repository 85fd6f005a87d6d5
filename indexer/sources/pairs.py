"""Folders of pictures with a text beside each: `a.jpg` with the captions in `a.txt`, or facts in `a.json`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from indexer.sources.folder import FolderSource
from indexer.sources.samples import TEXT_SUFFIXES, describe
from indexer.sources.source import Candidate, Description, stamped
from retrieval.domain import Skipped


class PairsSource(FolderSource):
    """A folder's pictures with their texts, each line a caption; a changed text counts as a touched picture."""

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """The folder's candidates; texts are only looked at here, and read when a picture's turn comes."""
        for entry in super().candidates():
            if isinstance(entry, Skipped):
                yield entry
                continue
            stem = os.path.splitext(entry.uri)[0]  # noqa: PTH122 (once a picture)
            texts = {suffix: facts for suffix in TEXT_SUFFIXES if (facts := _facts(stem + suffix))}
            if not texts:
                yield entry
                continue
            stamp = stamped(entry.mtime_ns, sorted(texts.items()))
            yield entry._replace(mtime_ns=stamp, describe=partial(_read, stem, tuple(texts)))


def _facts(text: str) -> tuple[int, int] | None:
    try:
        found = os.stat(text)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _read(stem: str, suffixes: tuple[str, ...]) -> Description:
    parts = {}
    for suffix in suffixes:
        try:
            parts[suffix] = Path(stem + suffix).read_bytes()
        except OSError:
            continue
    return describe(parts)
