"""Formats: each is opened (facts known, limits checked, nothing decoded), and says how its pixels are loaded.

JPEGs go to libjpeg-turbo. Its pixels are RGBX and are handed on as they lie in memory: turning them into Pillow's own
form and back took 0.4 of the 3.9 ms that a photo of 500 × 375 pixels cost, and held Python's lock meanwhile.

All other formats but RAW are decoded by Pillow and pillow-heif. Their file classes are called directly, by the file's
own first bytes, and not through `Image.open`: that would apply Pillow's process-wide pixel limit (and its warnings),
where ours is an argument and is checked before anything is allocated.
"""

from __future__ import annotations

import io
import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from vasari.retrieval.images.colour import SPARE, reduction
from vasari.retrieval.images.exif import Exif, read_exif, tiff_tags
from vasari.retrieval.images.headers import (
    Format,
    Header,
    damaged,
    jpeg_header,
    png_header,
    png_picture,
    truncated,
    webp_size,
)
from vasari.retrieval.images.limits import ImageLimits, check_pixels
from vasari.retrieval.images.metadata import tiff_metadata, with_metadata


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
    ) -> Image.Image:
        """The part `box` (left, top, right, bottom) scaled to `size` (width, height), by Pillow."""
        return self.image().resize(size, resample, box)  # three channels: in 0.7 of the time of four

    def convert(self, mode: str) -> Image.Image:
        """The picture in another mode, by Pillow, without a copy."""
        there = Image.frombuffer("RGBX", (self.width, self.height), self.rgbx, "raw", "RGBX", 0, 1)
        return there.convert(mode)

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


