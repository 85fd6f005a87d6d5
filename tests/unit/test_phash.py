"""Perceptual hashes: stable under what people do to pictures, and found without comparing everything."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from vasari.retrieval.images.phash import MAX_DISTANCE, fingerprint, near_pairs, turned_fingerprints

Change = Callable[[Image.Image], Image.Image]


def scene(seed: int, side: int = 256) -> Image.Image:
    """A picture with large and small shapes, another one for each seed."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((side, side), 3)
    fine = Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).resize((side, side), 0)
    return Image.blend(coarse, fine, 0.25)


def recompressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=25)
    return Image.open(buffer).convert("RGB")


def distance(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


@pytest.mark.parametrize(
    "change",
    [
        recompressed,
        lambda image: image.resize((90, 90)),
        lambda image: image.resize((320, 200)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: ImageEnhance.Color(image).enhance(0.3),
    ],
    ids=["recompressed", "smaller", "squashed", "darker", "paler"],
)
def test_a_copy_has_nearly_the_same_hash(change: Change) -> None:
    """Scaling, recompression and mild changes of light leave the hash within the distance of near-duplicates."""
    for seed in range(8):
        image = scene(seed)
        assert distance(fingerprint(image, "0" * 32), fingerprint(change(image), "0" * 32)) <= MAX_DISTANCE


def test_other_pictures_have_other_hashes() -> None:
    """Unrelated pictures, mirrored and turned ones too, differ in far more bits."""
    images = [scene(seed) for seed in range(12)]
    images += [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images[:4]]
    hashes = [fingerprint(image, "0" * 32) for image in images]
    apart = [distance(a, b) for place, a in enumerate(hashes) for b in hashes[:place]]
    assert min(apart) > 2 * MAX_DISTANCE


def test_a_blank_page_is_like_its_exact_copies_only() -> None:
    """Without structure there is nothing to compare, so the content decides."""
    white, grey = Image.new("RGB", (64, 64), "white"), Image.new("RGB", (64, 64), "grey")
    assert fingerprint(white, "12" * 16) == fingerprint(white, "12" * 16)
    assert distance(fingerprint(white, "12" * 16), fingerprint(grey, "ed" * 16)) == 64


def test_a_hash_fits_the_column_of_a_database() -> None:
    """It is a signed number of 64 bits, whatever the picture."""
    hashes = [fingerprint(scene(seed), "0" * 32) for seed in range(40)]
    assert all(-(2**63) <= number < 2**63 for number in hashes)
    assert min(hashes) < 0 < max(hashes)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 80), st.floats(0, 1))
def test_exactly_the_near_pairs_are_found(seed: int, count: int, share: float) -> None:
    """Every pair within the distance that has a fresh row comes, and no other: as if all pairs were compared."""
    random = np.random.default_rng(seed)
    centres = random.integers(0, 2**64, 6, dtype=np.uint64)
    hashes = random.choice(centres, count)
    for row in range(count):  # up to ten bits away from a centre: pairs on both sides of the limit
        for bit in random.choice(64, random.integers(0, 11), replace=False):
            hashes[row] ^= np.uint64(1) << np.uint64(bit)
    fresh = random.random(count) < share
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    wanted = (apart <= MAX_DISTANCE) & fresh[:, None] & ~np.eye(count, dtype=bool)
    found = {(a, b) for left, right in near_pairs(hashes, fresh) for a, b in zip(left, right, strict=True)}
    assert found == set(zip(*np.nonzero(wanted), strict=True))


def test_a_turned_copy_has_one_of_the_turned_hashes() -> None:
    """Mirrored, turned by right angles, or both: seven ways, and the hash of each is among those of the original."""
    ways = [
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_180,
        Image.Transpose.ROTATE_270,
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
    ]
    picture = scene(3).resize((320, 200))
    turned = turned_fingerprints(picture)
    assert len(set(turned)) == 7
    found = set()
    for way in ways:
        copy = recompressed(picture.transpose(way))
        near = [number for number in turned if distance(fingerprint(copy, ""), number) <= MAX_DISTANCE]
        assert len(near) == 1, way
        found |= set(near)
    assert found == set(turned)
    assert turned_fingerprints(Image.new("RGB", (40, 30), "white")) == []
