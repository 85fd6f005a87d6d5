"""Sidecar texts: `a.jpg`, `a.txt`, `a.json` and `a.xmp` are one sample, in a folder or in an archive."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from vasari.indexer.sources.source import Description
from vasari.retrieval.domain import Caption, Skipped
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.xmp import XmpError, read_xmp
from vasari.retrieval.storage.text_files import as_text, parse_json, plain

XMP = ".xmp"
TEXT_SUFFIXES = (".txt", ".json", XMP)
ARCHIVED_TEXTS = (*TEXT_SUFFIXES, ".cls")  # a class, as webdataset has them
_CAPTION_KEYS = ("caption", "captions", "text")
_TEXT_KEYS = ("raw", "caption", "text", "sentence", "value")
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


def described(texts: Mapping[str, str], read: Callable[[str], bytes]) -> Description:
    """What the texts of a sample (uris by suffix) say; those that cannot be read, or are no JSON, are its troubles."""
    parts: dict[str, bytes] = {}
    troubles = []
    for suffix, uri in texts.items():
        try:
            parts[suffix] = read(uri)
        except FileNotFoundError:
            continue  # deleted since it was listed
        except OSError as error:
            troubles.append(Skipped(uri, "read", f"cannot be read: {(error.strerror or str(error)).lower()}"))
        except ImageError as error:
            troubles.append(Skipped(uri, error.stage, str(error)))
    try:
        facts = _object(parts.get(".json"))
    except ValueError as error:
        facts = {}
        troubles.append(Skipped(texts[".json"], "decode", str(error)))
    try:
        written = read_xmp(parts[".xmp"]) if ".xmp" in parts else {}
    except XmpError as error:
        written = {}
        troubles.append(Skipped(texts[".xmp"], "decode", f"it {error}"))
    return replace(describe(parts, {**facts, **written}), troubles=tuple(troubles))


def describe(parts: Mapping[str, bytes], facts: Mapping[str, Any]) -> Description:
    """Captions and attributes from the texts of a sample, by suffix, and the facts in its .json.

    Each line of the .txt is a caption; without one the .json's `caption` (or `captions`, `text`) is taken. All else
    in the .json becomes attributes.
    """
    lines = as_text(parts.get(".txt", b"")).splitlines()
    texts = [line.strip() for line in lines if line.strip()] or texts_in(
        next((facts[key] for key in _CAPTION_KEYS if facts.get(key)), None)
    )
    attributes = kept({key: value for key, value in facts.items() if key not in _LEFT_OUT})
    if ".cls" in parts:
        label = as_text(parts[".cls"]).strip()
        attributes["cls"] = int(label) if re.fullmatch(r"-?\d{1,15}", label, re.ASCII) else label
    return Description(tuple(Caption(text) for text in dict.fromkeys(texts)), attributes)


def texts_in(value: Any) -> list[str]:
    """The captions in a field: a text, a number, an object with a text (as Karpathy's), or a list of such."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return [text] if (text := plain(value).strip()) else []
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)] if math.isfinite(value) else []
    if isinstance(value, Mapping):
        return texts_in(next((value[key] for key in _TEXT_KEYS if value.get(key)), None))
    if isinstance(value, list | tuple):
        return [text for entry in value for text in texts_in(entry)]
    return []


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row or an object becomes attributes: no bytes, nothing empty, nothing without a name."""
    return {
        plain(name): plain(value) if isinstance(value, str) else value
        for name, value in ((name, _without_bytes(value)) for name, value in values.items())
        if name and value not in (None, "", [], {})
    }


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return None
    if isinstance(value, Mapping):
        return {key: _without_bytes(entry) for key, entry in value.items() if not isinstance(entry, bytes)}
    if isinstance(value, list):
        return [_without_bytes(entry) for entry in value if not isinstance(entry, bytes)]
    return value


def _object(data: bytes | None) -> dict[str, Any]:
    """The object in a .json; ValueError for what is none."""
    if data is None:
        return {}
    found = parse_json(as_text(data))
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (of the text, not of an argument)
    return found
