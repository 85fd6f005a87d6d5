"""Bytes -> pixels: limits, reduced-size decoding, EXIF orientation, colour, thumbnails.

Every picture comes out the way a person would see it: upright, 8-bit sRGB, over white. What can't be decoded
raises `ImageError` with a reason for people; nothing else is raised and no warning is issued, whatever the bytes.
All functions may be called from many threads; the decoders work with the GIL released.

Pillow's file classes are called directly, by the file's own first bytes, and not through `Image.open`: that would
apply Pillow's process-wide pixel limit (and its warnings), where ours is an argument and is checked before anything
is allocated.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from retrieval.errors import ImageError
from retrieval.exif import Exif, read_exif, tiff_tags
from retrieval.image_headers import (
    Format,
    Header,
    declared_length,
    jpeg_header,
    png_header,
    png_picture,
    sniff,
    truncated,
    webp_size,
)

Picture = Image.Image
"""A decoded picture, mode RGB."""

# fmt: off
IMAGE_SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib",
    ".avif", ".heic", ".heif", ".hif",
])
RAW_SUFFIXES = frozenset([
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl",
    ".srw", ".x3f",
])
# fmt: on


def indexable_suffixes() -> frozenset[str]:
    """Lower-case file name endings that can be read here: RAW only where the extra `raw` is installed."""
    return IMAGE_SUFFIXES | RAW_SUFFIXES if find_spec("rawpy") else IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before it is read or decoded."""

    max_bytes: int = 256 * 1024 * 1024
    max_pixels: int = 200_000_000


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Facts about a picture. `width` and `height` in pixels, upright (after EXIF orientation), full size."""

    width: int
    height: int
    format: str  # a value of `Format`: jpeg, png, …
    exif: dict[str, Any] = field(default_factory=dict)  # see `retrieval.exif.Exif.facts`


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture, perhaps at reduced size, and the facts about the full one."""

    picture: Picture
    info: ImageInfo


# ---------------------------------------------------------------- files


def content_hash(data: bytes) -> str:
    """BLAKE2b-128, hexadecimal (32 letters)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def printable(path: str | os.PathLike[str]) -> str:
    """The path for people and for JSON: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


def read_file(path: str | os.PathLike[str], limits: ImageLimits) -> bytes:
    """The bytes of a regular file; never waits on a FIFO, never opens a device.

    Raises ImageError, stage "read" for what can't be read, "limit" for more than `limits.max_bytes`.
    """
    try:
        facts = Path(path).stat()
        _check_kind(facts.st_mode)
        _check_bytes(facts.st_size, limits)
        with io.FileIO(os.open(path, _OPEN_FLAGS)) as file:
            data = _read(file, facts.st_size)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageError(_why_unreadable(path, error), stage="read") from error
    if not data:
        raise ImageError("the file is empty", stage="read")
    return data


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in _KINDS if test(mode)), "something else")
        raise ImageError(f"{kind}, not a regular file", stage="read")


def _read(file: io.FileIO, size: int) -> bytes:
    """Up to `size` bytes: the file may be shorter by now, and one read may bring less than was asked for."""
    data = file.read(size) or b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _why_unreadable(path: str | os.PathLike[str], error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to nothing" if Path(path).is_symlink() else "there is no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    words = error.strerror if isinstance(error, OSError) else str(error)
    return (words or type(error).__name__).lower()


# ---------------------------------------------------------------- limits


def _check_bytes(size: int, limits: ImageLimits) -> None:
    if size > limits.max_bytes:
        mebibytes = f"{size / 2**20:,.0f} MiB, the limit is {limits.max_bytes / 2**20:,.0f} MiB"
        raise ImageError(f"the file has {mebibytes} (VASARI_MAX_IMAGE_BYTES)", stage="limit")


def _check_pixels(width: int, height: int, limits: ImageLimits) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"the picture has no pixels ({width} × {height})")
    if width * height > limits.max_pixels:
        size = f"{width} × {height} = {_pixels(width * height)}, the limit is {_pixels(limits.max_pixels)}"
        raise ImageError(f"{size} (VASARI_MAX_IMAGE_PIXELS)", stage="limit")


def _pixels(count: int) -> str:
    if count < 10**6:
        return f"{count:,} pixels"
    return f"{count / 1e9:.3g} gigapixels" if count >= 10**9 else f"{count / 1e6:.4g} megapixels"


# ---------------------------------------------------------------- decoding


def probe(data: bytes, limits: ImageLimits) -> ImageInfo:
    """Facts from the headers alone; raises ImageError as `decode` does, as far as headers tell."""
    with _refusing(data):
        return _open(data, limits).info


