"""Delimited text (CSV, RFC 4180, and TSV) as programs really write it.

The separator is the one the header has most of (Excel writes semicolons where a comma parts decimals). A field in
quotation marks may hold separators and line ends; a mark that is not closed does not swallow the rows behind it:
what it would take in is looked at, and where that is rows, the reader goes on with the next line.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

_SEPARATORS = (",", ";", "\t", "|")
_EXCELS_NOTE = re.compile(r"\s*\"?sep=(.)\"?\s*")
_MOST_LETTERS = 4 * 1024 * 1024  # of one row
_MOST_TRIES = 1000  # lines of a row that may be its last

Fields = list[str]


class _Marks(Enum):
    """What the quotation marks of a row are."""

    PAIRED = "those around fields, as RFC 4180 has it, or none"
    LOOSE = "parts of the text"
    OPEN = "one is not closed"


class Delimited:
    """A table in text: `names` are those of its columns, all different."""

    def __init__(
        self,
        lines: Iterable[str],
        separator: str = ",",
        are_columns: Callable[[Fields], bool] = lambda _: False,
    ) -> None:
        """`separator` is taken where the header has no other.

        A line that begins with # is a comment before the header, unless `are_columns` says that what follows is that.
        """
        self._lines = _Ahead(lines)
        self.names = self._named("", separator)
        said: str | None = None
        for _, line in self._lines:
            if noted := _EXCELS_NOTE.fullmatch(line):
                said = noted[1]
            elif line.startswith("#"):
                of_header = (
                    self._named(text, said or _separator(text, separator)) for text in (line, line[1:])
                )
                if found := next(filter(are_columns, of_header), None):
                    self.names = found
                    return
            elif line.strip():
                self.names = self._named(line, said or _separator(line, separator))
                return

    def _named(self, header: str, separator: str) -> list[str]:
        """The columns of a header, whose separator is that of the rows."""
        self.separator, quoted = separator, re.escape(separator)
        self._field = re.compile(rf' *"([^"]*(?:""[^"]*)*)" *(?={quoted}|$)|([^{quoted}]*)')
        names, _ = self._parsed(header)
        while names and not names[-1]:
            del names[-1]
        return distinct(names)

    def rows(self, is_row: Callable[[Fields], bool] | None = None) -> Iterator[tuple[int, Fields | str]]:
        """Each row's line (the first of the file is 1) with its fields, or with what is wrong with it.

        `is_row` says of fields whether they are a row of their own, and no part of a text of several lines; default:
        in tab-separated text by their number, elsewhere never.
        """
        for number, line in self._lines:
            if not line.strip():
                continue
            fields, marks = self._parsed(line)
            if marks is not _Marks.OPEN:
                yield number, self._checked(fields)
            else:
                whole = self._of_several_lines(line, is_row or self._fits)
                yield number, self._checked(self._unclosed(line) if whole is None else whole)

    def _parsed(self, line: str) -> tuple[Fields, _Marks]:
        """The fields of one or several lines, and what the quotation marks in them are."""
        text = line.rstrip("\r\n")
        if '"' not in text:
            return [field.strip() for field in text.split(self.separator)], _Marks.PAIRED
        fields: Fields = []
        place, marks = 0, _Marks.PAIRED
        while place <= len(text) and (found := self._field.match(text, place)) is not None:
            whole, bare = found.groups()
            if whole is None and bare.lstrip().startswith('"'):
                if text.count('"', place) % 2:
                    return fields, _Marks.OPEN
                marks = _Marks.LOOSE
            fields.append(bare.strip() if whole is None else whole.replace('""', '"'))
            place = found.end() + 1
        return fields, marks

    def _of_several_lines(self, line: str, is_row: Callable[[Fields], bool]) -> Fields | None:
        """The fields of a row that goes on in the lines below; None where the mark is not closed, or takes in rows."""
        lines, letters, tries = [line], len(line), 0
        for taken, more in enumerate(self._lines.peek(), start=1):
            lines.append(more)
            letters, tries = letters + len(more), tries + ('"' in more)
            if tries > _MOST_TRIES or letters > _MOST_LETTERS or is_row(self._parsed(more)[0]):
                return None
            if '"' in more:
                fields, marks = self._parsed("".join(lines))
                if marks is _Marks.LOOSE:
                    return None
                if marks is _Marks.PAIRED:
                    self._lines.skip(taken)
                    return fields
        return None

    def _unclosed(self, line: str) -> Fields | str:
        """A mark in tab-separated text is a mark; elsewhere the row is not what it was meant to be."""
        if self.separator == "\t":
            return [field.strip() for field in line.rstrip("\r\n").split("\t")]
        return "a quotation mark is not closed"

    def _checked(self, fields: Fields | str) -> Fields | str:
        """Empty fields that spreadsheets add at the end are none."""
        if isinstance(fields, str):
            return fields
        count = len(fields)
        while len(fields) > len(self.names) and not fields[-1]:
            del fields[-1]
        return (
            fields
            if len(fields) == len(self.names)
            else f"{count} field{'' if count == 1 else 's'} instead of {len(self.names)}"
        )

    def _fits(self, fields: Fields) -> bool:
        return self.separator == "\t" and len(fields) == len(self.names) > 1


class _Ahead:
    """Numbered lines, of which some can be looked at before it is their turn."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self._number += 1
        return self._number, line

    def peek(self) -> Iterator[str]:
        """The lines that come, left where they are."""
        place = 0
        while True:
            if place == len(self._waiting):
                line = next(self._lines, None)
                if line is None:
                    return
                self._waiting.append(line)
            yield self._waiting[place]
            place += 1

    def skip(self, count: int) -> None:
        """Leave out lines that were looked at."""
        for _ in range(count):
            next(self)


def distinct(names: Iterable[str]) -> list[str]:
    """Names of columns made different: of two `caption` the second is `caption (2)`."""
    found: dict[str, None] = {}
    for name in names:
        count, different = 1, name
        while different in found:
            count += 1
            different = f"{name} ({count})"
        found[different] = None
    return list(found)


def same_named(name: str, names: Iterable[str]) -> list[str]:
    """A column and those that had its name, too."""
    return [other for other in names if re.fullmatch(rf"{re.escape(name)}(?: \(\d+\))?", other)]


def _separator(header: str, usual: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)
    counts = {separator: bare.count(separator) for separator in (usual, *_SEPARATORS)}
    return max(counts, key=lambda separator: counts[separator])
