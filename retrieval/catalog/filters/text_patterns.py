"""Case-insensitive text comparison and wildcards, in any alphabet, alike on both databases.

Databases disagree on what the case of É or Ж is, and on whether they know at all. For ASCII both have quick ways
that agree; patterns with other letters name both cases of each letter in a character class ([éÉ]), by SQLite's
GLOB or PostgreSQL's regular expressions. An ASCII letter therefore never equals another one (the Kelvin sign is
no k), and a letter whose other case is two letters (ß) has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, collate, func, or_

from vasari.retrieval.catalog.dialects import ByDialect

Pieces = Sequence[tuple[str, bool]]  # text, and whether it is a wildcard: `*` or `?`


def cases(letter: str) -> str:
    """The letter and its other cases, each once."""
    forms = dict.fromkeys((letter, letter.lower(), letter.upper()))
    kept = [form for form in forms if len(form) == 1 and (letter > "\x7f" or form <= "\x7f")]
    return "".join(kept) if letter.isalpha() else letter


def equals(column: ColumnElement[Any], texts: Sequence[str]) -> ColumnElement[bool]:
    """Whether the column is one of these texts."""
    plain = [text.lower() for text in texts if text.isascii()]
    others = [text for text in texts if not text.isascii()]
    return or_(
        *([_lower(column).in_(plain)] if plain else []),
        *(_like(column, [(letter, False) for letter in text]) for text in others),
    )


def matches(column: ColumnElement[Any], pieces: Pieces) -> ColumnElement[bool]:
    """Whether the column has the pattern: somewhere in it if there is no wildcard, else as a whole."""
    if not any(wild for _, wild in pieces):
        pieces = [("*", True), *pieces, ("*", True)]
    return _like(column, pieces)


def in_order(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as text that sorts by code points."""
    return ByDialect(lambda: column, lambda: collate(column, "C"), column.type)


def _like(column: ColumnElement[Any], pieces: Pieces) -> ColumnElement[bool]:
    if all(text.isascii() for text, _ in pieces):
        written = "".join(_like_piece(*piece) for piece in pieces)
        return ByDialect(
            lambda: column.like(written, escape="\\"),  # which ignores the case of ASCII
            lambda: _lower(column).like(written.lower(), escape="\\"),
        )
    return ByDialect(
        lambda: column.bool_op("GLOB")("".join(_glob_piece(*piece) for piece in pieces)),
        lambda: collate(column, "C").bool_op("~")(
            "^" + "".join(_regex_piece(*piece) for piece in pieces) + "$"
        ),
    )


def _lower(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.lower(in_order(column), type_=column.type)


def _like_piece(text: str, wild: bool) -> str:
    if wild:
        return {"*": "%", "?": "_"}[text]
    return "".join("\\" + letter if letter in "%_\\" else letter for letter in text)


def _glob_piece(text: str, wild: bool) -> str:
    if wild:
        return text
    return "".join(
        f"[{cases(letter)}]" if letter in "*?[" or len(cases(letter)) > 1 else letter for letter in text
    )


def _regex_piece(text: str, wild: bool) -> str:
    if wild:
        return {"*": ".*", "?": "."}[text]
    return "".join(
        f"[{cases(letter)}]"
        if len(cases(letter)) > 1
        else letter
        if letter.isalnum() or letter > "\x7f"
        else "\\" + letter
        for letter in text
    )
