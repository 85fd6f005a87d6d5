"""Decoded pixels to 8-bit sRGB, in strips, so that a large picture is never held several times over.

What is far larger than its reader wants is also made smaller on the way, by the mean of whole blocks of pixels: as
JPEGs are when they are decoded, and only where memory is at stake.
"""

from __future__ import annotations

import math

from PIL import Image

from retrieval import cancellation
from retrieval.imaging.colour import eight_bits, to_srgb, value_range

SPARE = 1.95
"""Least side of a reduced picture, in targets: at twice the target a model's input differs from the one made of all
pixels by 45 dB (bilinear from bicubic scaling: 37). A little less for the sake of common sensors: for a target of 256
an eighth of 24 megapixels (500 pixels) will do, for one of 384 a quarter of 12 (750)."""
_LARGE = 16_000_000  # pixels; smaller pictures are left as they are
_STRIP = 2_000_000  # pixels


def in_srgb(
    image: Image.Image, profile: bytes, bits: int, target: int | None, *, at_once: int = _STRIP
) -> Image.Image:
    """RGB over white; a large picture is reduced to about two targets. `bits` are those of 16-bit grey.

    `at_once` pixels are converted in one go.
    """
    width, height = image.size
    factor = reduction(width, height, target)
    if image.mode == "RGB" and not profile and factor == 1 and "transparency" not in image.info:
        return image
    spread = value_range(image)
    if factor == 1 and width * height <= at_once:
        return to_srgb(eight_bits(image, bits, spread), profile)
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = factor * max(1, at_once // (width * factor))
    for top in range(0, height, rows):
        cancellation.check()
        strip = image.crop((0, top, width, min(top + rows, height)))
        strip = to_srgb(eight_bits(strip, bits, spread), profile)
        result.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return result


def reduction(width: int, height: int, target: int | None) -> int:
    """How many pixels of a row become one; 1 for what is not large, or has few pixels for `target`."""
    if target is None or width * height <= _LARGE:
        return 1
    return max(1, min(width, height) // math.ceil(SPARE * target))
