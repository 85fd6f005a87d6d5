"""JSON text as the command line prints it and HTTP answers with it, and what its strings were."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from vasari.retrieval.catalog.encoding import original_uri, stored_uri


def as_json(value: Any, *, indent: int | None = None, separators: tuple[str, str] | None = None) -> str:
    """JSON text in UTF-8, times by RFC 3339; bytes of names that are not UTF-8 are escaped as in the catalog."""
    encoder = json.JSONEncoder(ensure_ascii=False, indent=indent, separators=separators, default=_text_of)
    text = encoder.encode(value)
    return text if "\\u001a" not in text and _is_utf8(text) else encoder.encode(_spelled(value))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spelled(value: Any) -> Any:
    """The value with each string as `stored_uri` spells it: reversible, and every other program reads it."""
    match value:
        case str():
            return stored_uri(value)
        case dict():
            return {_spelled(name): _spelled(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_spelled(entry) for entry in value]
    return value


def original(value: Any) -> Any:
    """What was parsed, with each string as it was before `as_json` escaped anything in it."""
    match value:
        case str():
            return original_uri(value)
        case dict():
            return {original(name): original(entry) for name, entry in value.items()}
        case list():
            return [original(entry) for entry in value]
    return value


def _text_of(value: Any) -> str:
    """A moment by RFC 3339 in UTC, with Z; anything else as its text."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
