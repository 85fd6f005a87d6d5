"""EXIF bytes -> facts."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from retrieval.imaging.exif import NO_EXIF, read_exif


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
