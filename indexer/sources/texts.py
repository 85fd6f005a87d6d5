"""Collections of texts: files of lines, CSV, TSV and JSON lines, and the captions of a library's own pictures.

A text's uri is `text:`, where it came from, and a digest of what it says: a line that moves within its file stays the
same item, one that changes is another, and a line that is there twice is one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from time import time_ns
from types import MappingProxyType
from typing import Any, TextIO

from vasari.indexer.sources.samples import kept
from vasari.indexer.sources.source import Candidate, Source, stamp_of
from vasari.retrieval.domain import EmbeddingSpace, Item, Modality, Skipped
from vasari.retrieval.errors import ImageError, NotFoundError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.delimited import Delimited
from vasari.retrieval.storage.filesystem import readable
from vasari.retrieval.storage.json_rows import Broken, json_rows
from vasari.retrieval.storage.text_files import opened_text, plain
from vasari.retrieval.storage.uris import absolute

OWN_CAPTIONS = "captions:"
"""What stands for the captions of the library's own pictures where a file is asked for."""

LONGEST = 20_000  # characters: what is longer is no sentence, but a file of another kind

_COLUMNS = ("text", "caption", "captions", "sentence", "sentences", "description", "title", "alt_text")
_PAGE = 1000  # items whose captions are read at once
_Said = tuple[str, Mapping[str, Any]]  # a text, and the other columns of its row


def read_text(candidate: Candidate) -> bytes:
    """What the text says, as it is hashed."""
    return (candidate.text or "").encode("utf-8", "replace")


