"""Small ICC profiles made from numbers (ICC.1:2010), for tests that must see a conversion happen."""

from __future__ import annotations

import struct

_D50 = (0.9642, 1.0, 0.8249)
_SRGB_COLUMNS = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3l", *(round(value * 65536) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">LH", 1, round(value * 256)) + b"\0\0"


def _text(words: str) -> bytes:
    body = words.encode() + b"\0"
    tag = b"desc\0\0\0\0" + struct.pack(">L", len(body)) + body + bytes(78)
    return tag + bytes(-len(tag) % 4)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text("made for a test"), b"cprt": _text("none"), b"wtpt": _xyz(_D50), **tags}
    table, body, place = struct.pack(">L", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">LL", place + len(body), len(content))
        body += content
    header = struct.pack(">L4sL4s4s4s", place + len(body), b"test", 0x02400000, kind, space, connection)
    header += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3l", *(round(value * 65536) for value in _D50))
    return header.ljust(128, b"\0") + table + body


def rgb_profile(order: tuple[int, int, int] = (0, 1, 2), gamma: float = 2.2) -> bytes:
    """sRGB's primaries in another order, so that a conversion swaps the channels, with a plain gamma."""
    red, green, blue = (_xyz(_SRGB_COLUMNS[channel]) for channel in order)
    curve = _gamma(gamma)
    tags = {b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """Grey with a plain gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """A press whose cyan is red, CIELAB (50, 60, 40), whose other colours are white, and whose black is black."""
    red, white, black = bytes((127, 188, 168)), bytes((255, 128, 128)), bytes((0, 128, 128))
    inks = [(number >> 3 & 1, number & 1) for number in range(16)]  # cyan varies slowest, black fastest
    lab = b"".join(black if k else red if cyan else white for cyan, k in inks)
    identity = struct.pack(">9l", *(65536 if place in (0, 4, 8) else 0 for place in range(9)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + struct.pack(">4B", 4, 3, 2, 0) + identity + ramp * 4 + lab + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table + bytes(-len(table) % 4)})
