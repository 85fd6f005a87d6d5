"""Signs that the painter puts up: the same for the same seed, inside the picture, and of every kind."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from PIL import Image

from benchmarks.signs import parts, wholes
from vasari.training.scenes.scene import Time
from vasari.training.scenes.signs import SignKind, put_up, sample_sign

GREY = Image.new("RGB", (320, 320), (127, 127, 127))


def test_the_same_seed_hangs_the_same_sign() -> None:
    """Text, place and pixels; another seed hangs another one."""
    first, second, other = (
        put_up(GREY, sample_sign(rng), Time.NOON, rng).tobytes() for rng in map(Random, (1, 1, 2))
    )
    assert first == second != other


@pytest.mark.parametrize("seed", range(40))
def test_a_sign_hangs_inside_the_picture(seed: int) -> None:
    """It changes a part of the picture and keeps its size; the picture that was given stays as it is."""
    rng = Random(seed)
    hung = put_up(GREY, sample_sign(rng), Time.NOON, rng)
    changed = (np.asarray(hung) != np.asarray(GREY)).any(axis=2)
    assert hung.size == GREY.size
    assert 0.01 < changed.mean() < 0.5
    rows, columns = np.nonzero(changed)
    assert columns.min() >= 0
    assert rows.min() >= 320 // 5 - 1
    assert np.asarray(GREY).min() == 127


def test_all_kinds_come_and_none_too_often() -> None:
    """Of 300 signs each kind is at least a tenth, and nearly all texts differ."""
    signs = [sample_sign(Random(seed)) for seed in range(300)]
    for kind in SignKind:
        assert sum(sign.kind is kind for sign in signs) >= 30
    assert len({sign.text for sign in signs}) > 200


def test_parts_are_letters_of_the_sign() -> None:
    """Four in a row, of one word."""
    signs = {str(seed): sample_sign(Random(seed)) for seed in range(100)}
    assert [query.text for query in wholes(signs)] == [sign.text for sign in signs.values()]
    for query in parts(signs, 1):
        assert len(query.text) == 4
        assert any(query.text in word for word in query.sign.text.split())
