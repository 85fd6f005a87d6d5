"""Tokens of a typed sentence: words, numbers and signs with their places, folded for comparison."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from vasari.retrieval.patterns import Pattern

CJK = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han and kana
_TOKEN = Pattern(
    rf"""(?<![\w./-])\d{{4}}-\d\d(?:-\d\d)?(?![\w-]) |        # 2018-05, 2018-05-12
    (?<![\w./-])\d{{4}}/\d{{1,2}}(?:/\d{{1,2}})?(?![\w/]) |   # 2018/05/12
    (?<![\w./-])\d{{4}}\.\d{{1,2}}\.\d{{1,2}}(?![\w/.]) |      # 2018.05.12
    (?<![\w./-])\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}(?![\w/]) |  # 12.05.2018
    (?<![\w./-])\d{{1,2}}[./]\d{{4}}(?![\w/]) |               # 05/2018
    [{CJK}]+ | (?:(?![{CJK}])\w)+ | \S""",
    re.VERBOSE,
)
_CJK = Pattern(f"[{CJK}]")
_MARKS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, a date in digits or a sign; `start` and `end` are its place in the text."""

    text: str
    folded: str
    start: int
    end: int

    @property
    def is_cjk(self) -> bool:
        """Whether it is written in Han or kana, and so may be many words."""
        return _CJK.match(self.text) is not None

    @property
    def is_word(self) -> bool:
        """Whether it holds letters or digits."""
        return self.text[0].isalnum() or self.text[0] == "_"


class Piece(Protocol):
    """A stretch of a text, `start` up to `end`."""

    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece that is nothing more."""

    start: int
    end: int


def fold(text: str) -> str:
    """Small letters without accents; ß is ss, wide letters are narrow ones."""
    folded = _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", folded)


def tokens_of(text: str, start: int = 0, end: int = sys.maxsize) -> list[Token]:
    """All tokens of a text, or of a stretch of it, in order."""
    found = _TOKEN.finditer(text, start, end)
    return [Token(token[0], fold(token[0]), token.start(), token.end()) for token in found]


def has_cjk(text: str) -> bool:
    """Whether anything in it is written in Han or kana."""
    return _CJK.search(text) is not None


def outside(text: str, taken: Iterable[Piece]) -> list[list[Token]]:
    """The runs of tokens that lie between the pieces of a text that are taken."""
    runs, place = [], 0
    for piece in sorted(taken, key=lambda piece: piece.start):
        runs.append(tokens_of(text, place, piece.start))
        place = max(place, piece.end)
    return [run for run in [*runs, tokens_of(text, place)] if run]
