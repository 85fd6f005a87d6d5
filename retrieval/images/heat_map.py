"""A heat map drawn over a picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vasari.retrieval.images.decode import Picture

_COLD = np.array([20, 24, 82], np.float32)
_HOT = np.array([255, 176, 32], np.float32)


def heat_overlay(picture: Picture, heat: NDArray[np.float32]) -> bytes:
    """PNG of `picture` darkened where `heat` (rows, columns) is low and glowing where it is high."""
    low, high = float(heat.min()), float(heat.max())
    scaled = (heat - low) / (high - low) if high > low else np.zeros_like(heat)
    smooth = Image.fromarray((scaled * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    mixed = Image.new("RGB", picture.size)
    # Floats take four times the memory: never of the whole picture.
    for top in range(0, picture.height, _ROWS):
        box = (0, top, picture.width, min(top + _ROWS, picture.height))
        mixed.paste(_glowing(picture.crop(box), smooth.crop(box)), (0, top))
    buffer = io.BytesIO()
    mixed.save(buffer, "PNG")
    return buffer.getvalue()


_ROWS = 64


def _glowing(picture: Picture, heat: Picture) -> Picture:
    glow = np.asarray(heat, np.float32)[..., None] / 255  # (H, W, 1)
    colours = _COLD + (_HOT - _COLD) * glow
    strength = 0.25 + 0.35 * np.abs(2 * glow - 1)
    mixed = np.asarray(picture, np.float32) * (1 - strength) + colours * strength
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
