"""EXIF parser: bytes -> orientation and a few facts.

Reads the TIFF structure itself (CIPA DC-008, "Exif 2.32") instead of asking Pillow: that warns on broken tags,
takes several times as long and does not know TIFF-based RAW files. Broken entries are left out; nothing here raises.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_SUB_IFD = 0x8769
_GPS_IFD = 0x8825
_MAKE = 0x010F
_ORIENTATION = 0x0112

_TEXTS = {0x010E: "description", _MAKE: "make", 0x0110: "camera", 0x0131: "software", 0x013B: "artist"}
_TEXTS |= {0x8298: "copyright", 0xA434: "lens"}
_NUMBERS = {
    0x8827: "iso",
    0x829A: "exposure_seconds",
    0x829D: "f_number",
    0x4746: "rating",
    0x920A: "focal_length_mm",
}
_NUMBERS |= {0xA405: "focal_length_35mm"}
# Original, digitised, changed; each with its offset.
_TAKEN = ((0x9003, 0x9011), (0x9004, 0x9012), (0x0132, 0x9010))

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}  # bytes per value of each TIFF type
_CODES = {1: "B", 3: "H", 4: "L", 5: "L", 9: "l", 10: "l"}
_MOST_ENTRIES = 1024  # per directory; a broken count must not cost time
_LONGEST_TEXT = 2048

_Directory = dict[int, Any]  # tag -> str, or tuple of numbers


@dataclass(frozen=True, slots=True)
class Exif:
    """`orientation` is 1 to 8 (1: as stored). `facts` are JSON values, only those that are there.

    taken (ISO 8601, the camera's local time), utc_offset ("+02:00"), make, camera, lens, description,
    software, artist, copyright, iso, exposure_seconds, f_number, focal_length_mm, focal_length_35mm,
    latitude and longitude (decimal degrees, WGS 84), altitude_m.
    """

    orientation: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)


NO_EXIF = Exif()


def read_exif(block: bytes) -> Exif:
    """Parse an EXIF block, with or without its `Exif\\0\\0` prefix, or a whole TIFF file."""
    if block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = _byte_order(block)
    if order is None:
        return NO_EXIF
    tags = _directory(block, order, struct.unpack_from(order + "L", block, 4)[0])
    gps: _Directory = {}
    if isinstance(pointer := _first(tags.get(_GPS_IFD)), int):
        gps = _directory(block, order, pointer)
    if isinstance(pointer := _first(tags.get(_SUB_IFD)), int):
        tags |= _directory(block, order, pointer)
    orientation = _first(tags.get(_ORIENTATION))
    facts = {**_taken(tags), **_texts(tags), **_numbers(tags), **_place(gps)}
    return Exif(orientation if orientation in range(1, 9) else 1, facts)


def tiff_tags(data: bytes) -> Mapping[int, Any]:
    """The first directory of a TIFF file: tag -> str or tuple of numbers. Empty if there is none."""
    order = _byte_order(data)
    if order is None:
        return {}
    return _directory(data, order, struct.unpack_from(order + "L", data, 4)[0])


def tiff_blocks(data: bytes, wanted: Container[int]) -> dict[int, bytes]:
    """The bytes of some entries of a TIFF file's first directory, as XMP (700) and IPTC (33723) lie there."""
    order = _byte_order(data)
    if order is None:
        return {}
    found = {}
    for place in _entries(data, order, struct.unpack_from(order + "L", data, 4)[0]):
        tag, kind, count = struct.unpack_from(order + "HHL", data, place)
        size = _SIZES.get(kind, 0) * count
        if tag in wanted and size > 4:
            start = struct.unpack_from(order + "L", data, place + 8)[0]
            found[tag] = data[start : start + size]
    return found


def _byte_order(block: bytes) -> str | None:
    """Byte order in struct's spelling; None for what is no TIFF, or BigTIFF, whose directories differ."""
    if len(block) < 14 or block[2:4] in (b"+\0", b"\0+"):
        return None
    return {b"II": "<", b"MM": ">"}.get(block[:2])


def _directory(block: bytes, order: str, offset: int) -> _Directory:
    found: _Directory = {}
    for place in _entries(block, order, offset):
        tag, kind, length = struct.unpack_from(order + "HHL", block, place)
        value = _value(block, order, place + 8, kind, length)
        if value is not None:
            found[tag] = value
    return found


def _entries(block: bytes, order: str, offset: int) -> range:
    """Where the entries of a directory lie."""
    if not 8 <= offset <= len(block) - 2:
        return range(0)
    count = struct.unpack_from(order + "H", block, offset)[0]
    count = min(count, _MOST_ENTRIES, (len(block) - offset - 2) // 12)
    return range(offset + 2, offset + 2 + 12 * count, 12)


def _value(block: bytes, order: str, place: int, kind: int, count: int) -> Any:
    """One entry: str for text, a tuple of ints or floats for numbers, None for what is not needed."""
    size = _SIZES.get(kind, 0) * count
    if size == 0 or (kind == 2 and count > _LONGEST_TEXT) or (kind != 2 and count > 16):
        return None
    if size > 4:
        place = struct.unpack_from(order + "L", block, place)[0]
    if place + size > len(block):
        return None
    if kind == 2:
        return _text(block[place : place + size])
    if kind == 7:
        return None
    if kind in (5, 10):
        pairs = struct.unpack_from(f"{order}{2 * count}{_CODES[kind]}", block, place)
        return tuple(
            over / under if under else None for over, under in zip(pairs[::2], pairs[1::2], strict=True)
        )
    return struct.unpack_from(f"{order}{count}{_CODES[kind]}", block, place)


def _text(raw: bytes) -> str | None:
    """Text as a person would see it: up to the first NUL, UTF-8 or else Latin-1, one line."""
    raw = raw.split(b"\0", 1)[0]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text or None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def _texts(tags: _Directory) -> dict[str, Any]:
    return {name: tags[tag] for tag, name in _TEXTS.items() if isinstance(tags.get(tag), str)}


def _numbers(tags: _Directory) -> dict[str, Any]:
    facts = {}
    for tag, name in _NUMBERS.items():
        value = _first(tags.get(tag))
        if isinstance(value, int | float) and value > 0:
            facts[name] = value if isinstance(value, int) else float(f"{value:.6g}")
    return facts


def _taken(tags: _Directory) -> dict[str, Any]:
    for tag, offset_tag in _TAKEN:
        text = tags.get(tag)
        when = _moment(text) if isinstance(text, str) else None
        if when is None:
            continue
        offset = _offset(tags.get(offset_tag)) or _offset(_ZONE.sub("", str(text)))
        return {"taken": when, "utc_offset": offset} if offset else {"taken": when}
    return {}


_WHEN = re.compile(r"(\d{4})\D+(\d{1,2})\D+(\d{1,2})(?:\D+(\d{1,2})\D+(\d{1,2})(?:\D+(\d{1,2}))?)?", re.ASCII)
_ZONE = re.compile(r".*\d:\d\d:\d\d(?:\.\d*)?", re.ASCII)  # all before a zone behind the seconds
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?", re.ASCII)


def _moment(text: str) -> str | None:
    """`2024:05:01 12:34:56`, and the spellings of careless programs, as ISO 8601; None for no valid date.

    A date alone, or with a time that there is not, is that day's beginning.
    """
    found = _WHEN.match(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    leap = 59 if second == 60 else second  # `datetime` knows no leap seconds
    for clock in ((hour, minute, leap), (0, 0, 0)):
        try:
            return datetime(year, month, day, *clock).isoformat()
        except ValueError:  # cameras whose clock was never set write 0000:00:00
            continue
    return None


def _offset(text: Any) -> str | None:
    """`+02:00`, also from `+0200`, `+2`'s longer form `+02`, and `Z`; None for no such thing."""
    text = text.strip() if isinstance(text, str) else ""
    if text in ("Z", "z"):
        return "+00:00"
    found = _OFFSET.fullmatch(text)
    if found is None or int(found[2]) > 14 or int(found[3] or 0) > 59:
        return None
    return f"{found[1]}{found[2]}:{found[3] or '00'}"


def _place(gps: _Directory) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    latitude = _degrees(gps.get(2), gps.get(1), "S", 90)
    longitude = _degrees(gps.get(4), gps.get(3), "W", 180)
    if latitude is not None and longitude is not None and (latitude or longitude):  # 0, 0 is "no fix yet"
        facts |= {"latitude": latitude, "longitude": longitude}
    height = _first(gps.get(6))
    if isinstance(height, float):
        facts["altitude_m"] = round(-abs(height) if _first(gps.get(5)) == 1 else height, 2)
    return facts


def _degrees(parts: Any, side: Any, negative: str, most: int) -> float | None:
    """Degrees, minutes and seconds to decimal degrees, seven digits (1 cm).

    Minutes and seconds of 0/0 are "none given"; a sign counts where no side is.
    """
    if not isinstance(parts, tuple) or not all(isinstance(part, int | float) for part in parts[:1]):
        return None
    degrees, *fractions = parts[:3]
    value: float = abs(degrees) + sum(
        abs(part or 0) / 60**power for power, part in enumerate(fractions, start=1)
    )
    if value > most:
        return None
    side = "".join(map(chr, side)) if isinstance(side, tuple) else side  # as bytes instead of text
    side = side.strip().upper()[:1] if isinstance(side, str) else ""
    return round(-value if side == negative or (degrees < 0 and not side) else value, 7)
