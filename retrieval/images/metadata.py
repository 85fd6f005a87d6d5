"""Embedded metadata: what EXIF, IPTC and XMP of one file say together.

Words people write are taken from XMP, then IPTC, then EXIF, as the Metadata Working Group advises for files whose
blocks disagree; when and where a picture was taken first from EXIF, which is the camera's own. A block that cannot be
read is a note (`metadata_note`), never a failed picture.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from vasari.retrieval.images.exif import Exif, read_exif, tiff_blocks
from vasari.retrieval.images.iptc import iptc_of_photoshop, read_iptc
from vasari.retrieval.images.xmp import XmpError, facts_of, properties_of

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377  # tags of TIFF
_CAMERA = ("taken", "utc_offset", "latitude", "longitude", "altitude_m")


def with_metadata(exif: Exif, xmp: bytes, iptc: bytes, extended: Sequence[bytes] = ()) -> Exif:
    """EXIF with what an XMP packet, its extended parts and an IPTC block say; itself where there is neither."""
    if not xmp and not iptc:
        return exif
    said = read_iptc(iptc)
    if xmp:
        try:
            written = facts_of({**_extension(extended, said), **properties_of(xmp)})
        except XmpError as error:
            said["metadata_note"] = f"its XMP {error}"
        else:
            if "taken" in written:
                said.pop("utc_offset", None)
            said |= written
    return Exif(exif.orientation, {**exif.facts, **_below_camera(said, exif.facts)})


def tiff_metadata(data: bytes) -> Exif:
    """What a TIFF file, or a RAW photo that is one, says in EXIF, IPTC and XMP."""
    blocks = tiff_blocks(data, (_XMP, _IPTC, _PHOTOSHOP))
    iptc = blocks.get(_IPTC) or iptc_of_photoshop(blocks.get(_PHOTOSHOP, b""))
    return with_metadata(read_exif(data), blocks.get(_XMP, b""), iptc)


def _below_camera(said: Mapping[str, Any], camera: Mapping[str, Any]) -> dict[str, Any]:
    """What a block says, without what the camera knows better; a time zone is taken for the very same time."""
    kept = {key: value for key, value in said.items() if key not in _CAMERA}
    if "taken" not in camera or camera["taken"] == said.get("taken"):
        kept |= {key: said[key] for key in ("taken", "utc_offset") if key in said and key not in camera}
    if "latitude" not in camera:
        kept |= {key: said[key] for key in _CAMERA[2:] if key in said}
    return kept


def _extension(parts: Sequence[bytes], facts: dict[str, Any]) -> Mapping[str, Any]:
    """The properties of an extended packet (XMP part 3, 1.1.3.1): parts of one GUID, each with length and offset."""
    by_guid: dict[bytes, dict[int, bytes]] = {}
    length = 0
    for part in parts:
        if len(part) >= 40:
            length, offset = struct.unpack_from(">LL", part, 32)
            by_guid.setdefault(part[:32], {})[offset] = part[40:]
    if not by_guid:
        return {}
    pieces = next(iter(by_guid.values()))
    packet = b"".join(pieces[offset] for offset in sorted(pieces))
    if len(packet) != length:
        facts["metadata_note"] = "its extended XMP is incomplete"
        return {}
    try:
        return properties_of(packet)
    except XmpError as error:
        facts["metadata_note"] = f"its extended XMP {error}"
        return {}
