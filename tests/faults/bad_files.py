"""A folder of files nobody wants to meet, each with what has to become of it.

What is decided here, for anything that can be argued about:
- the first frame counts: an animation whose later frames are broken is a good picture;
- colour profile, EXIF and text are extras: broken ones never cost the picture;
- a file is what its bytes say, not its name;
- pixels that are missing or contradict their checksum make the file bad, even if a part could be shown.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms


class Fate(StrEnum):
    """What an indexing job has to do with a file."""

    INDEXED = "indexed"  # odd, but a picture
    REFUSED = "refused"  # reported with a reason
    IGNORED = "ignored"  # no file to speak of: a folder


@dataclass(frozen=True, slots=True)
class BadFile:
    """One file. `reason` is a regular expression that the reported reason must contain."""

    path: Path
    why: str
    fate: Fate
    reason: str = ""


def write_bad_files(directory: Path) -> list[BadFile]:
    """Fill `directory` (made if missing) with at least 60 bad files."""
    directory.mkdir(parents=True, exist_ok=True)
    files: list[BadFile] = []
    for name, data, why, fate, reason in (*_cut(), *_wrong(), *_damaged(), *_too_large(), *_odd_but_good()):
        path = directory / name
        path.write_bytes(data)
        files.append(BadFile(path, why, fate, reason))
    files += _special(directory)
    return files


_Row = tuple[str, bytes, str, Fate, str]  # name, bytes, why, fate, reason

_CUT = r"truncated|damaged or cut off"


def photo(width: int = 160, height: int = 120, seed: int = 0) -> Image.Image:
    """Something with smooth parts, edges and noise; RGB."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([255 * rows / height, 255 * columns / width, 128 + 100 * np.sin(columns / 9)], axis=-1)
    smooth[height // 3 : height // 2, width // 4 : width // 2] = (200, 40, 60)
    return Image.fromarray((smooth + random.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8))


def encoded(image_format: str, picture: Image.Image | None = None, **options: object) -> bytes:
    """`picture` as bytes of a format Pillow or pillow-heif writes."""
    buffer = io.BytesIO()
    picture = picture or photo()
    if image_format == "HEIF":
        pillow_heif.from_pillow(picture).save(buffer, **options)
    else:
        picture.save(buffer, image_format, **options)
    return buffer.getvalue()


FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "tif": "TIFF", "bmp": "BMP"}
FORMATS |= {"avif": "AVIF", "heic": "HEIF"}


