"""Folders of pictures with a text beside each: `a.jpg` with the captions in `a.txt`, or facts in `a.json`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.samples import TEXT_SUFFIXES, described
from vasari.indexer.sources.source import Candidate, Description, stamp_of
from vasari.retrieval.domain import Skipped
from vasari.retrieval.storage.filesystem import opened

_CAPTIONS = ".txt"
_Facts = tuple[int, int, int]


class PairsSource(FolderSource):
    """A folder's pictures with their texts, each line of a .txt a caption.

    Texts are only looked at here, as the listing of the folder has them, and read when they are new or have changed. A
    .json without a .txt beside it is taken if `facts_alone`: other programs keep such files for themselves.
    """

    facts_alone = True

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """The folder's candidates."""
        self._texts: dict[str, dict[str, str]] = {}
        for entry in super().candidates():
            if isinstance(entry, Skipped):
                yield entry
                continue
            stem = os.path.splitext(entry.uri)[0]  # noqa: PTH122 (once a picture)
            files = self._texts.get(stem, {})
            texts = {suffix: facts for suffix, file in files.items() if (facts := _facts(file))}
            if not texts or (_CAPTIONS not in texts and not self.facts_alone):
                yield entry._replace(teller="")
                continue
            beside = {suffix: files[suffix] for suffix in texts}
            yield entry._replace(
                teller="",
                stamp=stamp_of(sorted(texts.items())),
                describe=partial(read_texts, beside),
                texts=tuple(beside.values()),
            )

    def _single(self, file: str) -> Iterator[Candidate | Skipped]:
        stem = os.path.splitext(file)[0]  # noqa: PTH122
        self._texts = {stem: {suffix: stem + suffix for suffix in TEXT_SUFFIXES}}
        return super()._single(file)

    def _look_at(self, entries: Sequence[os.DirEntry[str]]) -> None:
        texts: dict[str, dict[str, str]] = defaultdict(dict)
        for entry in entries:
            stem, suffix = os.path.splitext(entry.path)  # noqa: PTH122
            if suffix.lower() in TEXT_SUFFIXES:
                texts[stem].setdefault(suffix.lower(), entry.path)
        self._texts = texts


class FolderWithTexts(PairsSource):
    """A folder of pictures, a few of which may have captions beside them."""

    facts_alone = False


def _facts(text: str) -> _Facts | None:
    try:
        found = os.stat(text)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ctime_ns


def _read_bytes(file: str) -> bytes:
    with opened(file) as text:
        return text.read()


def read_texts(files: Mapping[str, str]) -> Description:
    """What texts beside a picture say, by their suffixes; it is not known where one is there and cannot be read."""
    found = described(files, _read_bytes)
    return replace(found, unread=any(trouble.stage == "read" for trouble in found.troubles))
