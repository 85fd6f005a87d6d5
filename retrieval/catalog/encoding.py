"""Escaping of what databases refuse: file names that are not UTF-8, free text, and JSON.

A file name that is not UTF-8 reaches Python with lone surrogates (`os.fsdecode`), which SQLite and PostgreSQL
refuse, as PostgreSQL refuses NUL. A uri must come back exactly, so those characters are escaped; captions,
reasons and attributes are for reading, so there they are replaced or left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import blake2b
from json import JSONEncoder
from typing import Any

ESCAPE = "\x1a"  # SUBSTITUTE: made for this, and next to never part of a name, so names stay readable in SQL
_TO_ESCAPE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile(f"{ESCAPE}([0-9a-f]{{4}})")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODER = JSONEncoder(ensure_ascii=False, allow_nan=False)  # readable words, also for full-text search


def stored_uri(uri: str) -> str:
    """`uri` as a column can keep it; character by character, so that prefixes stay prefixes."""
    if uri.isprintable():  # no surrogate and no control character: nearly every name, at a tenth of the cost
        return uri
    return _TO_ESCAPE.sub(lambda found: f"{ESCAPE}{ord(found[0]):04x}", uri)


def original_uri(stored: str) -> str:
    """The exact inverse of `stored_uri`."""
    if ESCAPE not in stored:
        return stored
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), stored)


def uri_key(uri: str) -> bytes:
    """BLAKE2b-128 of the uri: what the unique index holds, as PostgreSQL cannot index texts over 2.7 kB."""
    return blake2b(stored_uri(uri).encode(), digest_size=16).digest()


def stored_text(text: str) -> str:
    """`text` without NUL, and with U+FFFD for each lone surrogate."""
    return text if text.isprintable() else _SURROGATE.sub("\ufffd", text).replace("\x00", "")


def json_text(value: Any) -> str:
    """`value` as JSON that both databases take.

    NaN and infinities become null, dates ISO text, tuples and sets lists, unknown objects their text.
    """
    try:
        written = _ENCODER.encode(value)
    except (TypeError, ValueError):
        return _ENCODER.encode(_strict(value))
    if "\\u0000" in written or _SURROGATE.search(written):
        return _ENCODER.encode(_strict(value))
    return written


def _strict(value: Any) -> Any:
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return stored_text(value)
        case Mapping():
            return {stored_text(str(key)): _strict(entry) for key, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_strict(entry) for entry in value]
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return stored_text(value.decode(errors="replace"))
        case _ if hasattr(value, "tolist"):  # NumPy's scalars and arrays
            return _strict(value.tolist())
        case _:
            return stored_text(str(value))