def decode(data: bytes, limits: ImageLimits, *, target: int | None = None) -> DecodedImage:
    """The (first) picture in `data`, upright, 8-bit sRGB, over white.

    With `target`, the shorter side in pixels a model wants, a large JPEG is decoded at reduced size (in the
    cosine domain, which skips much of the work), but never below twice the target; `info` tells the full size.
    Raises ImageError: stage "limit" beyond the limits (checked before decoding), "decode" for anything else.
    """
    with _refusing(data):
        opened = _open(data, limits)
        picture = _srgb(opened.load(target), opened.profile)
        turn = _TURNS.get(opened.orientation)
        if turn is not None:
            picture = picture.transpose(turn)
        picture.info = {}  # profile and EXIF are spent: nothing may apply them a second time
        return DecodedImage(picture, opened.info)


def thumbnail(picture: Picture, side: int) -> bytes:
    """WebP bytes of `picture` scaled to fit a square of `side` pixels; small pictures keep their size."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=4)
    return buffer.getvalue()


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def _refusing(data: bytes) -> Iterator[None]:
    """Whatever a decoder raises on broken bytes becomes an ImageError with a reason for people."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("decoding this picture needs more memory than there is", stage="limit") from error
    except Image.DecompressionBombError as error:
        raise ImageError("the picture unpacks to far more pixels than it says", stage="limit") from error
    except Exception as error:  # decoders raise nearly everything: SyntaxError, KeyError, struct.error, …
        words = " ".join(str(error).split()) or type(error).__name__
        if "truncated" in words.lower() or declared_length(data) > len(data):
            raise truncated(data) from error
        raise ImageError(f"the {sniff(data).upper()} data is damaged or cut off ({words[:200]})") from error


@dataclass(frozen=True, slots=True)
class _Opened:
    """A picture whose headers were read and found within the limits."""

    info: ImageInfo
    orientation: int
    profile: bytes  # ICC, empty if none
    load: Callable[[int | None], Image.Image]  # target -> pixels as stored, any mode


def _open(data: bytes, limits: ImageLimits) -> _Opened:
    if not data:
        raise ImageError("the file is empty")
    _check_bytes(len(data), limits)
    image_format = sniff(data)
    if image_format is Format.JPEG:
        return _open_jpeg(data, limits)
    if image_format is Format.RAW or (image_format is Format.TIFF and _is_raw(data)):
        return _open_raw(data, limits)
    profile = b""
    if image_format is Format.PNG:
        header = png_header(data)
        _check_pixels(header.width, header.height, limits)
        clean, header = png_picture(data)
        image: Image.Image = PngImagePlugin.PngImageFile(io.BytesIO(clean))
        exif, profile = read_exif(header.exif), header.profile
    else:
        if image_format is Format.WEBP:  # its decoder allocates the canvas when it is opened
            _check_pixels(*webp_size(data), limits)
        image = _open_with_pillow(data, image_format)
        exif = read_exif(data if image_format is Format.TIFF else image.info.get("exif") or b"")
        profile = image.info.get("icc_profile") or b""
    width, height = image._tile_size if isinstance(image, _TiffFile) else image.size
    info = _info(width, height, image_format, exif, limits)
    return _Opened(info, exif.orientation, profile, lambda _target: _loaded(image, data))


def _info(width: int, height: int, image_format: Format, exif: Exif, limits: ImageLimits) -> ImageInfo:
    """`width` and `height` as stored; checked against the limits."""
    _check_pixels(width, height, limits)
    if exif.orientation >= 5:
        width, height = height, width
    return ImageInfo(width, height, image_format.value, dict(exif.facts))


def _loaded(image: Image.Image, data: bytes) -> Image.Image:
    image.load()
    if image.mode.startswith("I;16") and isinstance(image, _TiffFile):
        bits = tiff_tags(data).get(258, (16,))[0]
        return _eight_bits(image, bits if bits in range(9, 16) else 16)
    return _eight_bits(image, 16)


# ---------------------------------------------------------------- formats


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


def _open_with_pillow(data: bytes, image_format: Format) -> Image.Image:
    """Read the headers.

    Pillow warns about odd tags there, and Python's warning filters belong to the process: so they are set aside
    under a lock, for these formats (neither ordinary JPEG nor PNG) and their headers only.
    """
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if image_format is Format.HEIC:
            from pillow_heif.as_plugin import (
                HeifImageFile,
            )  # loads libheif and its codecs: only where it is needed

            return cast("Image.Image", HeifImageFile(io.BytesIO(data)))
        return _FILES[image_format](io.BytesIO(data))


def _open_jpeg(data: bytes, limits: ImageLimits) -> _Opened:
    header = jpeg_header(data)
    exif = read_exif(header.exif)
    info = _info(header.width, header.height, Format.JPEG, exif, limits)
    return _Opened(info, exif.orientation, header.profile, lambda target: _load_jpeg(data, header, target))


def _load_jpeg(data: bytes, header: Header, target: int | None) -> Image.Image:
    """Decode with libjpeg-turbo through simplejpeg where it can be; CMYK and rare kinds go to Pillow.

    It is a sixth faster than Pillow (2.2 against 2.6 ms for 500 × 375 pixels in 125 KB), and reports damage where
    Pillow returns grey.
    """
    least = 2 * target if target and min(header.width, header.height) >= 4 * target else 0
    if header.components in (1, 3):
        try:
            return _turbo(data, header, least)
        except ValueError as error:
            words = str(error).lower()
            if "premature end of jpeg file" in words:
                return _without_end(data, header, least)
            if any(sign in words for sign in _DAMAGE):
                raise ImageError(f"the JPEG data is damaged or cut off ({error})") from error
    image = _open_with_pillow(data, Format.JPEG)
    if least:
        image.draft(None, (least, least))
    image.load()
    return image


