"""Sample pictures, drawn at random but always the same: to compare encoders on, and to time decoding by."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vasari.retrieval.images.decode import Picture


def sample_pictures() -> list[Picture]:
    """Pictures of several shapes with soft and sharp parts, always the same: to compare two encoders on."""
    return [_sample(seed, *size) for seed, size in enumerate(((640, 427), (300, 500), (1200, 900), (97, 64)))]


def camera_jpeg() -> bytes:
    """A JPEG of 12 megapixels (4000 × 3000), of as many bytes as a camera's: about 4 MB."""
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (750, 1000, 3), dtype=np.uint8))
    file = io.BytesIO()
    picture.resize((4000, 3000), Image.Resampling.BICUBIC).save(file, "JPEG", quality=80)
    return file.getvalue()


def _sample(seed: int, width: int, height: int) -> Picture:
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    picture = soft.resize((width, height), Image.Resampling.BICUBIC)
    sharp = Image.fromarray(random.integers(0, 256, (height // 3, width // 3, 3), dtype=np.uint8))
    picture.paste(sharp, (width // 4, height // 4))
    return picture