class TextFiles:
    """Texts in files, or at URLs; the suffix says the format, and what has none of its own is lines."""

    modality = Modality.TEXT
    left_out: Mapping[str, int] = MappingProxyType({})
    read = staticmethod(read_text)

    def __init__(self, files: Sequence[str], column: str | None = None) -> None:
        """`column` holds the text in CSV and JSON lines; default: text, caption, sentence, …, whatever is there."""
        self._files = [absolute(file) for file in dict.fromkeys(files)]
        self._column = column
        self._listed: set[str] = set()  # roots of files that were read to their end

    @property
    def roots(self) -> Sequence[str]:
        """`text:` and the file."""
        return [root_of(file) for file in self._files]

    @property
    def places(self) -> Sequence[str]:
        """The files."""
        return self._files

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Texts in the order of files and lines.

        A file that cannot be used is a failure of its own beside others; alone it raises NotFoundError or UsageError.
        """
        self._listed.clear()
        now = time_ns()
        for file in self._files:
            root = root_of(file)
            seen: set[str] = set()
            try:
                for number, found in self._rows(file):
                    entry = _entry(root, number, found, now)
                    if entry.uri not in seen:
                        seen.add(entry.uri)
                        yield entry
                self._listed.add(root)
            except (NotFoundError, UsageError) as error:
                if len(self._files) == 1:
                    raise
                yield Skipped(f"{root}/file", "list", str(error))

    def covers(self, uri: str) -> bool:
        """Whether it is a line of a file that could be read."""
        return uri.rpartition("/")[0] in self._listed

    def _rows(self, file: str) -> Iterator[tuple[int, _Said | str]]:
        name = file.lower().removesuffix(".gz")
        with _text(file) as lines:
            if name.endswith((".csv", ".tsv")):
                yield from self._delimited(file, lines, "\t" if name.endswith(".tsv") else ",")
            elif name.endswith((".jsonl", ".ndjson", ".json")):
                yield from self._json(lines)
            else:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield number, (plain(line).strip(), {})

    def _delimited(self, file: str, lines: TextIO, separator: str) -> Iterator[tuple[int, _Said | str]]:
        table = Delimited(lines, separator)
        column = self._among(table.names)
        if column is None:
            raise UsageError(
                f"{file} has no column of texts, it has {', '.join(table.names) or 'none'}:"
                " name it by --caption-column"
            )
        for number, fields in table.rows():
            if isinstance(fields, str):
                yield number, fields
            else:
                yield number, _said(dict(zip(table.names, fields, strict=True)), column)

    def _json(self, lines: TextIO) -> Iterator[tuple[int, _Said | str]]:
        for number, values in enumerate(
            json_rows(lines, lambda row: self._among(list(row)) is not None), start=1
        ):
            if isinstance(values, Broken):
                yield number, str(values)
            elif isinstance(values, str):
                yield number, (plain(values).strip(), {})
            elif not isinstance(values, dict) or (column := self._among(list(values))) is None:
                yield number, "no text, and no object with a text"
            else:
                yield number, _said(values, column)

    def _among(self, names: Sequence[str]) -> str | None:
        """The column that holds the text."""
        if self._column is not None:
            return self._column if self._column in names else None
        present = {name.lower(): name for name in reversed(names)}
        return next((present[name] for name in _COLUMNS if name in present), None)


class OwnCaptions:
    """The captions of the library's pictures, each sentence once however many pictures it describes."""

    modality = Modality.TEXT
    roots: Sequence[str] = (f"text:{OWN_CAPTIONS.rstrip(':')}",)  # one for all captions
    places: Sequence[str] = ()  # the catalog is no disk that may not be there
    left_out: Mapping[str, int] = MappingProxyType({})
    read = staticmethod(read_text)

    def __init__(self, library: Library) -> None:
        self._library = library

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Captions in the order of their pictures."""
        now = time_ns()
        seen: set[str] = set()
        ids = self._library.catalog.items.live_ids(Modality.IMAGE).tolist()
        for start in range(0, len(ids), _PAGE):
            items: Iterable[Item] = self._library.items(ids[start : start + _PAGE]).values()
            for text in (caption.text.strip() for item in items for caption in item.captions):
                if text and text not in seen:
                    seen.add(text)
                    yield _candidate(self.roots[0], text, {}, now)

    def covers(self, uri: str) -> bool:
        """Whether it was a caption."""
        return uri.rpartition("/")[0] in self.roots


class KnownTexts:
    """Live texts that have no vector in `space`: nothing is added or removed, and each keeps its uri."""

    modality = Modality.TEXT
    roots: Sequence[str] | None = None  # anywhere
    places: Sequence[str] = ()
    left_out: Mapping[str, int] = MappingProxyType({})
    read = staticmethod(read_text)

    def __init__(self, library: Library, space: EmbeddingSpace) -> None:
        self._library = library
        self._space = space

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """By id."""
        catalog = self._library.catalog
        bare = set(catalog.segments.missing_embeddings(self._space.name, Modality.TEXT))
        files = (file for file in catalog.items.known_files(Modality.TEXT) if file.id in bare)
        while page := {file.id: file for file in islice(files, _PAGE)}:
            own = catalog.annotations.user_attributes(list(page))
            for item in self._library.items(list(page)).values():
                file, said = page[item.id], own.get(item.id, {})
                below = {name: value for name, value in item.attributes.items() if name not in said}
                # What its file told of it is kept as that, and is nothing that the text itself says.
                facts = below if file.teller is None else {}
                yield Candidate(file.uri, file.bytes, file.mtime_ns, attributes=facts, text=item.text or "")

    def covers(self, uri: str) -> bool:  # noqa: ARG002
        """Nothing: what is not listed has its vector."""
        return False


def choose_texts(library: Library | None, paths: Sequence[str], column: str | None = None) -> Source:
    """The source for files of texts, or for the captions of the pictures of a library, which has to be there."""
    if OWN_CAPTIONS not in paths:
        return TextFiles(paths, column)
    if len(paths) > 1:
        raise UsageError(f"{OWN_CAPTIONS} stands alone: index files of texts by another command")
    if library is None:
        raise NotFoundError("there is no library whose captions could be indexed")
    return OwnCaptions(library)


def is_in_place(uri: str) -> bool:
    """Whether what holds a text is still there, as far as that can be told without reading it."""
    file = uri.removeprefix("text:").rpartition("/")[0]
    return not file.startswith("/") or os.path.lexists(file)


def root_of(file: str) -> str:
    """The uri of a file of texts: its items lie below."""
    return f"text:{file}"


def _said(values: Mapping[str, Any], column: str) -> _Said | str:
    text = values[column]
    if not isinstance(text, str) or not text.strip():
        return f"nothing in column {column}"
    return plain(text).strip(), kept({name: value for name, value in values.items() if name != column})


def _entry(root: str, number: int, found: _Said | str, now: int) -> Candidate | Skipped:
    uri = f"{root}/line {number}"
    if isinstance(found, str):
        return Skipped(uri, "list", found)
    text, attributes = found
    if not text:
        return Skipped(uri, "list", "an empty text")
    if len(text) > LONGEST:
        return Skipped(uri, "limit", f"{len(text):,} characters, more than {LONGEST:,}")
    return _candidate(root, text, attributes, now)


def _candidate(root: str, text: str, attributes: Mapping[str, Any], now: int) -> Candidate:
    """A text under `text:`, where it came from, and a digest of what it says; its source tells the attributes."""
    said = json.dumps([text, dict(attributes)], sort_keys=True, default=str)
    digest = blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()
    stamp = stamp_of(attributes) if attributes else 0
    size = len(text.encode("utf-8", "replace"))
    return Candidate(
        f"{root}/{digest}", size, now, attributes=attributes, teller=root, stamp=stamp, text=text
    )


@contextmanager
def _text(file: str) -> Iterator[TextIO]:
    try:
        with readable(UsageError, NotFoundError), opened_text(file) as lines:
            yield lines
    except ImageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NotFoundError(f"no such file: {file}") from error
        raise UsageError(f"{file}: {error}") from error
