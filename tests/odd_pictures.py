"""Twenty-five files as people have them, odd in shape, orientation, mode or depth, and fourteen texts.

Beside each file is what a person sees when it is opened: upright, 8 bits, over white. It is made of the pixels that
were written and with Pillow alone, so that it says nothing of how Vasari decodes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

TEXTS = (
    "",
    "a red boat",
    "Two dogs run over the beach!",
    "ein Leuchtturm am Abend, zwölf Häuser",
    "un faro al atardecer, ¿y los barcos?",
    "un phare près de l'été, naïve façade",
    "夕暮れの灯台と赤い船",
    "雪中的灯塔和两只狗",
    "красный дом у реки",
    "قارب أحمر عند الغروب",
    "सूर्यास्त में लाल नाव",
    "  x_y\n&amp; ü ",
    "smile 🙂",
    "many words " * 60,
)
"""Of six scripts; one is empty, and one too long for any model."""


@dataclass(frozen=True)
class OddPicture:
    """A file, and what is seen of it: RGB."""

    name: str
    data: bytes
    seen: Image.Image


@cache
def odd_pictures() -> tuple[OddPicture, ...]:
    """All of them, always the same."""
    made = [*_shapes(), *_turned(), *_modes(), *_formats()]
    return tuple(made)


def _drawn(seed: int, width: int, height: int) -> Image.Image:
    """Soft colours, other ones for each seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)


def _file(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _shapes() -> list[OddPicture]:
    sizes = ((1, 1), (1, 97), (211, 1), (3, 7), (700, 51), (51, 700), (47, 49))
    pictures = [
        (f"{width}x{height} png", _drawn(n, width, height)) for n, (width, height) in enumerate(sizes)
    ]
    return [OddPicture(name, _file(picture, "PNG"), picture) for name, picture in pictures]


def _turned() -> list[OddPicture]:
    """JPEGs that say how they have to be turned."""
    made = []
    for orientation in (3, 5, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = _file(_drawn(20 + orientation, 120, 80), "JPEG", quality=90, exif=exif)
        made.append(OddPicture(f"orientation {orientation}", data, ImageOps.exif_transpose(_opened(data))))
    return made


def _modes() -> list[OddPicture]:
    colours, size = _drawn(30, 90, 70), (90, 70)
    alpha = _drawn(31, *size).convert("L")
    grey, deep = _drawn(32, *size).convert("L"), _deep(33)
    clear = colours.copy()
    clear.putalpha(alpha)
    pale = Image.merge("LA", (grey, alpha))
    few = _drawn(34, *size).quantize(32)
    holes = _drawn(35, *size).quantize(32)
    inked = _file(_drawn(36, *size).convert("CMYK"), "JPEG", quality=92)
    bits = _drawn(37, *size).convert("1")
    eight = (deep >> 8).astype(np.uint8)  # the high byte, which is what libpng shows
    through = _file(holes, "PNG", transparency=3)
    return [
        OddPicture("grey", _file(grey, "PNG"), grey.convert("RGB")),
        OddPicture("grey and alpha", _file(pale, "PNG"), _over_white(pale)),
        OddPicture("RGBA", _file(clear, "PNG"), _over_white(clear)),
        OddPicture("palette", _file(few, "PNG"), few.convert("RGB")),
        OddPicture("palette with a hole", through, _over_white(_opened(through))),
        OddPicture("CMYK", inked, _opened(inked).convert("RGB")),
        OddPicture("two colours", _file(bits, "PNG"), bits.convert("RGB")),
        OddPicture("16 bits of grey", _file(Image.fromarray(deep[..., 0]), "PNG"), _grey(eight[..., 0])),
        OddPicture("16 bits of colours", _deep_png(deep), Image.fromarray(eight)),
    ]


def _formats() -> list[OddPicture]:
    writers: tuple[tuple[str, Callable[[Image.Image], bytes]], ...] = (
        ("grey jpeg", lambda picture: _file(picture.convert("L"), "JPEG", quality=90)),
        ("progressive jpeg", lambda picture: _file(picture, "JPEG", quality=80, progressive=True)),
        ("gif", lambda picture: _file(picture.quantize(64), "GIF")),
        ("webp", lambda picture: _file(picture, "WEBP", quality=80)),
        ("tiff", lambda picture: _file(picture, "TIFF", compression="tiff_lzw")),
    )
    made = []
    for number, (name, write) in enumerate(writers):
        data = write(_drawn(40 + number, 100 + 7 * number, 83))
        made.append(OddPicture(name, data, _opened(data).convert("RGB")))
    return made


def _over_white(picture: Image.Image) -> Image.Image:
    clear = picture.convert("RGBA")
    white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, clear).convert("RGB")


def _grey(rows: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(rows).convert("RGB")


def _deep(seed: int) -> NDArray[np.uint16]:
    """Colours of 16 bits (H, W, 3)."""
    soft = np.asarray(_drawn(seed, 90, 70), np.uint16)
    fine = np.random.default_rng(seed).integers(0, 256, soft.shape, dtype=np.uint16)
    return soft * 256 + fine


def _deep_png(rows: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a colour, which Pillow does not write."""
    height, width, _ = rows.shape
    lines = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