def _cut() -> Iterator[_Row]:
    """Each format cut after its first bytes, a tenth, half, and nine tenths."""
    for suffix, image_format in FORMATS.items():
        whole = encoded(image_format)
        for percent in (10, 50, 90):
            data = whole[: len(whole) * percent // 100]
            yield f"cut-{percent}.{suffix}", data, f"{image_format} cut after {percent} %", Fate.REFUSED, _CUT
        reason = _CUT + "|no known format"
        yield f"cut-start.{suffix}", whole[:20], f"{image_format} cut after 20 bytes", Fate.REFUSED, reason
    progressive = encoded("JPEG", progressive=True)
    yield (
        "cut-progressive.jpg",
        progressive[: len(progressive) // 2],
        "progressive JPEG cut",
        Fate.REFUSED,
        _CUT,
    )
    baseline = encoded("JPEG")
    sealed = baseline[: len(baseline) // 2] + b"\xff\xd9"
    yield "cut-and-sealed.jpg", sealed, "JPEG cut in half, with an end marker put on", Fate.REFUSED, _CUT
    packed = encoded("TIFF", compression="tiff_lzw")
    yield "cut-lzw.tif", packed[: len(packed) * 3 // 4], "compressed TIFF cut", Fate.REFUSED, _CUT
    yield "no-end.jpg", baseline[:-2], "JPEG that lacks only its end marker", Fate.INDEXED, ""


def _wrong() -> Iterator[_Row]:
    """Files that are no pictures at all."""
    text = "Dear diary, today I took no photographs.\n" * 20
    for name, data, why, reason in (
        ("empty.jpg", b"", "zero bytes as JPEG", "empty"),
        ("empty.png", b"", "zero bytes as PNG", "empty"),
        ("text.jpg", text.encode(), "text named .jpg", "text"),
        ("one-letter.png", b"x", "one letter", "text"),
        ("page.png", b"<!DOCTYPE html><html><body>404</body></html>", "HTML named .png", "HTML"),
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG named .png", "SVG"),
        ("zeros.jpg", bytes(4096), "zeros", "zeros"),
        ("random.jpg", np.random.default_rng(1).bytes(4096), "random bytes", "no known format"),
        ("report.jpg", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF named .jpg", "PDF"),
        ("archive.png", b"PK\x03\x04" + bytes(60), "ZIP named .png", "ZIP"),
        (
            "film.heic",
            struct.pack(">L4s4sL4s", 20, b"ftyp", b"isom", 512, b"mp41"),
            "video named .heic",
            "video",
        ),
        ("layers.tif", b"8BPS\0\x01" + bytes(60), "Photoshop file named .tif", "Photoshop"),
    ):
        yield name, data, why, Fate.REFUSED, reason
    noise = np.random.default_rng(2).bytes(2000)
    for suffix, magic in (
        ("jpg", b"\xff\xd8\xff\xe0"),
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("webp", b"RIFF\xd0\x07\0\0WEBPVP8 "),
        ("gif", b"GIF89a"),
        ("tif", b"II*\0"),
        ("bmp", b"BM"),
        ("avif", b"\0\0\0\x18ftypavif"),
        ("heic", b"\0\0\0\x18ftypheic"),
    ):
        name, why = f"noise.{suffix}", f"random bytes that begin like .{suffix}"
        yield name, magic + noise, why, Fate.REFUSED, "damaged|truncated|pixels"


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def png(width: int, height: int, pixels: bytes, *more: bytes) -> bytes:
    """A PNG, 8-bit RGB, of `pixels` already compressed; `more` are chunks before the pixels."""
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _damaged() -> Iterator[_Row]:
    """Pictures with a part overwritten."""
    whole = encoded("PNG")
    pixels = whole.index(b"IDAT")
    flipped = bytearray(whole)
    flipped[pixels + 500] ^= 0xFF
    yield (
        "crc-pixels.png",
        bytes(flipped),
        "PNG with a flipped byte in its pixels",
        Fate.REFUSED,
        "checksum of IDAT",
    )
    flipped = bytearray(whole)
    flipped[18] ^= 0x01
    yield (
        "crc-header.png",
        bytes(flipped),
        "PNG with a flipped bit in its header",
        Fate.REFUSED,
        "checksum|limit",
    )
    yield "no-pixels.png", png(8, 8, b""), "PNG without pixels", Fate.REFUSED, _CUT
    few = png(64, 64, zlib.compress(bytes(100)))
    yield "few-pixels.png", few, "PNG with fewer pixels than it says", Fate.REFUSED, _CUT
    yield "zero-size.png", png(0, 7, zlib.compress(b"")), "PNG 0 pixels wide", Fate.REFUSED, "no pixels"
    jpeg = encoded("JPEG")
    scan = jpeg.index(b"\xff\xda")
    hole = jpeg[: scan + 200] + bytes(800) + jpeg[scan + 1000 :]
    yield "hole.jpg", hole, "JPEG with zeros in the middle of its pixels", Fate.REFUSED, _CUT
    headless = jpeg.replace(b"\xff\xc0", b"\xff\xec", 1)
    yield "no-frame.jpg", headless, "JPEG without a frame header", Fate.REFUSED, "no picture header"
    yield "two-bytes.jpg", b"\xff\xd8\xff", "only a JPEG's first bytes", Fate.REFUSED, _CUT
    tiff = encoded("TIFF", compression="tiff_deflate")
    start = tiff.index(b"\x78")
    broken = tiff[: start + 40] + bytes(400) + tiff[start + 440 :]
    yield "hole.tif", broken, "TIFF with zeros in its pixels", Fate.REFUSED, _CUT
    yield "hole.webp", _holed(encoded("WEBP", lossless=True)), "WebP with zeros in it", Fate.REFUSED, _CUT
    yield "no-frames.gif", encoded("GIF")[:13] + b";", "GIF without a frame", Fate.REFUSED, _CUT


def _holed(data: bytes) -> bytes:
    return data[:30] + bytes(len(data) - 60) + data[-30:]


def _too_large() -> Iterator[_Row]:
    """Small files that unpack to far too much."""
    line = zlib.compressobj(9)
    rows = line.compress(bytes(4 * 1024 * 1024)) + line.flush()
    over = r"limit is .*VASARI_MAX_IMAGE_PIXELS"
    yield "bomb.png", png(40_000, 40_000, rows), "40,000 × 40,000 PNG in a few kilobytes", Fate.REFUSED, over
    gif = encoded("GIF")
    gif = gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:]
    yield "bomb.gif", gif, "GIF with a canvas of 65,535 × 65,535", Fate.REFUSED, over
    jpeg = encoded("JPEG")
    frame = jpeg.index(b"\xff\xc0")
    huge = jpeg[: frame + 5] + struct.pack(">HH", 65500, 65500) + jpeg[frame + 9 :]
    yield "bomb.jpg", huge, "JPEG that says 65,500 × 65,500", Fate.REFUSED, over
    webp = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2
    yield "bomb.webp", webp, "WebP that says 16,384 × 16,384", Fate.REFUSED, over
    bmp = bytearray(encoded("BMP"))
    bmp[18:26] = struct.pack("<ll", 60000, 60000)
    yield "bomb.bmp", bytes(bmp), "BMP that says 60,000 × 60,000", Fate.REFUSED, over


def _odd_but_good() -> Iterator[_Row]:
    """Files that look bad and are pictures."""
    good = photo()
    jpeg = encoded("JPEG", good)
    pixels = zlib.compress(
        b"".join(b"\0" + good.tobytes()[480 * row : 480 * row + 480] for row in range(120))
    )
    cmyk = good.convert("CMYK")
    frames = encoded("GIF", good, save_all=True, append_images=[photo(seed=1)], duration=100)
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(8 * 1024 * 1024), 9))
    bad_text = chunk(b"tEXt", b"Title\0hello")[:-4] + b"oops"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, data, why in (
        ("second-frame.gif", frames[: len(frames) * 3 // 4], "GIF whose second frame is broken"),
        ("cmyk-profile.jpg", encoded("JPEG", cmyk, icc_profile=b"broken" * 50), "CMYK with a broken profile"),
        ("half-profile.jpg", encoded("JPEG", good, icc_profile=profile[:200]), "RGB with half a profile"),
        ("cmyk-as-rgb.jpg", encoded("JPEG", cmyk, icc_profile=profile), "CMYK with a profile for RGB"),
        ("text-bomb.png", png(160, 120, pixels, *[text] * 4), "PNG whose comments unpack to 32 MB"),
        ("bad-text.png", png(160, 120, pixels, bad_text), "PNG with a damaged comment"),
        ("bad-iccp.png", png(160, 120, pixels, chunk(b"iCCP", b"x\0\0junk")), "PNG with a damaged profile"),
        ("bad-exif.png", png(160, 120, pixels, chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")), "PNG, broken EXIF"),
        ("bad-acTL.png", png(160, 120, pixels, chunk(b"acTL", bytes(8))), "PNG with an impossible animation"),
        ("really-png.jpg", encoded("PNG", good), "PNG named .jpg"),
        ("really-jpeg.png", jpeg, "JPEG named .png"),
        ("really-webp.gif", encoded("WEBP", good), "WebP named .gif"),
        (
            "huge-exif.jpg",
            _with_exif(jpeg, b"II*\0\x08\0\0\0\xff\xff" + bytes(65000)),
            "EXIF of 65,000 bytes",
        ),
        (
            "broken-exif.jpg",
            _with_exif(jpeg, b"MM\0*\xff\xff\xff\xff" + b"\xee" * 99),
            "EXIF that leads nowhere",
        ),
        ("loop-exif.jpg", _with_exif(jpeg, _LOOP), "EXIF directory that points to itself"),
        ("trailing.jpg", jpeg + b"appended by a virus scanner" * 100, "JPEG with bytes after its end"),
        ("pixel.png", encoded("PNG", photo(1, 1)), "one single pixel"),
    ):
        yield name, data, why, Fate.INDEXED, ""


_LOOP = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHLL", 0x8769, 4, 1, 8) + bytes(4)


def _with_exif(jpeg: bytes, block: bytes) -> bytes:
    body = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _special(directory: Path) -> Iterator[BadFile]:
    """What only a file system can do wrong."""
    good = encoded("JPEG")
    locked = directory / "locked.jpg"
    locked.write_bytes(good)
    locked.chmod(0)
    readable = os.access(locked, os.R_OK)  # root may read it all the same
    fate = Fate.INDEXED if readable else Fate.REFUSED
    yield BadFile(locked, "no permission to read", fate, "" if readable else "permission denied")
    folder = directory / "folder.jpg"
    folder.mkdir(exist_ok=True)
    yield BadFile(folder, "a folder named .jpg", Fate.IGNORED, "folder")
    for name, target, why, reason in (
        ("dangling.jpg", "nowhere.jpg", "a link to nothing", "nothing|not there"),
        ("loop.jpg", "loop.jpg", "a link to itself", "links"),
    ):
        link = directory / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        yield BadFile(link, why, Fate.REFUSED, reason)
    if sys.platform != "win32":
        yield from _unix(directory, good)


def _unix(directory: Path, good: bytes) -> Iterator[BadFile]:
    special: list[tuple[str, Callable[[Path], None], str, str]] = [
        ("fifo.jpg", os.mkfifo, "a FIFO nobody writes to", "FIFO"),
        ("socket.jpg", _bind, "a socket", "socket"),
    ]
    for name, make, why, reason in special:
        path = directory / name
        path.unlink(missing_ok=True)
        make(path)
        yield BadFile(path, why, Fate.REFUSED, reason)
    device = directory / "device.jpg"
    device.unlink(missing_ok=True)
    device.symlink_to("/dev/zero")
    yield BadFile(device, "a link to an endless device", Fate.REFUSED, "device")
    for raw, data, fate, reason in (
        (b"caf\xe9.jpg", good, Fate.INDEXED, ""),
        (b"caf\xe9-text.jpg", b"just text", Fate.REFUSED, "text"),
    ):
        path = Path(os.fsdecode(os.path.join(os.fsencode(directory), raw)))  # noqa: PTH118 (bytes)
        try:
            path.write_bytes(data)
        except OSError:  # macOS allows UTF-8 only
            continue
        yield BadFile(path, "a name that is not UTF-8", fate, reason)


def _bind(path: Path) -> None:
    """Leave a socket's name behind. Bound by its short name, for a socket's address holds 108 bytes."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)
