"""Terminal graphics encodings of pictures: PNG, sixel graphics, or rows of pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vasari.retrieval.images.decode import Picture


def png(picture: Image.Image) -> bytes:
    """The picture as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def fitted(picture: Picture, width: int, height: int) -> tuple[int, int]:
    """The largest size of the picture's shape in `width` × `height` pixels, of an even number of rows."""
    scale = min(width / picture.width, height / picture.height)
    return max(1, min(width, round(picture.width * scale))), max(2, 2 * round(picture.height * scale / 2))


def strip(pictures: Sequence[Picture | None], width: int, height: int, gap: int) -> Image.Image:
    """The pictures side by side, each in the middle of its `width`, as high as the highest; transparent between."""
    sizes = [(0, 0) if each is None else fitted(each, width, height) for each in pictures]
    total = len(pictures) * (width + gap) - gap
    sheet = Image.new("RGBA", (total, max(2, *(high for _, high in sizes))))
    for number, (picture, size) in enumerate(zip(pictures, sizes, strict=True)):
        if picture is not None:
            small = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
            sheet.paste(small, (number * (width + gap) + (width - size[0]) // 2, 0))
    return sheet


def scaled_pixels(picture: Picture, width: int, height: int) -> list[list[tuple[int, int, int]]]:
    """Rows of RGB pixels, `width` to a row."""
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    return [[(int(r), int(g), int(b)) for r, g, b in row] for row in pixels]


def sixel(picture: Image.Image) -> str:
    """The picture as sixel graphics of 64 colours (DEC, VT340 Graphics Programming, chapter 14), on black."""
    small = picture.convert("RGB").quantize(64)
    palette = small.getpalette() or []
    pixels = np.asarray(small)
    parts = ["\x1bPq", f'"1;1;{small.width};{small.height}']
    for colour in np.unique(pixels).tolist():
        r, g, b = (round(value * 100 / 255) for value in palette[3 * colour : 3 * colour + 3])
        parts.append(f"#{colour};2;{r};{g};{b}")
    for top in range(0, small.height, 6):
        band = pixels[top : top + 6]
        weights = 1 << np.arange(len(band))
        for colour in np.unique(band).tolist():
            sixels = (weights[:, None] * (band == colour)).sum(axis=0) + 63
            parts.append(f"#{colour}{_run_lengths(sixels)}$")
        parts.append("-")
    return "".join([*parts, "\x1b\\"])


def _run_lengths(sixels: NDArray[np.int64]) -> str:
    ends = np.flatnonzero(np.diff(sixels, append=-1))
    lengths = np.diff(ends, prepend=-1)
    runs = zip(lengths.tolist(), sixels[ends].tolist(), strict=True)
    return "".join(f"!{length}{chr(value)}" if length > 3 else chr(value) * length for length, value in runs)
