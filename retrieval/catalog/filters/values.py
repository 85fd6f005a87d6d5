"""The values of the filter language: numbers, spans of time, yes or no, and words with wildcards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vasari.retrieval.storage.file_names import composed

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT])i?B", re.IGNORECASE)
# As answers spell times, too: parts of a second are passed over, Z is the zone of all but `taken`, which has none.
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.\d+)?)?)?Z?)?)?)?")
_ESCAPED = re.compile(r"\\([\\\"'*?])|([*?])|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, from `start` up to, and without, `end`; both as far as they were written.

    ISO texts of any precision compare with them as text: "2024-05-31T20:15" lies in "2024-05" up to "2024-06".
    """

    start: str
    end: str

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Start and end as times in UTC."""
        return _moment(self.start), _moment(self.end)


@dataclass(frozen=True, slots=True)
class Words:
    """Text in composed letters, and the places in it where an unescaped `*` (any characters) or `?` (one) stands."""

    text: str
    wild: frozenset[int] = frozenset()

    @property
    def pieces(self) -> list[tuple[str, bool]]:
        """Each character, and whether it is a wildcard."""
        return [(letter, place in self.wild) for place, letter in enumerate(self.text)]


Value = int | float | bool | Span | Words


def read_bare(word: str) -> Words:
    """An unquoted word: every `*` and `?` is a wildcard."""
    word = composed(word)
    return Words(word, frozenset(place for place, letter in enumerate(word) if letter in "*?"))


def read_quoted(token: str) -> Words:
    r"""A quoted text; `\"`, `\'`, `\\`, `\*` and `\?` stand for the character, other backslashes for themselves."""
    letters: list[str] = []
    wild: set[int] = set()
    for escaped, wildcard, plain in _ESCAPED.findall(composed(token[1:-1])):
        if wildcard:
            wild.add(len(letters))
        letters.append(escaped or wildcard or plain)
    return Words("".join(letters), frozenset(wild))


def as_number(text: str) -> int | float | None:
    """A finite number, or None; a whole one is exact, however many digits it has."""
    if not _NUMBER.fullmatch(text) or abs(number := float(text)) == float("inf"):
        return None
    return int(text) if text.lstrip("+-").isdigit() else number


def as_bytes(text: str) -> int | float | None:
    """A number of bytes, with kB, MB, GB or TB (powers of 1000) if need be; or None."""
    sized = _SIZE.fullmatch(text)
    if sized is None:
        return as_number(text)
    size: float = float(sized[1]) * 1000 ** ("kmgt".index(sized[2].lower()) + 1)
    return size


def as_span(text: str) -> Span | None:
    """A year, month, day, hour, minute or second between the years 1 and 9998; None for anything else."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    parts = [int(part) for part in found.groups() if part is not None]
    try:
        start = datetime(*[*parts, *[1] * (3 - len(parts))])  # type: ignore[arg-type]
    except ValueError:
        return None
    return (
        Span(_written(start, len(parts)), _written(_next(start, len(parts)), len(parts)))
        if start.year < 9999
        else None
    )


def _next(start: datetime, precision: int) -> datetime:
    if precision == 1:
        return start.replace(year=start.year + 1)
    if precision == 2:
        return (start + timedelta(days=32)).replace(day=1)
    return (
        start
        + (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))[precision - 3]
    )


def _written(moment: datetime, precision: int) -> str:
    return moment.isoformat("T", "seconds")[: (4, 7, 10, 13, 16, 19)[precision - 1]]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(
        text + "-01-01" if len(text) == 4 else text + "-01" if len(text) == 7 else text
    ).replace(tzinfo=UTC)
