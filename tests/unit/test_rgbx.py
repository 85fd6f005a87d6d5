"""Pixels as libjpeg-turbo leaves them: the same picture as Pillow's, for everything that looks at it."""

from __future__ import annotations

import numpy as np
import pytest

from vasari.retrieval.images.formats import RgbxPicture, upright
from vasari.retrieval.images.phash import fingerprint
from vasari.retrieval.models.clip.pixels import scaled
from vasari.retrieval.models.preprocessing import ImagePreprocessing, scaled_by_pillow


def noise(width: int = 61, height: int = 47) -> RgbxPicture:
    return RgbxPicture(np.random.default_rng(3).integers(0, 256, (height, width, 4), dtype=np.uint8))


@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_as_pillow_turns_it(orientation: int) -> None:
    """Whatever EXIF's number, also one that means nothing."""
    found = noise().upright(orientation)
    expected = upright(noise().image(), orientation)
    assert (found.width, found.height) == expected.size
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert found.rgbx.flags.c_contiguous


@pytest.mark.parametrize("way", [scaled, scaled_by_pillow])
def test_a_model_and_the_perceptual_hash_see_what_they_saw(way: object) -> None:
    """The fourth byte has no influence: pixels for the model and the hash are those of Pillow's picture."""
    image = ImagePreprocessing(32, 32)
    scale = scaled if way is scaled else scaled_by_pillow
    prepared = image.prepare(noise(), scale)
    np.testing.assert_array_equal(prepared, image.prepare(noise().image(), scale))
    assert prepared.flags.c_contiguous
    assert fingerprint(noise(), "0" * 32) == fingerprint(noise().image(), "0" * 32)
