"""RAW photos: the JPEG inside them, or the sensor's data developed by LibRaw."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from vasari.retrieval.errors import ImageError, Sentence
from vasari.retrieval.images.colour import to_srgb
from vasari.retrieval.images.exif import Exif, tiff_tags
from vasari.retrieval.images.formats import Opened, image_of, info_of, open_jpeg, upright
from vasari.retrieval.images.headers import Format
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.images.metadata import tiff_metadata

_DNG_VERSION, _SUB_IFDS, _NEW_SUBFILE, _MAKE = 0xC612, 0x014A, 0x00FE, 0x010F


def is_raw(data: bytes) -> bool:
    """Whether a TIFF file is a RAW photo: most RAW formats are TIFF files whose first directory is a small preview."""
    tags = tiff_tags(data)
    preview_first = tags.get(_NEW_SUBFILE, (0,))[0] == 1 and _SUB_IFDS in tags and _MAKE in tags
    return data[8:10] == b"CR" or _DNG_VERSION in tags or preview_first


def open_raw(data: bytes, limits: ImageLimits) -> Opened:
    """A RAW photo; needs the extra `raw`. Its pixels are loaded upright."""
    with _libraw(data) as raw:
        width, height, flip = raw.sizes.width, raw.sizes.height, raw.sizes.flip
    exif = Exif({3: 3, 5: 8, 6: 6}.get(flip, 1), tiff_metadata(data).facts)  # LibRaw's numbers -> EXIF's
    info = info_of(width, height, Format.RAW, exif, limits)
    return Opened(
        info,
        1,
        b"",
        lambda target: _load_raw(data, exif.orientation, limits, target),
        lambda _target: _BYTES_A_PIXEL * width * height,
    )


def _libraw(data: bytes) -> Any:
    try:
        import rawpy  # an extra; brings 6 MB of codecs
    except ImportError as error:
        raise ImageError(Sentence("RAW photos need the package rawpy: pip install 'vasari[raw]'")) from error
    return rawpy.imread(io.BytesIO(data))


_BYTES_A_PIXEL = 12  # the sensor's numbers, and four colours of 16 bits at half size
_SMALLEST_PREVIEW = 512  # pixels of the shorter side: more than most models see


def _load_raw(data: bytes, orientation: int, limits: ImageLimits, target: int | None) -> Image.Image:
    """The embedded JPEG if it is large enough, else the sensor's data developed at half size; upright."""
    with _libraw(data) as raw:
        preview = _raw_preview(raw)
        if preview:
            opened = open_jpeg(preview, limits)
            if min(opened.info.width, opened.info.height) >= (2 * target if target else _SMALLEST_PREVIEW):
                turned = opened.orientation if opened.orientation > 1 else orientation
                return upright(to_srgb(image_of(opened.load(target)), opened.profile), turned)
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))


def _raw_preview(raw: Any) -> bytes:
    try:
        preview = raw.extract_thumb()
    except Exception:  # none, or of an unknown kind: LibRaw has an error class for each
        return b""
    return preview.data if isinstance(preview.data, bytes) and preview.data[:2] == b"\xff\xd8" else b""
