"""The shape of JSON before it is parsed: how many values it has, how deep they lie, how long its numbers are.

Parsing and validating cost many times what counting does, and hold the interpreter's lock: two megabytes of unknown
keys took 0.7 s from everybody. What is counted here is bounded by the bodies that the schemas accept.
"""

from __future__ import annotations

import re

MOST_VALUES = 50_000  # strings, separators between values, and quotes in strings
DEEPEST = 32
LONGEST_NUMBER = 400  # characters

_TOKEN = re.compile(
    rb"""["\[\]{},]|[^"\[\]{},]{1,65536}+"""
)  # small steps: other threads run between two of them
_OPEN, _CLOSE, _QUOTE, _COMMA = (ord(sign) for sign in ("[", "]", '"', ","))
_DEEPER, _HIGHER = (_OPEN, ord("{")), (_CLOSE, ord("}"))


class ShapeError(ValueError):
    """Not the shape of any body that is accepted; the message is for people."""


def check_shape(text: bytes) -> None:
    """Raise ShapeError for JSON of too many values, too deep, or with absurd numbers. It may be no JSON at all."""
    depth = values = place = 0
    while (token := _TOKEN.match(text, place)) is not None:
        first, place = text[place], token.end()
        if first in _DEEPER:
            depth += 1
        elif first in _HIGHER:
            depth -= 1
        elif first == _QUOTE:
            place, escapes = _end_of_string(text, place)
            values += 1 + escapes
        elif first == _COMMA:
            values += 1
        elif len(token[0].strip()) > LONGEST_NUMBER:
            raise ShapeError(f"a number has more than {LONGEST_NUMBER} digits")
        if depth > DEEPEST:
            raise ShapeError(f"it is nested deeper than {DEEPEST} levels")
        if values > MOST_VALUES:
            raise ShapeError(f"it has more than {MOST_VALUES:,} values")


def _end_of_string(text: bytes, start: int) -> tuple[int, int]:
    """The place behind a string whose first letter is at `start`, and how many quotes in it are escaped."""
    escapes = 0
    while (end := text.find(b'"', start)) >= 0 and escapes <= MOST_VALUES:
        before = text[start:end]
        start = end + 1
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return start, escapes
        escapes += 1
    return len(text), escapes
