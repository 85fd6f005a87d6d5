"""What is refused before it is read or decoded: files too heavy, pictures too large, too many of them."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.errors import ImageError


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before it is read or decoded."""

    max_bytes: int = 256 * 1024 * 1024
    max_pixels: int = 200_000_000
    decode_bytes: int = 1024 * 1024 * 1024  # of all decodings of the process together; more of them wait


def check_bytes(size: int, limits: ImageLimits) -> None:
    """Raise ImageError, stage "limit", for a file of more bytes."""
    if size > limits.max_bytes:
        mebibytes = f"{size / 2**20:,.0f} MiB, the limit is {limits.max_bytes / 2**20:,.0f} MiB"
        raise ImageError(f"the file has {mebibytes} (VASARI_MAX_IMAGE_BYTES)", stage="limit")


def check_pixels(width: int, height: int, limits: ImageLimits) -> None:
    """Raise ImageError for a picture without pixels and, stage "limit", for one of more pixels."""
    if width < 1 or height < 1:
        raise ImageError(f"the picture has no pixels ({width} × {height})")
    if width * height > limits.max_pixels:
        size = f"{width} × {height} = {_pixels(width * height)}, the limit is {_pixels(limits.max_pixels)}"
        raise ImageError(f"{size} (VASARI_MAX_IMAGE_PIXELS)", stage="limit")


def check_together(weight: int, limits: ImageLimits) -> None:
    """Raise ImageError, stage "limit", for pictures that come together and unpack to `weight` bytes in all."""
    most = _TOGETHER * limits.decode_bytes
    if weight > most:
        size = f"{weight / 2**30:.3g} GiB of memory, the limit is {most / 2**30:.3g} GiB"
        raise ImageError(
            f"the pictures of one request take {size}: send fewer, or smaller ones", stage="limit"
        )


_TOGETHER = 8  # budgets that one request may use up, one after the other


def _pixels(count: int) -> str:
    if count < 10**6:
        return f"{count:,} pixels"
    return f"{count / 1e9:.3g} gigapixels" if count >= 10**9 else f"{count / 1e6:.4g} megapixels"