_DAMAGE = ("premature end of data segment", "bad huffman", "rst", "inconsistent progression")


def _turbo(data: bytes, header: Header, least: int) -> Image.Image:
    """Grey or RGB; ValueError for damage, for harmless oddities, and for kinds of JPEG it does not know."""
    colours, mode, layout = ("GRAY", "L", "L") if header.components == 1 else ("RGBX", "RGB", "RGBX")
    pixels = simplejpeg.decode_jpeg(
        data, colours, min_height=least, min_width=least, min_factor=2 if least else 1
    )  # (height, width, 1 or 4): Pillow keeps RGB in four bytes, so RGBX is copied as it is
    return Image.frombuffer(mode, (pixels.shape[1], pixels.shape[0]), pixels, "raw", layout, 0, 1)


def _without_end(data: bytes, header: Header, least: int) -> Image.Image:
    """A JPEG without end marker: good if only that is missing, truncated if pixels are."""
    try:
        return _turbo(data + b"\xff\xd9", header, least)
    except ValueError as error:
        raise truncated(data) from error


_DNG_VERSION, _SUB_IFDS, _NEW_SUBFILE, _MAKE = 0xC612, 0x014A, 0x00FE, 0x010F


def _is_raw(data: bytes) -> bool:
    """Most RAW formats are TIFF files whose first directory is a small preview."""
    tags = tiff_tags(data)
    preview_first = tags.get(_NEW_SUBFILE, (0,))[0] == 1 and _SUB_IFDS in tags and _MAKE in tags
    return data[8:10] == b"CR" or _DNG_VERSION in tags or preview_first


def _open_raw(data: bytes, limits: ImageLimits) -> _Opened:
    with _libraw(data) as raw:
        width, height, flip = raw.sizes.width, raw.sizes.height, raw.sizes.flip
    exif = Exif({3: 3, 5: 8, 6: 6}.get(flip, 1), read_exif(data).facts)  # LibRaw's numbers -> EXIF's
    info = _info(width, height, Format.RAW, exif, limits)
    return _Opened(info, 1, b"", lambda target: _load_raw(data, exif.orientation, limits, target))


def _libraw(data: bytes) -> Any:
    try:
        import rawpy  # an extra; brings 6 MB of codecs
    except ImportError as error:
        raise ImageError("RAW photos need the package rawpy: pip install 'vasari[raw]'") from error
    return rawpy.imread(io.BytesIO(data))


_SMALLEST_PREVIEW = 512  # pixels of the shorter side: more than most models see


def _load_raw(data: bytes, orientation: int, limits: ImageLimits, target: int | None) -> Image.Image:
    """The embedded JPEG if it is large enough, else the sensor's data developed at half size; upright."""
    with _libraw(data) as raw:
        preview = _raw_preview(raw)
        if preview:
            opened = _open_jpeg(preview, limits)
            if min(opened.info.width, opened.info.height) >= (2 * target if target else _SMALLEST_PREVIEW):
                turn = _TURNS.get(opened.orientation if opened.orientation > 1 else orientation)
                picture = _srgb(opened.load(target), opened.profile)
                return picture.transpose(turn) if turn is not None else picture
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))


def _raw_preview(raw: Any) -> bytes:
    try:
        preview = raw.extract_thumb()
    except Exception:  # none, or of an unknown kind: LibRaw has an error class for each
        return b""
    return preview.data if isinstance(preview.data, bytes) and preview.data[:2] == b"\xff\xd8" else b""


# ---------------------------------------------------------------- colour


def _eight_bits(image: Image.Image, bits: int) -> Image.Image:
    """Scale (never clip) grey of 16 or 32 bits or floating point to 8 bits; other modes as they are."""
    if not image.mode.startswith(("I", "F")):
        return image
    values: NDArray[Any] = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> (bits - 8)).clip(0, 255).astype(np.uint8))
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1 and image.mode == "F":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 255.0 if high <= 255 else 65535.0
    scaled = (values - low) * (255 / (high - low or 1.0))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _srgb(image: Image.Image, profile: bytes) -> Picture:
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


def _converted(image: Image.Image, profile: bytes) -> Picture:
    transform = _transform(profile, image.mode) if profile else None
    if transform is not None:
        return cast("Image.Image", ImageCms.applyTransform(image, transform))
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return cast("Image.Image", ImageCms.profileToProfile(image, lab, _SRGB, outputMode="RGB"))
    return image if image.mode == "RGB" else image.convert("RGB")


_SRGB = ImageCms.createProfile("sRGB")


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from `profile` to sRGB; None if it is broken, for another kind of picture, or sRGB already.

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
