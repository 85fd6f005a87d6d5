"""Collections of texts: files of lines, CSV, TSV and JSON lines, and the captions of a library's own pictures.

A text's uri is `text:`, where it came from, and a digest of what it says: a line that moves within its file stays the
same item, one that changes is another, and a line that is there twice is one.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol, TextIO

from retrieval.domain import Item, Modality, Skipped
from retrieval.errors import NotFoundError, UsageError
from retrieval.library import Library
from retrieval.originals.files import opened
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
        """Texts in the order of files and lines. Raises NotFoundError and UsageError for a file as a whole."""
        for file in self._files:
            for number, found in self._rows(file):
                yield _checked(root_of(file), number, found)

    def _rows(self, file: str) -> Iterator[tuple[int, TextEntry | str]]:
        name = file.lower()
        with _text(file) as lines:
            if name.endswith((".csv", ".tsv")):
                yield from self._csv(file, lines, "\t" if name.endswith(".tsv") else ",")
            elif name.endswith((".jsonl", ".ndjson")):
                yield from self._json_lines(file, lines)
            else:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield number, TextEntry(root_of(file), line.strip())

    def _csv(self, file: str, lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, TextEntry | str]]:
        reader = csv.reader(lines, delimiter=delimiter)
        names = next(reader, [])
        column = self._among(names)
        if column is None:
            raise UsageError(
                f"{file} has no column of texts, it has {', '.join(names) or 'none'}: name it by --caption-column"
            )
        for number, fields in enumerate(reader, start=2):
            if len(fields) == len(names):
                yield number, _entry(root_of(file), dict(zip(names, fields, strict=True)), column)
            elif fields:
                yield number, f"{len(fields)} fields instead of {len(names)}"

    def _json_lines(self, file: str, lines: Iterable[str]) -> Iterator[tuple[int, TextEntry | str]]:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                yield number, f"not valid JSON ({error})"
                continue
            if isinstance(values, str):
                yield number, TextEntry(root_of(file), values.strip())
                continue
            column = self._among(list(values)) if isinstance(values, dict) else None
            if column is None:
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
    others = {name: value for name, value in values.items() if name != column and value not in (None, "")}
    return TextEntry(root, text.strip(), others)


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
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(opened(file))
        except FileNotFoundError as error:
            raise NotFoundError(f"no such file: {file}") from error
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error
        yield io.TextIOWrapper(handle, encoding="utf-8-sig", errors="replace", newline="")
