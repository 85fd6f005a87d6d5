"""IPTC reader: an IIM block (IPTC-NAA Information Interchange Model 4.2) -> facts under XMP's names.

Newer programs say in the envelope (1:90) that their text is UTF-8. Without it texts are read as UTF-8 if they are, and
else as Windows-1252, which holds Latin-1; whoever wrote Mac Roman did not say so either. Nothing here raises.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from vasari.retrieval.images.xmp import distinct, one_line, read_moment

_TEXTS = {
    5: "title",
    105: "headline",
    120: "description",
    116: "copyright",
    101: "country",
    100: "country_code",
}
_TEXTS |= {95: "state", 90: "city", 92: "sublocation"}
_LISTS = {25: "keywords", 80: "creator"}
_DATE, _TIME = 55, 60
_IPTC_RESOURCE = 0x0404
_MOST_DATASETS = 4096


def read_iptc(block: bytes) -> dict[str, Any]:
    """title, headline, description, copyright, country…sublocation, keywords, creator (lists), taken, utc_offset."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for number, raw in _datasets(block):
        found[number].append(_text(raw))
    facts: dict[str, Any] = {}
    for number, name in _TEXTS.items():
        if (text := next((line for one in found[number] if (line := one_line(one))), None)) is not None:
            facts[name] = text
    for number, name in _LISTS.items():
        if entries := distinct(list(found[number])):
            facts[name] = entries
    return facts | _taken(*(next(iter(found[number]), "") for number in (_DATE, _TIME)))


def iptc_of_photoshop(resources: bytes) -> bytes:
    """The IIM block among Photoshop's image resources (`8BIM`, as in a JPEG's APP13); empty if there is none."""
    place = 0
    while place + 12 <= len(resources) and resources[place : place + 4] == b"8BIM":
        kind, name = struct.unpack_from(">HB", resources, place + 4)
        start = place + 7 + name + (name + 1) % 2
        if start + 4 > len(resources):
            break
        length = struct.unpack_from(">L", resources, start)[0]
        if kind == _IPTC_RESOURCE:
            return resources[start + 4 : start + 4 + length]
        place = start + 4 + length + length % 2
    return b""


def _datasets(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each dataset of the application record, up to where the block is damaged."""
    place = 0
    for _ in range(_MOST_DATASETS):
        if place + 5 > len(block) or block[place] != 0x1C:
            return
        record, number, length = struct.unpack_from(">BBH", block, place + 1)
        place += 5
        if length & 0x8000:  # extended: the length of the length, then the length
            size = length & 0x7FFF
            length = int.from_bytes(block[place : place + size])
            place += size
        if record == 2:
            yield number, block[place : place + length]
        place += length


def _text(raw: bytes) -> str:
    """UTF-8 where it is, whatever the envelope says: programs copy it along with texts in other letters."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _taken(date: str, time: str) -> dict[str, Any]:
    """`20180501` and `123045+0200`; zeros stand for what is not known."""
    day = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", date.strip(), re.ASCII)
    if day is None:
        return {}
    parts = [part for part in day.groups() if int(part)]
    clock = re.fullmatch(r"(\d\d):?(\d\d):?(\d\d)([+-]\d\d:?\d\d)?", time.strip(), re.ASCII)
    if clock is None or len(parts) < 3:
        return read_moment("-".join(parts))
    whole = f"{'-'.join(parts)}T{':'.join(clock.groups()[:3])}{clock[4] or ''}"
    return read_moment(whole) or read_moment("-".join(parts))
