"""Bytes -> pixels: formats, modes, colour, orientation, limits, and files that are no pictures."""

from __future__ import annotations

import io
import os
import re
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.faults.bad_files import FORMATS, Fate, chunk, encoded, photo, png, write_bad_files
from tests.unit.profiles import cmyk_profile, grey_profile, rgb_profile
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.decode import decode, probe, thumbnail
from vasari.retrieval.images.headers import jpeg_header, sniff
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.local_files import (
    IMAGE_SUFFIXES,
    content_hash,
    indexable_suffixes,
    printable,
    read_file,
)

LIMITS = ImageLimits()


def pixels(data: bytes, target: int | None = None) -> np.ndarray:
    """The decoded picture as int array (height, width, 3)."""
    picture = decode(data, LIMITS, target=target).picture
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def colour(data: bytes) -> tuple[int, ...]:
    """The colour in the middle."""
    array = pixels(data)
    return tuple(int(value) for value in array[array.shape[0] // 2, array.shape[1] // 2])


def near(one: tuple[int, ...], other: tuple[int, ...], levels: int = 3) -> bool:
    """Whether two colours differ by no more than a few of 255 levels."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= levels


def test_the_format_table_of_the_tests_is_complete() -> None:
    """Each suffix used here is one that is listed in folders."""
    assert {f".{suffix}" for suffix in FORMATS} <= IMAGE_SUFFIXES <= indexable_suffixes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_its_picture(suffix: str) -> None:
    """Size, format and colours come out as they went in (within what the compression loses)."""
    picture = photo(96, 64)
    data = encoded(FORMATS[suffix], picture)
    decoded = decode(data, LIMITS)
    assert decoded.info == probe(data, LIMITS)
    assert (decoded.info.width, decoded.info.height) == decoded.picture.size == (96, 64)
    assert decoded.info.format == sniff(data).value
    difference = np.abs(pixels(data) - np.asarray(picture).astype(int)).mean()
    assert difference <= (0 if suffix in ("png", "tif", "bmp") else 16)


MODES = {
    "1": ("PNG", Image.new("1", (8, 8), 1), (255, 255, 255)),
    "L": ("PNG", Image.new("L", (8, 8), 77), (77, 77, 77)),
    "LA": ("PNG", Image.new("LA", (8, 8), (0, 128)), (127, 127, 127)),
    "RGB": ("PNG", Image.new("RGB", (8, 8), (10, 20, 30)), (10, 20, 30)),
    "RGBA": ("PNG", Image.new("RGBA", (8, 8), (255, 0, 0, 128)), (255, 127, 127)),
    "RGBA, clear": ("WEBP", Image.new("RGBA", (8, 8), (0, 0, 0, 0)), (255, 255, 255)),
    "P": ("GIF", Image.new("RGB", (8, 8), (200, 100, 50)).quantize(), (200, 100, 50)),
    "I;16": ("PNG", Image.fromarray(np.full((8, 8), 0x8000, np.uint16)), (128, 128, 128)),
    "I;16 TIFF": ("TIFF", Image.fromarray(np.full((8, 8), 0xC000, np.uint16)), (192, 192, 192)),
    "I": ("TIFF", Image.fromarray(np.full((8, 8), 0x4000, np.int32)), (64, 64, 64)),
    "F": ("TIFF", Image.fromarray(np.full((8, 8), 0.5, np.float32)), (128, 128, 128)),
    "CMYK": ("TIFF", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), (255, 0, 0)),
    "CMYK JPEG": ("JPEG", Image.new("CMYK", (8, 8), (255, 0, 255, 0)), (0, 255, 0)),
    "YCbCr": ("TIFF", Image.new("RGB", (8, 8), (0, 0, 255)).convert("YCbCr"), (0, 0, 255)),
    "LAB": ("TIFF", Image.new("LAB", (8, 8), (255, 128, 128)), (255, 255, 255)),
    "grey JPEG": ("JPEG", Image.new("L", (8, 8), 99), (99, 99, 99)),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_its_colour(mode: str) -> None:
    """Whatever the pixels are stored as, the colour is the one a person would see, over white."""
    image_format, picture, expected = MODES[mode]
    assert near(colour(encoded(image_format, picture)), expected)


def test_a_palette_with_transparency_lies_over_white() -> None:
    """Both ways to say it: one clear entry, and an alpha for each entry."""
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert colour(encoded("PNG", palette, transparency=1)) == (255, 255, 255)
    assert colour(encoded("GIF", palette, transparency=1)) == (255, 255, 255)
    assert near(colour(encoded("PNG", palette, transparency=bytes([255, 128]))), (255, 127, 127))


def test_one_clear_colour_lies_over_white() -> None:
    """PNG may name one RGB or grey value that is clear."""
    assert colour(encoded("PNG", Image.new("RGB", (8, 8), (9, 8, 7)), transparency=(9, 8, 7))) == (
        255,
        255,
        255,
    )
    assert colour(encoded("PNG", Image.new("L", (8, 8), 7), transparency=7)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    """A ramp over all 16 bits keeps rising over all 8; 16-bit RGB likewise."""
    ramp = np.arange(256, dtype=np.uint16)[None, :] * 257
    for image_format in ("PNG", "TIFF"):
        data = encoded(image_format, Image.fromarray(ramp))
        assert pixels(data)[0, :, 0].tolist() == list(range(256))
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", 1, 1, 16, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">3H", 0x1234, 0x8000, 0xFFFF)))
    deep = b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")
    assert near(colour(deep), (0x12, 0x80, 0xFF), 1)


def test_numbers_without_a_scale_are_spread() -> None:
    """Measured values (heights, temperatures) span black to white; holes in them do no harm."""
    heights = np.linspace(-100, 3000, 64, dtype=np.float32).reshape(8, 8)
    spread = pixels(encoded("TIFF", Image.fromarray(heights)))
    assert spread.min() == 0
    assert spread.max() == 255
    heights[0, 0] = np.nan
    assert pixels(encoded("TIFF", Image.fromarray(heights))).max() == 255


CORNERS = {1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "bdac", 7: "dbca", 8: "cadb"}
"""For each orientation, where the colours a b (upper row) c d (lower row) of the upright picture are stored."""
COLOURS = {"a": (250, 0, 0), "b": (0, 250, 0), "c": (0, 0, 250), "d": (240, 240, 0)}


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", CORNERS)
def test_pictures_stand_upright(image_format: str, orientation: int) -> None:
    """All eight EXIF orientations, in each format that knows them; the size is told upright too."""
    stored = Image.new("RGB", (64, 32) if orientation < 5 else (32, 64))
    width, height = stored.size
    for place, letter in enumerate(CORNERS[orientation]):
        box = ((place % 2) * width // 2, (place // 2) * height // 2)
        stored.paste(COLOURS[letter], (*box, box[0] + width // 2, box[1] + height // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"quality": 95} if image_format not in ("PNG", "TIFF") else {}
    decoded = decode(encoded(image_format, stored, exif=exif.tobytes(), **options), LIMITS)
    assert (decoded.info.width, decoded.info.height) == decoded.picture.size == (64, 32)
    middles = [decoded.picture.getpixel((x, y)) for y in (8, 24) for x in (16, 48)]
    for letter, seen in zip("abcd", middles, strict=True):
        assert isinstance(seen, tuple)
        assert near(seen, COLOURS[letter], 30), (letter, seen)


def test_a_turned_photo_is_reduced_and_turned() -> None:
    """Reduced-size decoding and orientation work together."""
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(encoded("JPEG", photo().resize((1600, 1200)), exif=exif.tobytes()), LIMITS, target=100)
    assert (decoded.info.width, decoded.info.height) == (1200, 1600)
    assert decoded.picture.size == (300, 400)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_colour_profile_is_applied(image_format: str) -> None:
    """A profile whose red is sRGB's green turns red pixels green, and is not applied again by the receiver."""
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    data = encoded(image_format, red, icc_profile=rgb_profile((1, 2, 0)))
    assert near(colour(data), (0, 255, 0), 12)
    assert decode(data, LIMITS).picture.info == {}


def test_a_profile_that_is_srgb_already_changes_nothing() -> None:
    """Pixels stay exactly as they are."""
    picture = photo()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with_profile = encoded("PNG", picture, icc_profile=srgb)
    assert (pixels(with_profile) == np.asarray(picture)).all()


def test_profiles_of_grey_and_cmyk_are_applied() -> None:
    """Linear grey is brightened to sRGB, also under alpha; CMYK goes through its table."""
    linear = grey_profile(1.0)
    grey = Image.new("L", (8, 8), 128)
    assert near(colour(encoded("PNG", grey, icc_profile=linear)), (188, 188, 188))
    assert near(colour(encoded("JPEG", grey, icc_profile=linear)), (188, 188, 188))
    clear = Image.new("LA", (8, 8), (128, 255))
    assert near(colour(encoded("PNG", clear, icc_profile=linear)), (188, 188, 188))
    inks = encoded("JPEG", Image.new("CMYK", (8, 8), (255, 0, 0, 0)), icc_profile=cmyk_profile())
    assert near(colour(inks), (202, 68, 54), 25)


def test_a_profile_for_another_kind_of_picture_is_ignored() -> None:
    """A CMYK profile in an RGB picture, as careless programs leave it, costs nothing."""
    picture = photo()
    data = encoded("PNG", picture, icc_profile=cmyk_profile())
    assert (pixels(data) == np.asarray(picture)).all()


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_first_frame_counts(image_format: str) -> None:
    """Animations and pages: the first one is the picture."""
    red, blue = (Image.new("RGB", (16, 16), name) for name in ("red", "blue"))
    data = encoded(image_format, red, save_all=True, append_images=[blue])
    assert near(colour(data), (255, 0, 0), 4)


def test_big_tiff_is_read() -> None:
    """TIFF with 64-bit offsets gives its picture; its tags are no EXIF we know."""
    data = encoded("TIFF", Image.new("RGB", (16, 16), (1, 2, 3)), big_tiff=True)
    assert data[:4] == b"II+\0"
    assert colour(data) == (1, 2, 3)
    assert probe(data, LIMITS).exif == {}


def test_exif_facts_come_with_the_picture() -> None:
    """JPEG, PNG, WebP, TIFF, AVIF and HEIC carry the same facts."""
    exif = Image.Exif()
    exif[0x0110] = "X100V"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:34:56"
    for image_format in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        facts = probe(encoded(image_format, exif=exif.tobytes()), LIMITS).exif
        assert facts == {"camera": "X100V", "taken": "2024-05-01T12:34:56"}, image_format


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_big_jpegs_are_reduced_but_hardly_below_twice_the_target(mode: str, progressive: bool) -> None:
    """The picture is smaller than the file's, large enough for the model, and looks the same."""
    data = encoded(
        "JPEG", photo(200, 150).resize((2000, 1500)).convert(mode), quality=90, progressive=progressive
    )
    full, reduced = decode(data, LIMITS), decode(data, LIMITS, target=224)
    assert full.picture.size == (2000, 1500)
    assert full.info == reduced.info
    assert 1.95 * 224 <= min(reduced.picture.size) < 800
    small = [
        np.asarray(one.picture.resize((64, 48), Image.Resampling.BOX)).astype(int) for one in (full, reduced)
    ]
    assert np.abs(small[0] - small[1]).mean() < 3


def test_small_jpegs_keep_their_size() -> None:
    """Where half the size would be too small nothing is reduced."""
    data = encoded("JPEG", photo(800, 600))
    assert decode(data, LIMITS, target=224).picture.size == (800, 600)


@pytest.mark.parametrize(("target", "reduced"), [(32, (94, 63)), (33, (188, 125))])
def test_the_smallest_size_that_will_do_is_decoded(target: int, reduced: tuple[int, int]) -> None:
    """An eighth is taken where its shorter side has 1.95 targets, as 24 megapixels have for a model of 256 pixels."""
    assert decode(encoded("JPEG", photo(750, 500)), LIMITS, target=target).picture.size == reduced


def test_limits_are_checked_before_anything_is_decoded() -> None:
    """40,000 × 40,000 pixels in a few kilobytes: refused by the header, with no memory taken."""
    bomb = png(40_000, 40_000, zlib.compress(bytes(4_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(
            ImageError, match=r"40000 × 40000 = 1.6 gigapixels, the limit is 200 megapixels"
        ) as refusal:
            decode(bomb, LIMITS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refusal.value.stage == "limit"
    assert peak < 1_000_000


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_obeys_the_pixel_limit(suffix: str) -> None:
    """The limit is an argument: the same bytes pass under one and are refused under another."""
    data = encoded(FORMATS[suffix], photo(64, 48))
    assert decode(data, ImageLimits(max_pixels=64 * 48)).picture.size == (64, 48)
    for look in (decode, probe):
        with pytest.raises(ImageError, match=r"64 × 48 = 3,072 pixels, the limit is 3,071 pixels") as refusal:
            look(data, ImageLimits(max_pixels=64 * 48 - 1))
        assert refusal.value.stage == "limit"


def test_the_limit_may_be_above_pillows_own() -> None:
    """Pillow warns at 89 megapixels; here only our limit counts, without a warning."""
    wide = encoded("TIFF", Image.new("1", (15_000, 6_000)), compression="group4")
    assert decode(wide, LIMITS).picture.size == (15_000, 6_000)


def test_files_are_limited_by_their_bytes(tmp_path: Path) -> None:
    """A file beyond the limit is not read; bytes beyond it are not decoded."""
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG"))
    size = path.stat().st_size
    said = rf"{size:,} bytes, the limit is {size - 1:,} \(VASARI_MAX_IMAGE_BYTES\)"
    for look in (lambda few: read_file(path, few), lambda few: decode(path.read_bytes(), few)):
        with pytest.raises(ImageError, match=said) as refusal:
            look(ImageLimits(max_bytes=size - 1))
        assert refusal.value.stage == "limit"


def test_a_folder_of_bad_files(tmp_path: Path) -> None:
    """Each of at least 60 bad files is refused with a reason for people, or decoded where it is a picture."""
    files = write_bad_files(tmp_path / "bad")
    assert len(files) >= 60
    wrong = []
    for file in files:
        try:
            decode(read_file(file.path, LIMITS), LIMITS, target=224)
        except ImageError as refusal:
            reason = str(refusal)
            fits = file.fate is not Fate.INDEXED and re.search(file.reason, reason) and reason.isprintable()
        else:
            reason, fits = "decoded", file.fate is Fate.INDEXED
        if not fits:
            wrong.append((printable(file.path.name), file.why, reason))
    assert wrong == []


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """Gone since it was listed, or with an impossible name."""
    with pytest.raises(ImageError, match="there is no such file") as refusal:
        read_file(tmp_path / "gone.jpg", LIMITS)
    assert refusal.value.stage == "read"
    with pytest.raises(ImageError, match="null"):
        read_file(str(tmp_path / "a\0b.jpg"), LIMITS)


def test_names_that_are_not_utf8_can_be_printed() -> None:
    """Paths as Python carries them become text that any terminal and JSON can hold."""
    assert printable(os.fsdecode(b"/photos/caf\xe9.jpg")) == r"/photos/caf\xe9.jpg"
    assert printable("/photos/café.jpg") == "/photos/café.jpg"


MAGICS = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF\x40\0\0\0WEBP"]
MAGICS += [b"\0\0\0\x18ftypavif", b"\0\0\0\x18ftypheic", b"IIRO", b"\0\0\0\x18ftypcrx "]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"", *MAGICS]),
    st.binary(max_size=300),
)
def test_arbitrary_bytes_raise_only_image_errors(start: bytes, noise: bytes) -> None:
    """Whatever the bytes: a picture or an ImageError."""
    with suppress(ImageError):
        assert decode(start + noise, ImageLimits(max_pixels=1_000_000)).picture.mode == "RGB"


SAMPLES = {name: encoded(name, photo(40, 30)) for name in FORMATS.values()}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SAMPLES)), st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)))
)
def test_overwritten_pictures_raise_only_image_errors(name: str, damages: list[tuple[float, bytes]]) -> None:
    """Real files with bytes overwritten: a picture or an ImageError."""
    data = bytearray(SAMPLES[name])
    for place, new in damages:
        start = int(place * (len(data) - len(new)))
        data[start : start + len(new)] = new
    with suppress(ImageError):
        assert decode(bytes(data), ImageLimits(max_pixels=1_000_000), target=224).picture.mode == "RGB"


