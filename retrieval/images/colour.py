"""Colour management: any mode and bit depth, with any ICC profile, to 8-bit sRGB over white.

In strips, so that a large picture is never held several times over. What is far larger than its reader wants is also
made smaller on the way, by the mean of whole blocks of pixels: as JPEGs are when they are decoded, and only where
memory is at stake.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from vasari.retrieval import cancellation

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
    """Downsampling factor: pixels of a row that become one; 1 for what is not large, or has few pixels for `target`."""
    if target is None or width * height <= _LARGE:
        return 1
    return max(1, min(width, height) // math.ceil(SPARE * target))


def value_range(image: Image.Image) -> tuple[float, float] | None:
    """Minimum and maximum (black and white) of a picture of 32-bit or floating point numbers; None for other modes."""
    if image.mode.startswith("I;16") or not image.mode.startswith(("I", "F")):
        return None
    low, high = np.inf, -np.inf
    for top in range(0, image.height, _ROWS):
        values = _numbers(image.crop((0, top, image.width, min(top + _ROWS, image.height))))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low >= 0 and high <= 1 and image.mode == "F":
        return 0.0, 1.0
    if low >= 0 and high <= 65535:
        return 0.0, 255.0 if high <= 255 else 65535.0
    return low, high


def eight_bits(image: Image.Image, bits: int, spread: tuple[float, float] | None) -> Image.Image:
    """Scale (never clip) grey of 16 or 32 bits or floating point to 8 bits; other modes as they are.

    `bits` are those of a sample of 16-bit grey, `spread` is the whole picture's `value_range`.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> (bits - 8)).clip(0, 255).astype(np.uint8))
    if spread is None:
        return image
    low, high = spread
    scaled = (_numbers(image) - low) * (255 / (high - low or 1.0))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _numbers(image: Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)


_ROWS = 256  # looked at together


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Any mode -> RGB in sRGB, over white where it is transparent."""
    if image.mode in ("P", "PA", "La", "RGBa") or "transparency" in image.info:
        see_through = image.mode != "P" or "transparency" in image.info
        image = image.convert("RGBA" if see_through else "RGB")
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if alpha is not None:
        image = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    picture = _converted(image, profile)
    if alpha is None or alpha.getextrema() == (255, 255):
        return picture
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=alpha)
    return paper


def is_srgb(profile: bytes) -> bool:
    """Whether RGB pixels with this profile stay as they are: there is none, it is broken, or sRGB."""
    return _transform_of(profile, "RGB") is None


def _transform_of(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    make = _transform if len(profile) <= _REMEMBERED else _transform.__wrapped__
    return make(profile, mode) if profile else None


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    transform = _transform_of(profile, image.mode)
    if transform is not None:
        return cast("Image.Image", ImageCms.applyTransform(image, transform))
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return cast("Image.Image", ImageCms.profileToProfile(image, lab, _SRGB, outputMode="RGB"))
    return image if image.mode == "RGB" else image.convert("RGB")


_SRGB = ImageCms.createProfile("sRGB")
# Bytes of a profile whose transform is kept: strangers' pictures must not fill the memory.
_REMEMBERED = 1024 * 1024


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """ICC transform from `profile` to sRGB; None if it is broken, for another kind of picture, or sRGB already.

    Cached, for building one takes 10 to 30 ms. `NOCACHE`: without it Little CMS keeps the last pixel inside the
    transform, and threads share it here.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", flags=ImageCms.Flags.NOCACHE)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "RGB":
        cube = np.indices((9, 9, 9), dtype=np.uint8).reshape(3, -1).T.reshape(27, 27, 3) * 31
        converted = np.asarray(ImageCms.applyTransform(Image.fromarray(cube), transform))
        if np.abs(converted.astype(int) - cube).max() <= _SAME_COLOUR:
            return None
    return transform


_SAME_COLOUR = 4  # levels of 255; profiles called sRGB differ from one another by up to 3, Adobe RGB by 60