def open_jpeg(data: bytes, limits: ImageLimits) -> Opened:
    """A JPEG; where its pixels are far more than the target asks for, they are decoded at a reduced size."""
    header = jpeg_header(data)
    exif = with_metadata(read_exif(header.exif), header.xmp, header.iptc, header.extended_xmp)
    info = info_of(header.width, header.height, Format.JPEG, exif, limits)
    return Opened(
        info,
        exif.orientation,
        header.profile,
        lambda target: _load_jpeg(data, header, target),
        lambda target: _jpeg_weight(header, target),
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
                raise damaged(Format.JPEG, str(error)) from error
    image = read_headers(data, Format.JPEG)
    if least:
        image.draft(None, (least, least))
    image.load()
    return image


def _least_side(header: Header, target: int | None) -> int:
    """Least shorter side of a reduced decoding, in pixels; 0 for full size."""
    least = math.ceil(SPARE * target) if target else 0
    return 0 if min(header.width, header.height) < 2 * least else least


def _jpeg_weight(header: Header, target: int | None) -> int:
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
    # Of shape (height, width, 1 or 4).
    pixels = simplejpeg.decode_jpeg(
        data, colours, min_height=least, min_width=least, min_factor=2 if least else 1
    )
    if colours == "RGBX":
        return RgbxPicture(pixels)
    return Image.frombytes("L", (pixels.shape[1], pixels.shape[0]), pixels)


def _without_end(data: bytes, header: Header, least: int) -> Image.Image | RgbxPicture:
    """A JPEG without end marker: good if only that is missing, truncated if pixels are."""
    try:
        return _turbo(data + b"\xff\xd9", header, least)
    except ValueError as error:
        raise truncated(data) from error


def open_png(data: bytes, limits: ImageLimits) -> Opened:
    """A PNG without its text and animation, which never reach the decoder."""
    header = png_header(data)
    check_pixels(header.width, header.height, limits)
    clean, header = png_picture(data)
    image = PngImagePlugin.PngImageFile(io.BytesIO(clean))
    exif = with_metadata(read_exif(header.exif), header.xmp, header.iptc)
    info = info_of(*image.size, Format.PNG, exif, limits)
    return Opened(
        info,
        exif.orientation,
        header.profile,
        lambda _target: _loaded(image),
        lambda target: weight(info.width, info.height, Format.PNG, target),
    )


def open_other(data: bytes, image_format: Format, limits: ImageLimits) -> Opened:
    """A file of any format but PNG, JPEG and RAW."""
    if image_format is Format.WEBP:  # its decoder allocates the canvas when it is opened
        check_pixels(*webp_size(data), limits)
    image = read_headers(data, image_format)
    if image_format is Format.TIFF:
        exif = tiff_metadata(data)
    else:
        exif = with_metadata(read_exif(image.info.get("exif") or b""), _packet(image.info.get("xmp")), b"")
    width, height = image._tile_size if isinstance(image, _TiffFile) else image.size
    info = info_of(width, height, image_format, exif, limits)
    profile = image.info.get("icc_profile") or b""
    return Opened(
        info,
        exif.orientation,
        profile,
        lambda _target: _loaded(image),
        lambda target: weight(width, height, image_format, target),
        _tiff_bits(data) if image_format is Format.TIFF else 16,
    )


_DECODER = {
    Format.PNG: 4,
    Format.GIF: 2,
    Format.BMP: 4,
    Format.TIFF: 8,
    Format.WEBP: 12,
    Format.AVIF: 16,
    Format.HEIC: 16,
}
"""Bytes a pixel that a decoder holds at most, its result included; measured by `benchmarks/decode_memory.py`."""
_STRIPS = 32 * 1024 * 1024  # bytes of what is being converted


def weight(width: int, height: int, image_format: Format, target: int | None) -> int:
    """Peak memory of decoding and converting, in bytes: what the decoder holds, and the result beside it."""
    result = 4 * width * height // reduction(width, height, target) ** 2
    return max(width * height * _DECODER[image_format] + result, 2 * result) + _STRIPS


class _TiffFile(TiffImagePlugin.TiffImageFile):
    """Without Pillow's own turning (done here for all formats), re-reading of tags, and pixel limit."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        ImageFile.ImageFile.load_prepare(self)

    def load_end(self) -> None:
        self._size = self.im.size


_FILES: dict[Format, Callable[[io.BytesIO], Image.Image]] = {
    Format.JPEG: JpegImagePlugin.JpegImageFile,
    Format.WEBP: WebPImagePlugin.WebPImageFile,
    Format.GIF: GifImagePlugin.GifImageFile,
    Format.TIFF: _TiffFile,
    Format.BMP: BmpImagePlugin.BmpImageFile,
    Format.AVIF: AvifImagePlugin.AvifImageFile,
}
_filters = threading.Lock()


def read_headers(data: bytes, image_format: Format) -> Image.Image:
    """A file of any format but PNG and RAW, nothing of it decoded yet.

    Pillow warns about odd tags there, and Python's warning filters belong to the process: so they are set aside
    under a lock, for these formats (neither ordinary JPEG nor PNG) and their headers only.
    """
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if image_format is Format.HEIC:
            # Loads libheif and its codecs: only where it is needed.
            from pillow_heif.as_plugin import HeifImageFile

            return cast("Image.Image", HeifImageFile(io.BytesIO(data)))
        return _FILES[image_format](io.BytesIO(data))


def _packet(xmp: object) -> bytes:
    return xmp if isinstance(xmp, bytes) else b""


def _loaded(image: Image.Image) -> Image.Image:
    if isinstance(image, WebPImagePlugin.WebPImageFile):
        return _first_frame(image)
    image.load()
    return image


def _first_frame(image: WebPImagePlugin.WebPImageFile) -> Image.Image:
    """Without Pillow's own loading, which holds the picture twice beside the decoder's two canvases."""
    pixels, _ = image._decoder.get_next()
    image._decoder = None
    return Image.frombuffer(image.rawmode, image.size, pixels, "raw", image.rawmode, 0, 1)


def _tiff_bits(data: bytes) -> int:
    bits = tiff_tags(data).get(258, (16,))[0]
    return bits if bits in range(9, 16) else 16