def test_many_threads_see_the_same_pictures() -> None:
    """Decoders, profiles and warning filters are shared safely."""
    profiled = encoded("PNG", photo(), icc_profile=rgb_profile((1, 2, 0)))
    files = [*SAMPLES.values(), profiled] * 6
    alone = [pixels(data) for data in files]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(pixels, files))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_a_thumbnail_fits_its_square_and_keeps_its_shape() -> None:
    """WebP, longest side as asked; small pictures are not blown up; the picture given is left alone."""
    picture = photo(600, 300)
    with Image.open(io.BytesIO(thumbnail(picture, 128))) as small:
        assert (small.format, small.size) == ("WEBP", (128, 64))
    with Image.open(io.BytesIO(thumbnail(photo(50, 40), 128))) as same:
        assert same.size == (50, 40)
    assert picture.size == (600, 300)


RAW_SIDE = 1300


def dng(preview: bytes, orientation: int = 1) -> bytes:
    """The smallest DNG LibRaw opens: a grey-red Bayer pattern of 16 bits, with an embedded JPEG."""
    sensor = np.full((RAW_SIDE, RAW_SIDE), 8000, "<u2").tobytes()
    first, second, third = 8, 8 + 2 + 12 * 12 + 4, 8 + 2 + 12 * 12 + 4 + 2 + 12 * 12 + 4
    matrix = struct.pack("<18l", *(value for place in range(9) for value in (int(place in (0, 4, 8)), 1)))
    model, place = b"Testcam\0", third + len(matrix) + 8 + 8
    where_sensor, where_preview = place, place + len(sensor)
    small = [(0x00FE, 4, 1, 1), (0x0100, 4, 1, 1600), (0x0101, 4, 1, 1200), (0x0103, 3, 1, 7)]
    small += [(0x0106, 3, 1, 6), (0x010F, 2, 8, third + len(matrix)), (0x0110, 2, 8, third + len(matrix) + 8)]
    small += [(0x0111, 4, 1, where_preview), (0x0112, 3, 1, orientation), (0x0117, 4, 1, len(preview))]
    small += [(0x014A, 4, 1, second), (0xC612, 1, 4, 0x00000401)]
    large = [(0x00FE, 4, 1, 0), (0x0100, 4, 1, RAW_SIDE), (0x0101, 4, 1, RAW_SIDE), (0x0102, 3, 1, 16)]
    large += [(0x0103, 3, 1, 1), (0x0106, 3, 1, 32803), (0x0111, 4, 1, where_sensor), (0x0115, 3, 1, 1)]
    large += [(0x0116, 4, 1, RAW_SIDE), (0x0117, 4, 1, len(sensor)), (0x828D, 3, 2, 0x00020002)]
    large += [(0x828E, 1, 4, 0x02010100)]
    directories = b"".join(
        struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHLL", *tag) for tag in tags) + bytes(4)
        for tags in (small, large)
    )
    return b"II*\0" + struct.pack("<L", first) + directories + matrix + model * 2 + sensor + preview


