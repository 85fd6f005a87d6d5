"""A picture between its headers and its pixels: facts are known and limits checked, nothing is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from vasari.retrieval.images.exif import Exif
from vasari.retrieval.images.headers import Format
from vasari.retrieval.images.limits import ImageLimits, check_pixels
from vasari.retrieval.images.rgbx import RgbxPicture


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Facts about a picture. `width` and `height` in pixels, upright (after EXIF orientation), full size."""

    width: int
    height: int
    format: str  # a value of `Format`: jpeg, png, …
    exif: dict[str, Any] = field(default_factory=dict)  # see `vasari.retrieval.images.exif.Exif.facts`


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture whose headers were read and found within the limits."""

    info: ImageInfo
    orientation: int
    profile: bytes  # ICC, empty if none
    load: Callable[[int | None], Image.Image | RgbxPicture]  # target -> pixels as stored, any mode
    weight: Callable[[int | None], int]  # target -> bytes that decoding and converting hold at most
    bits: int = 16  # of a sample of 16-bit grey


def info_of(width: int, height: int, image_format: Format, exif: Exif, limits: ImageLimits) -> ImageInfo:
    """`width` and `height` as stored; checked against the limits."""
    check_pixels(width, height, limits)
    if exif.orientation >= 5:
        width, height = height, width
    return ImageInfo(width, height, image_format.value, dict(exif.facts))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture turned by EXIF orientation, 1 to 8; as it is for 1 and for numbers that mean nothing."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)
