"""What captions mention."""

from __future__ import annotations

from random import Random

import pytest

from vasari.training.scenes.captions import describe
from vasari.training.scenes.mentions import agreement, mentions, shown
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Colour, Detail, Kind, Language, Split


def test_colours_belong_to_the_noun_they_stand_before() -> None:
    """Sizes and numbers do not matter; a windmill is no mill, a palm tree no tree."""
    text = "Two big RED sailing boats, a green palm tree and a white windmill; the house is blue."
    assert mentions(text) == {
        (Kind.SAILBOAT, Colour.RED),
        (Kind.PALM, Colour.GREEN),
        (Kind.WINDMILL, Colour.WHITE),
    }


def test_detailed_captions_mention_exactly_what_the_scene_shows() -> None:
    """The measure is 1 for the ground truth, over many scenes."""
    scenes = [sample_scene(seed, Split.TRAIN) for seed in range(200)]
    captions = [describe(scene, Language.ENGLISH, Detail.HIGH, Random(7)) for scene in scenes]
    assert [mentions(caption) for caption in captions] == [shown(scene) for scene in scenes]


def test_agreement_counts_what_is_missing_and_what_is_made_up() -> None:
    """Half the truth and nothing wrong: precision 1, recall below."""
    scenes = [sample_scene(seed, Split.TRAIN) for seed in range(50)]
    silent = agreement([""] * 50, scenes)
    assert (silent.recall, silent.f1) == (0, 0)
    one = next(scene for scene in scenes if len(scene.groups) == 2)
    first = one.groups[0]
    half = agreement([f"a {first.colour} {first.kind}"], [one])
    assert (half.precision, half.recall) == (1, 0.5)
    assert half.f1 == pytest.approx(2 / 3)