def test_raw_photos_show_their_embedded_preview() -> None:
    """RAW by extra: the embedded JPEG is the picture, upright; the size told is the sensor's."""
    pytest.importorskip("rawpy")
    preview = encoded("JPEG", Image.new("RGB", (1600, 1200), (20, 140, 60)))
    decoded = decode(dng(preview), LIMITS, target=224)
    assert decoded.info.format == "raw"
    assert (decoded.info.width, decoded.info.height) == (RAW_SIDE, RAW_SIDE)
    assert decoded.info.exif["camera"] == "Testcam"
    assert near(colour(dng(preview)), (20, 140, 60))
    assert decode(dng(preview, orientation=6), LIMITS).picture.size == (1200, 1600)


def test_raw_photos_without_a_good_preview_are_developed() -> None:
    """A stamp-sized preview is no picture: the sensor's own data is developed."""
    pytest.importorskip("rawpy")
    decoded = decode(dng(encoded("JPEG", photo(64, 48))), LIMITS)
    assert decoded.picture.size == (RAW_SIDE // 2, RAW_SIDE // 2)
    assert decoded.picture.mode == "RGB"


def test_the_content_hash_is_blake2b() -> None:
    """32 hexadecimal letters, the same on every machine."""
    assert content_hash(b"") == "cae66941d9efbd404e4d88758ea67670"


def test_jpeg_profiles_in_several_parts_are_joined_in_order() -> None:
    """A profile over 64 KB is spread over segments, which may come in any order."""
    parts = [
        b"\xff\xe2" + struct.pack(">H", 2 + 12 + 2 + 3) + b"ICC_PROFILE\0" + bytes([n, 2]) + body
        for n, body in ((2, b"def"), (1, b"abc"))
    ]
    data = encoded("JPEG")
    assert jpeg_header(data[:2] + b"".join(parts) + data[2:]).profile == b"abcdef"
