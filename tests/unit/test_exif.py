"""EXIF bytes -> facts."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from vasari.retrieval.images.exif import NO_EXIF, read_exif


def block(
    tags: dict[int, Any], sub: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> bytes:
    """An EXIF block as Pillow writes it: the oracle of our own reading."""
    exif = Image.Exif()
    exif.update(tags)
    if sub:
        exif.get_ifd(0x8769).update(sub)
    if gps:
        exif.get_ifd(0x8825).update(gps)
    return exif.tobytes()


def test_camera_facts_come_out_with_their_units() -> None:
    """Make, model, lens, exposure and time are read from both directories."""
    facts = read_exif(
        block(
            {0x010F: "FUJIFILM", 0x0110: "X100V ", 0x0112: 6},
            {
                0x9003: "2024:05:01 12:34:56",
                0x9011: "+02:00",
                0xA434: "23mm f/2",
                0x8827: 400,
                0x829A: IFDRational(1, 250),
                0x829D: IFDRational(28, 10),
                0x920A: IFDRational(23, 1),
                0xA405: 35,
            },
        )
    )
    assert facts.orientation == 6
    assert facts.facts == {
        "make": "FUJIFILM",
        "camera": "X100V",
        "taken": "2024-05-01T12:34:56",
        "utc_offset": "+02:00",
        "lens": "23mm f/2",
        "iso": 400,
        "exposure_seconds": 0.004,
        "f_number": 2.8,
        "focal_length_mm": 23.0,
        "focal_length_35mm": 35,
    }


def test_a_place_is_in_decimal_degrees_with_its_sign() -> None:
    """South and west are negative; minutes and seconds are fractions; below sea level is negative."""
    gps = {1: "S", 2: (33.0, 51.0, 30.6), 3: "W", 4: (70.0, 30.0, 0.0), 5: b"\x01", 6: 12.5}
    facts = read_exif(block({0x0110: "x"}, gps=gps)).facts
    assert facts["latitude"] == -33.8585
    assert facts["longitude"] == -70.5
    assert facts["altitude_m"] == -12.5


def test_no_fix_is_no_place() -> None:
    """Zero degrees, zero degrees is what receivers write before they know; beyond the pole is nonsense."""
    zero = {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}
    assert "latitude" not in read_exif(block({0x0110: "x"}, gps=zero)).facts
    beyond = {1: "N", 2: (97.0, 0.0, 0.0), 3: "E", 4: (8.0, 0.0, 0.0)}
    assert "latitude" not in read_exif(block({0x0110: "x"}, gps=beyond)).facts


def test_a_clock_never_set_is_no_time() -> None:
    """An impossible time is left out, and the next best one is taken."""
    assert "taken" not in read_exif(block({0x0132: "0000:00:00 00:00:00"})).facts
    both = block({0x0132: "2020:02:03 04:05:06"}, {0x9003: "    :  :     :  :  "})
    assert read_exif(both).facts["taken"] == "2020-02-03T04:05:06"


@pytest.mark.parametrize(
    ("written", "taken", "offset"),
    [
        ("2024:05:01  9:05:03", "2024-05-01T09:05:03", None),  # the hour filled up by a space
        ("2024: 5: 1  9: 5: 3", "2024-05-01T09:05:03", None),
        ("2024:05:01", "2024-05-01T00:00:00", None),
        ("2024:05:01 24:00:00", "2024-05-01T00:00:00", None),
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59", None),  # a leap second
        ("2016:12:31 23:59:61", "2016-12-31T00:00:00", None),
        ("2024:05:01 12:34:56.78", "2024-05-01T12:34:56", None),
        ("2024-05-01T12:34:56.123+0200", "2024-05-01T12:34:56", "+02:00"),
        ("2024-05-01T12:34:56Z", "2024-05-01T12:34:56", "+00:00"),
        ("9999:12:31 23:59:59", "9999-12-31T23:59:59", None),
        ("0000:00:00", None, None),
        ("2024:13:01 00:00:00", None, None),
    ],
)
def test_dates_as_phones_and_scanners_write_them(written: str, taken: str | None, offset: str | None) -> None:
    """Padding, dates alone, fractions, zones; what is no date is none."""
    facts = read_exif(block({0x0110: "x"}, {0x9003: written})).facts
    assert (facts.get("taken"), facts.get("utc_offset")) == (taken, offset)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("+0200", "+02:00"), ("-09:30", "-09:30"), ("Z", "+00:00"), ("   :", None), ("+99:00", None)],
)
def test_zones_as_phones_write_them(written: str, meant: str | None) -> None:
    """One spelling comes out; nonsense is left out."""
    facts = read_exif(block({0x0110: "x"}, {0x9003: "2024:05:01 12:34:56", 0x9011: written})).facts
    assert facts.get("utc_offset") == meant


def _directory(entries: list[tuple[int, int, int, bytes]], offset: int) -> bytes:
    data, rows = b"", struct.pack("<H", len(entries))
    base = offset + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        if len(value) > 4:
            place = struct.pack("<L", base + len(data))
            data, value = data + value, place
        rows += struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\0")
    return rows + bytes(4) + data


def _gps(*entries: tuple[int, int, int, bytes]) -> dict[str, Any]:
    """The facts of a TIFF whose GPS directory has these entries: rationals that Pillow would not write."""
    first = _directory([(0x8825, 4, 1, struct.pack("<L", 26))], 8)
    return dict(read_exif(b"II*\0\x08\0\0\0" + first + _directory(list(entries), 26)).facts)


def _ratios(*pairs: tuple[int, int], kind: int = 5) -> tuple[int, int, bytes]:
    code = "<LL" if kind == 5 else "<ll"
    return kind, len(pairs), b"".join(struct.pack(code, *pair) for pair in pairs)


def test_decimal_minutes_with_seconds_of_nothing_are_a_place() -> None:
    """0/0 in minutes or seconds is "none given"; in the degrees it is no place."""
    east = (4, *_ratios((11, 1), (3450, 100), (0, 0)))
    place = _gps((1, 2, 2, b"N\0"), (2, *_ratios((48, 1), (813, 100), (0, 0))), (3, 2, 2, b"E\0"), east)
    assert place == {"latitude": 48.1355, "longitude": 11.575}
    assert _gps((1, 2, 2, b"N\0"), (2, *_ratios((0, 0), (0, 0), (0, 0))), (3, 2, 2, b"E\0"), east) == {}


@pytest.mark.parametrize(
    ("side", "degrees", "latitude"),
    [
        ((1, 2, 2, b"s\0"), _ratios((33, 1), (30, 1)), -33.5),
        ((1, 1, 1, b"S"), _ratios((33, 1), (30, 1)), -33.5),  # bytes
        (None, _ratios((33, 1), (30, 1)), 33.5),
        (None, _ratios((-33, 1), (30, 1), kind=10), -33.5),
        ((1, 2, 2, b"S\0"), _ratios((-33, 1), (30, 1), kind=10), -33.5),
        ((1, 2, 2, b"N\0"), _ratios((3350, 100)), 33.5),
    ],
)
def test_sides_and_signs_as_phones_write_them(side: Any, degrees: Any, latitude: float) -> None:
    """Small letters, bytes, no side, a sign, or both."""
    sides = [side] if side else []
    facts = _gps(*sides, (2, *degrees), (4, *_ratios((11, 1), (30, 1), (0, 1))))
    assert facts == {"latitude": latitude, "longitude": 11.5}


def test_texts_are_one_clean_line() -> None:
    """Padding, control letters and foreign encodings never reach the catalog; UTF-8 does."""
    facts = read_exif(block({0x010E: "été\x07 à\nla mer  ".encode(), 0x013B: b"Jos\xe9\0trailing"})).facts
    assert facts == {"description": "été à la mer", "artist": "José"}


def test_big_endian_blocks_are_read_too() -> None:
    """Both byte orders, with the prefix JPEG puts before it or without."""
    entry = struct.pack(">HHLHH", 0x0112, 3, 1, 8, 0)
    motorola = b"MM\0*" + struct.pack(">LH", 8, 1) + entry + bytes(4)
    assert read_exif(motorola).orientation == 8
    assert read_exif(b"Exif\0\0" + motorola).orientation == 8


def test_an_orientation_that_is_none_counts_as_upright() -> None:
    """Values outside 1 to 8 exist in the wild."""
    assert read_exif(block({0x0112: 0})).orientation == 1
    assert read_exif(block({0x0112: 9})).orientation == 1


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"Exif\0\0II*\0"])
)
def test_any_bytes_are_survived(noise: bytes, start: bytes) -> None:
    """Broken blocks give fewer facts, never an error, and only values JSON can hold."""
    found = read_exif(start + noise)
    assert 1 <= found.orientation <= 8
    assert all(isinstance(value, str | int | float) and value == value for value in found.facts.values())


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_flipped_byte_is_survived(place: int, value: int) -> None:
    """Damage inside a real block is as harmless as noise."""
    whole = bytearray(
        block({0x010F: "Canon", 0x0110: "EOS"}, {0x9003: "2024:05:01 12:34:56"}, {1: "N", 2: (1.0, 2.0)})
    )
    whole[place % len(whole)] = value
    assert 1 <= read_exif(bytes(whole)).orientation <= 8


def test_nothing_is_nothing() -> None:
    """No block gives no facts."""
    assert read_exif(b"") == NO_EXIF
    assert read_exif(b"II*\0") == NO_EXIF
