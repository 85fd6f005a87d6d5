"""Opened pictures: facts are known and limits checked before anything is decoded; and pixels as decoders leave them.

libjpeg-turbo's are RGBX, handed on as they lie in memory: turning them into Pillow's own form and back took 0.4 of the
3.9 ms that a photo of 500 × 375 pixels cost, and held Python's lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vasari.retrieval.images.exif import Exif
from vasari.retrieval.images.headers import Format
from vasari.retrieval.images.limits import ImageLimits, check_pixels


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


_TURNS = {  # Pillow's name; whether rows become columns, then the direction of rows and of columns
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False, 1, -1),
    3: (Image.Transpose.ROTATE_180, False, -1, -1),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False, -1, 1),
    5: (Image.Transpose.TRANSPOSE, True, 1, 1),
    6: (Image.Transpose.ROTATE_270, True, 1, -1),
    7: (Image.Transpose.TRANSVERSE, True, -1, -1),
    8: (Image.Transpose.ROTATE_90, True, -1, 1),
}


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture turned by EXIF orientation, 1 to 8; as it is for 1 and for numbers that mean nothing."""
    return picture.transpose(_TURNS[orientation][0]) if orientation in _TURNS else picture


@dataclass(frozen=True, slots=True)
class RgbxPicture:
    """A `Picture` over pixels (height, width, 4), in rows; the fourth byte of a pixel says nothing."""

    rgbx: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.rgbx.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.rgbx.shape[0])

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The pixels (height, width, 3), in the same memory."""
        return self.rgbx[:, :, :3].__array_interface__

    def resize(
        self,
        size: tuple[int, int],
        resample: int | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> RgbxPicture:
        """The part `box` (left, top, right, bottom) scaled to `size` (width, height), by Pillow."""
        whole = Image.frombuffer("RGBX", (self.width, self.height), self.rgbx, "raw", "RGBX", 0, 1)
        return RgbxPicture(np.asarray(whole.resize(size, resample, box)))

    def upright(self, orientation: int) -> RgbxPicture:
        """The picture turned by EXIF's number, 1 to 8; as it is for 1 and for numbers that mean nothing."""
        if orientation not in _TURNS:
            return self
        _, transposed, down, across = _TURNS[orientation]
        words = self.rgbx.view(np.uint32)[:, :, 0]  # a pixel is moved as a whole
        turned = (words.T if transposed else words)[::down, ::across]
        return RgbxPicture(np.ascontiguousarray(turned)[:, :, None].view(np.uint8))

    def image(self) -> Image.Image:
        """A copy as Pillow keeps it, mode RGB."""
        # Not `frombuffer`: it would give a picture of mode RGBX, and turning that into RGB costs four times the copy.
        return Image.frombytes("RGB", (self.width, self.height), self.rgbx, "raw", "RGBX")


def image_of(picture: Image.Image | RgbxPicture) -> Image.Image:
    """A decoded picture as Pillow keeps it."""
    return picture.image() if isinstance(picture, RgbxPicture) else picture
