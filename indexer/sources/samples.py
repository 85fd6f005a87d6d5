"""Pictures with their texts: `a.jpg`, `a.txt` and `a.json` are one sample, in a folder or in an archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from indexer.sources.source import Description
from retrieval.domain import Caption

TEXT_SUFFIXES = (".txt", ".json")
_CAPTION_KEYS = ("caption", "captions", "text")
# What img2dataset notes about its own work, or what the picture itself says.
_LEFT_OUT = frozenset({*_CAPTION_KEYS, "status", "error_message", "exif", "width", "height", "key"})


def key_of(name: str) -> tuple[str, str]:
    """The sample a file belongs to, and the file's suffix in lower case: everything from the first dot of its name.

    That is webdataset's rule: `a/b.seg.png` is the part `.seg.png` of sample `a/b`.
    """
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.lstrip(".").partition(".")
    hidden = file[: len(file) - len(file.lstrip("."))]
    return f"{folder}{slash}{hidden}{stem}", (dot + suffix).lower()


def describe(parts: Mapping[str, bytes]) -> Description:
    """Captions and attributes from the texts of a sample, by suffix; what cannot be read is left out.

    Each line of the .txt is a caption; without one the .json's `caption` (or `captions`, `text`) is taken. All else
    in the .json becomes attributes.
    """
    facts = _object(parts.get(".json"))
    lines = parts.get(".txt", b"").decode("utf-8-sig", "replace").splitlines()
    texts = [line.strip() for line in lines if line.strip()] or texts_in(
        next((facts[key] for key in _CAPTION_KEYS if facts.get(key)), None)
    )
    attributes = {
        key: value for key, value in facts.items() if key not in _LEFT_OUT and value not in (None, "", [])
    }
    return Description(tuple(Caption(text) for text in dict.fromkeys(texts)), attributes)


def texts_in(value: Any) -> list[str]:
    """The captions in a field: a text, or a list of texts."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, list | tuple):
        return [text for entry in value for text in texts_in(entry)]
    return []


def _object(data: bytes | None) -> dict[str, Any]:
    if data is None:
        return {}
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
