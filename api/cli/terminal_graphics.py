"""Terminal graphics encodings of pictures: PNG, sixel graphics, or rows of pixels."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vasari.retrieval.images.decode import Picture


def png(picture: Picture, side: int) -> bytes:
    """PNG of a picture scaled to fit a square of `side` pixels."""
    buffer = io.BytesIO()
    _fitting(picture, side).save(buffer, "PNG")
    return buffer.getvalue()


def scaled_pixels(picture: Picture, width: int) -> list[list[tuple[int, int, int]]]:
    """Rows of RGB pixels, `width` to a row, an even number of rows."""
    height = max(2, 2 * round(width * picture.height / picture.width / 2))
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    return [[(int(r), int(g), int(b)) for r, g, b in row] for row in pixels]


def sixel(picture: Picture, side: int) -> str:
    """The picture as sixel graphics of 64 colours (DEC, VT340 Graphics Programming, chapter 14)."""
    small = _fitting(picture, side).quantize(64)
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


def _fitting(picture: Picture, side: int) -> Picture:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small
