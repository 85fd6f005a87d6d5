"""Collections of texts: files of lines, CSV, TSV and JSON lines, and the captions of a library's own pictures.

A text's uri is `text:`, where it came from, and a digest of what it says: a line that moves within its file stays the
same item, one that changes is another, and a line that is there twice is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol, TextIO

from indexer.sources.samples import kept
from retrieval.domain import Item, Modality, Skipped
from retrieval.errors import ImageError, NotFoundError, UsageError
from retrieval.library import Library
from retrieval.originals.delimited import Delimited
from retrieval.originals.files import readable
from retrieval.originals.json_rows import Broken, json_rows
from retrieval.originals.texts import opened_text, plain
from retrieval.originals.uris import absolute

OWN_CAPTIONS = "captions:"
"""What stands for the captions of the library's own pictures where a file is asked for."""

LONGEST = 20_000  # characters: what is longer is no sentence, but a file of another kind

_COLUMNS = ("text", "caption", "captions", "sentence", "sentences", "description", "title", "alt_text")
_PAGE = 1000  # items whose captions are read at once


@dataclass(frozen=True, slots=True)
class TextEntry:
    """One text; `root` is the uri of what holds it."""

    root: str
    text: str
    attributes: Mapping[str, Any] = field(default_factory=dict)  # the other columns of its row

    @property
    def uri(self) -> str:
        """Where it came from, and a digest of what it says."""
        said = json.dumps([self.text, dict(self.attributes)], sort_keys=True, default=str)
        return f"{self.root}/{blake2b(said.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


class TextSource(Protocol):
    """Lists texts."""

    @property
    def roots(self) -> Sequence[str] | None:
        """The uris of what holds the texts: all items below that are not listed any more are gone.

        None: they may lie anywhere, and none is gone for not being listed.
        """
        ...

    @property
    def may_fail(self) -> bool:
        """Whether it lies on a disk that may not be there: then it is doubted if it suddenly lists little."""
        ...

    def entries(self) -> Iterator[TextEntry | Skipped]:
        """Every text, and what could not be read as one (stage "list" or "limit")."""
        ...


class TextFiles:
    """Texts in files, or at URLs; the suffix says the format, and what has none of its own is lines."""

    def __init__(self, files: Sequence[str], column: str | None = None) -> None:
        """`column` holds the text in CSV and JSON lines; default: text, caption, sentence, …, whatever is there."""
        self._files = [absolute(file) for file in dict.fromkeys(files)]
        self._column = column

    @property
    def roots(self) -> Sequence[str]:
        """`text:` and the file."""
        return [root_of(file) for file in self._files]

    @property
    def may_fail(self) -> bool:
        """Files may."""
        return True

    def entries(self) -> Iterator[TextEntry | Skipped]:
        """Texts in the order of files and lines.

        A file that cannot be used is a failure of its own beside others; alone it raises NotFoundError or UsageError.
        """
        for file in self._files:
            try:
                for number, found in self._rows(file):
                    yield _checked(root_of(file), number, found)
            except (NotFoundError, UsageError) as error:
                if len(self._files) == 1:
                    raise
                yield Skipped(f"{root_of(file)}/file", "list", str(error))

    def _rows(self, file: str) -> Iterator[tuple[int, TextEntry | str]]:
        name = file.lower().removesuffix(".gz")
        with _text(file) as lines:
            if name.endswith((".csv", ".tsv")):
                yield from self._delimited(file, lines, "\t" if name.endswith(".tsv") else ",")
            elif name.endswith((".jsonl", ".ndjson", ".json")):
                yield from self._json(file, lines)
            else:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield number, TextEntry(root_of(file), plain(line).strip())

    def _delimited(self, file: str, lines: TextIO, separator: str) -> Iterator[tuple[int, TextEntry | str]]:
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
                yield number, _entry(root_of(file), dict(zip(table.names, fields, strict=True)), column)

    def _json(self, file: str, lines: TextIO) -> Iterator[tuple[int, TextEntry | str]]:
        for number, values in enumerate(
            json_rows(lines, lambda row: self._among(list(row)) is not None), start=1
        ):
            if isinstance(values, Broken):
                yield number, str(values)
            elif isinstance(values, str):
                yield number, TextEntry(root_of(file), plain(values).strip())
            elif not isinstance(values, dict) or (column := self._among(list(values))) is None:
                yield number, "no text, and no object with a text"
            else:
                yield number, _entry(root_of(file), values, column)

    def _among(self, names: Sequence[str]) -> str | None:
        """The column that holds the text."""
        if self._column is not None:
            return self._column if self._column in names else None
        present = {name.lower(): name for name in reversed(names)}
        return next((present[name] for name in _COLUMNS if name in present), None)


class OwnCaptions:
    """The captions of the library's pictures, each sentence once however many pictures it describes."""

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def roots(self) -> Sequence[str]:
        """One for all captions."""
        return [f"text:{OWN_CAPTIONS.rstrip(':')}"]

    @property
    def may_fail(self) -> bool:
        """The catalog does not."""
        return False

    def entries(self) -> Iterator[TextEntry | Skipped]:
        """Captions in the order of their pictures."""
        ids = self._library.catalog.live_ids(Modality.IMAGE).tolist()
        for start in range(0, len(ids), _PAGE):
            items: Iterable[Item] = self._library.items(ids[start : start + _PAGE]).values()
            for item in items:
                for caption in item.captions:
                    if caption.text.strip():
                        yield TextEntry(self.roots[0], caption.text.strip())


def root_of(file: str) -> str:
    """The uri of a file of texts: its items lie below."""
    return f"text:{file}"


def _entry(root: str, values: Mapping[str, Any], column: str) -> TextEntry | str:
    text = values[column]
    if not isinstance(text, str) or not text.strip():
        return f"nothing in column {column}"
    others = kept({name: value for name, value in values.items() if name != column})
    return TextEntry(root, plain(text).strip(), others)


def _checked(root: str, number: int, found: TextEntry | str) -> TextEntry | Skipped:
    uri = f"{root}/line {number}"
    if isinstance(found, str):
        return Skipped(uri, "list", found)
    if not found.text:
        return Skipped(uri, "list", "an empty text")
    if len(found.text) > LONGEST:
        return Skipped(uri, "limit", f"{len(found.text):,} characters, more than {LONGEST:,}")
    return found


@contextmanager
def _text(file: str) -> Iterator[TextIO]:
    try:
        with readable(UsageError, NotFoundError), opened_text(file) as lines:
            yield lines
    except ImageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NotFoundError(f"no such file: {file}") from error
        raise UsageError(f"{file}: {error}") from error
