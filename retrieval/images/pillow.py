"""The formats that Pillow and pillow-heif decode.

Their file classes are called directly, by the file's own first bytes, and not through `Image.open`: that would apply
Pillow's process-wide pixel limit (and its warnings), where ours is an argument and is checked before anything is
allocated.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from typing import cast

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

from vasari.retrieval.images.colour import reduction
from vasari.retrieval.images.exif import read_exif, tiff_tags
from vasari.retrieval.images.headers import Format, png_header, png_picture, webp_size
from vasari.retrieval.images.limits import ImageLimits, check_pixels
from vasari.retrieval.images.opened import Opened, info_of


def open_png(data: bytes, limits: ImageLimits) -> Opened:
    """A PNG without its text and animation, which never reach the decoder."""
    header = png_header(data)
    check_pixels(header.width, header.height, limits)
    clean, header = png_picture(data)
    image = PngImagePlugin.PngImageFile(io.BytesIO(clean))
    exif = read_exif(header.exif)
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
    exif = read_exif(data if image_format is Format.TIFF else image.info.get("exif") or b"")
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
