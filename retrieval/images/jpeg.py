"""JPEG: headers read here, pixels by libjpeg-turbo, at reduced size where that is enough."""

from __future__ import annotations

import math

import simplejpeg
from PIL import Image

from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.colour import SPARE
from vasari.retrieval.images.exif import read_exif
from vasari.retrieval.images.headers import Format, Header, jpeg_header, truncated
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.images.opened import Opened, RgbxPicture, info_of
from vasari.retrieval.images.pillow import read_headers


def open_jpeg(data: bytes, limits: ImageLimits) -> Opened:
    """A JPEG; where its pixels are far more than the target asks for, they are decoded at a reduced size."""
    header = jpeg_header(data)
    exif = read_exif(header.exif)
    info = info_of(header.width, header.height, Format.JPEG, exif, limits)
    return Opened(
        info,
        exif.orientation,
        header.profile,
        lambda target: _load_jpeg(data, header, target),
        lambda target: _weight(header, target),
    )


def _load_jpeg(data: bytes, header: Header, target: int | None) -> Image.Image | RgbxPicture:
    """Decode with libjpeg-turbo through simplejpeg where it can be; CMYK and rare kinds go to Pillow.

    It is a sixth faster than Pillow (2.2 against 2.6 ms for 500 × 375 pixels in 125 KB), and reports damage where
    Pillow returns grey.
    """
    least = _least_side(header, target)
    if header.components in (1, 3):
        try:
            return _turbo(data, header, least)
        except ValueError as error:
            words = str(error).lower()
            if "premature end of jpeg file" in words:
                return _without_end(data, header, least)
            if any(sign in words for sign in _DAMAGE):
                raise ImageError(f"the JPEG data is damaged or cut off ({error})") from error
    image = read_headers(data, Format.JPEG)
    if least:
        image.draft(None, (least, least))
    image.load()
    return image


def _least_side(header: Header, target: int | None) -> int:
    """Least shorter side of a reduced decoding, in pixels; 0 for full size."""
    least = math.ceil(SPARE * target) if target else 0
    return 0 if min(header.width, header.height) < 2 * least else least


def _weight(header: Header, target: int | None) -> int:
    """Peak memory in bytes: all coefficients of a progressive file, and two copies of the pixels."""
    pixels = header.width * header.height
    least = _least_side(header, target)
    scale = next((n for n in range(1, 9) if min(header.width, header.height) * n >= 8 * least), 8)
    reduced = pixels * scale * scale // 64 if least else pixels
    return (2 * header.components * pixels if header.progressive else 0) + 8 * reduced


_DAMAGE = ("premature end of data segment", "bad huffman", "rst", "inconsistent progression")


def _turbo(data: bytes, header: Header, least: int) -> Image.Image | RgbxPicture:
    """Grey or RGB; ValueError for damage, for harmless oddities, and for kinds of JPEG it does not know."""
    colours = "GRAY" if header.components == 1 else "RGBX"
    pixels = simplejpeg.decode_jpeg(
        data, colours, min_height=least, min_width=least, min_factor=2 if least else 1
    )  # (height, width, 1 or 4)
    if colours == "RGBX":
        return RgbxPicture(pixels)
    return Image.frombytes("L", (pixels.shape[1], pixels.shape[0]), pixels)


def _without_end(data: bytes, header: Header, least: int) -> Image.Image | RgbxPicture:
    """A JPEG without end marker: good if only that is missing, truncated if pixels are."""
    try:
        return _turbo(data + b"\xff\xd9", header, least)
    except ValueError as error:
        raise truncated(data) from error
