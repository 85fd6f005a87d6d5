"""Image decoding, bytes -> pixels: facts, whole pictures, thumbnails.

Every picture comes out the way a person would see it: upright, 8-bit sRGB, over white. What can't be decoded
raises `ImageError` with a reason for people; nothing else is raised and no warning is issued, whatever the bytes.
All functions may be called from many threads; the decoders work with the GIL released. How each format is read is
in `vasari.retrieval.images`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from PIL import Image

from vasari.retrieval import domain
from vasari.retrieval.errors import ImageError, Sentence, VasariError
from vasari.retrieval.images.colour import in_srgb, is_srgb, reduction
from vasari.retrieval.images.formats import (
    ImageInfo,
    Opened,
    RgbxPicture,
    image_of,
    open_jpeg,
    open_other,
    open_png,
    upright,
)
from vasari.retrieval.images.headers import Format, damaged, declared_length, jpeg_header, sniff, truncated
from vasari.retrieval.images.limits import DECODING, ImageLimits, check_bytes, check_pixels
from vasari.retrieval.images.raw import is_raw, open_raw

Picture = Image.Image
"""A decoded picture, mode RGB."""


@dataclass(frozen=True)
class DecodedImage:
    """A picture, perhaps at reduced size, and the facts about the full one."""

    pixels: domain.Picture  # as the decoder left them: what a model's preprocessing takes
    info: ImageInfo

    @cached_property
    def picture(self) -> Picture:
        """The pixels as Pillow keeps them."""
        pixels = self.pixels
        assert isinstance(pixels, Picture | RgbxPicture)
        return image_of(pixels)


class Stored(Protocol):
    """A picture as it is stored in its file, decoded by somebody else."""

    def upright(self, orientation: int) -> domain.Picture:
        """Turned by EXIF's number."""


def probe(data: bytes, limits: ImageLimits) -> ImageInfo:
    """Facts from the headers alone; raises ImageError as `decode` does, as far as headers tell."""
    with _refusing(data):
        return _open(data, limits).info


def weigh(data: bytes, limits: ImageLimits, *, target: int | None = None) -> int:
    """Peak memory of `decode` in bytes, by the headers; raises ImageError as `probe`."""
    with _refusing(data):
        return _open(data, limits).weight(target)


def decode(data: bytes, limits: ImageLimits, *, target: int | None = None) -> DecodedImage:
    """The (first) picture in `data`, upright, 8-bit sRGB, over white.

    With `target`, the shorter side in pixels a model wants, a large JPEG is decoded at reduced size (in the
    cosine domain, which skips much of the work), but never below 1.95 targets; so are other formats beyond 16
    megapixels, once they are decoded. `info` tells the full size. Waits while other threads decode as much as
    `limits.decode_bytes` allows (see `limits`).
    Raises ImageError: stage "limit" beyond the limits (checked before decoding), "decode" for anything else.
    """
    with decoding(data, limits, target=target) as decoded:
        return decoded


@contextmanager
def decoding(data: bytes, limits: ImageLimits, *, target: int | None = None) -> Iterator[DecodedImage]:
    """`decode` as a context manager: until the end of the block the picture counts against the memory budget.

    Inside the block nothing else may be decoded.
    """
    with _refusing(data):
        opened = _open(data, limits)
    with DECODING.hold(opened.weight(target), limits.decode_bytes):
        with _refusing(data):
            pixels = _as_seen(opened, target)
        yield DecodedImage(pixels, opened.info)


@contextmanager
def decoded_as(data: bytes, limits: ImageLimits, picture: Stored) -> Iterator[DecodedImage]:
    """`decoding` of a file whose pixels somebody else has decoded: facts, limits and orientation are the file's."""
    with _refusing(data):
        opened = _open(data, limits)
    yield DecodedImage(picture.upright(opened.orientation), opened.info)


def plain_jpeg(data: bytes, limits: ImageLimits) -> int:
    """How many pixels a JPEG has of which every decoder makes the same picture: baseline, grey or YCbCr, sRGB; else 0.

    0 also for files that are damaged as far as their headers tell, or beyond the limits.
    """
    try:
        if not data or sniff(data) is not Format.JPEG:
            return 0
        check_bytes(len(data), limits)
        header = jpeg_header(data)
        check_pixels(header.width, header.height, limits)
    except ImageError:
        return 0
    plain = header.components in (1, 3) and not header.progressive and not header.stored_rgb
    return header.width * header.height if plain and is_srgb(header.profile) else 0


def _as_seen(opened: Opened, target: int | None) -> Picture | RgbxPicture:
    """The pixels upright, 8-bit sRGB, over white."""
    loaded = opened.load(target)
    if isinstance(loaded, RgbxPicture):
        if is_srgb(opened.profile) and reduction(loaded.width, loaded.height, target) == 1:
            return loaded.upright(opened.orientation)
        loaded = loaded.image()
    picture = upright(in_srgb(loaded, opened.profile, opened.bits, target), opened.orientation)
    picture.info = {}  # profile and EXIF are spent: nothing may apply them a second time
    return picture


def thumbnail(picture: Picture, side: int) -> bytes:
    """WebP bytes of `picture` scaled to fit a square of `side` pixels; small pictures keep their size."""
    factor = min(picture.size) // (4 * side)
    small = picture.reduce(factor) if factor > 1 else picture.copy()  # never a second one of full size
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=4)
    return buffer.getvalue()


def _open(data: bytes, limits: ImageLimits) -> Opened:
    if not data:
        raise ImageError(Sentence("the file is empty"))
    check_bytes(len(data), limits)
    image_format = sniff(data)
    if image_format is Format.JPEG:
        return open_jpeg(data, limits)
    if image_format is Format.PNG:
        return open_png(data, limits)
    if image_format is Format.RAW or (image_format is Format.TIFF and is_raw(data)):
        return open_raw(data, limits)
    return open_other(data, image_format, limits)


@contextmanager
def _refusing(data: bytes) -> Iterator[None]:
    """Whatever a decoder raises on broken bytes becomes an ImageError with a reason for people."""
    try:
        yield
    except VasariError:
        raise
    except MemoryError as error:
        raise ImageError(
            Sentence("decoding this picture needs more memory than there is"), stage="limit"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            Sentence("the picture unpacks to far more pixels than it says"), stage="limit"
        ) from error
    except Exception as error:  # decoders raise nearly everything: SyntaxError, KeyError, struct.error, …
        words = " ".join(str(error).split()) or type(error).__name__
        if "truncated" in words.lower() or declared_length(data) > len(data):
            raise truncated(data) from error
        raise damaged(sniff(data), words[:200]) from error
