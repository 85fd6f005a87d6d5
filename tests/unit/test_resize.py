"""Scaling by torch: the pixels that Pillow makes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vasari.retrieval.models.clip.pixels import scaled
from vasari.retrieval.models.preprocessing import ImagePreprocessing, Part, ResizeMode, scaled_by_pillow


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(64, 64), (301, 200), (97, 160), (20, 31), (33, 32)])
@pytest.mark.parametrize("bicubic", [True, False])
def test_a_scaled_part_is_that_of_the_picture_scaled_by_pillow(size: tuple[int, int], bicubic: bool) -> None:
    """Scaled down or up, and then cut, no pixel is more than one level off."""
    picture = noise(*size)
    part = Part(whole_width=53, whole_height=41, left=7, top=3, width=40, height=30)
    kind = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
    # Pillow may swap its two passes.
    whole = picture.resize((53, picture.height), kind).resize((53, 41), kind)
    expected = np.asarray(whole)[3:33, 7:47].astype(int)
    found = scaled(picture, part, bicubic=bicubic)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_preparing_gives_the_same_shape_either_way(mode: ResizeMode) -> None:
    """Cropped, padded, squashed or cut into patches, a picture has the model's size."""
    image = ImagePreprocessing(32, 24, resize_mode=mode)
    ways = [image.prepare(noise(90, 61), way) for way in (scaled, scaled_by_pillow)]
    assert [way.shape for way in ways] == [image.shape] * 2
    assert image.shape == (32, 24, 3) or mode is ResizeMode.PATCHES


def test_a_long_strip_is_not_scaled_as_a_whole() -> None:
    """Of a strip only the middle is computed, by Pillow: scaled as a whole it would need gigabytes."""
    image, strip = ImagePreprocessing(32, 32), noise(4000, 1)
    np.testing.assert_array_equal(image.prepare(strip, scaled), image.prepare(strip))
