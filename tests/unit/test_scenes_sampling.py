"""Which scenes each split draws."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.training.scenes.sampling import sample_scene, scene_seed
from vasari.training.scenes.scene import Colour, Kind, Layer, Scene, Setting, Size, Split
from vasari.training.scenes.vocabulary import KINDS, WEATHERS, belongs, choices, is_heldout

SEEDS = st.integers(min_value=0, max_value=2**63 - 1)
SPLITS = st.sampled_from(Split)
MANY = 3000


def combinations(split: Split) -> Counter[tuple[Kind, Colour, Setting]]:
    scenes = (sample_scene(seed, split) for seed in range(MANY))
    return Counter((group.kind, group.colour, scene.setting) for scene in scenes for group in scene.groups)


def test_training_and_heldout_scenes_share_no_combination() -> None:
    """No (object, colour, setting) of thousands of heldout scenes occurs in thousands of training scenes."""
    assert not combinations(Split.TRAIN).keys() & combinations(Split.HELDOUT).keys()


def test_the_splits_part_the_whole_product_of_combinations() -> None:
    """Every combination that may stand anywhere is open to exactly one split, about one in eight to heldout."""
    heldout = 0
    every = list(product(Kind, Colour, Setting))
    for kind, colour, setting in every:
        layers = [layer for layer in Layer if kind in KINDS[setting, layer]]
        for layer in layers:
            owners = [
                split for split in Split if colour in dict(choices(setting, layer, split)).get(kind, ())
            ]
            assert len(owners) == 1
        heldout += is_heldout(kind, colour, setting)
    assert 0.10 < heldout / len(every) < 0.14


@given(SEEDS, SPLITS)
def test_every_group_belongs_to_its_split(seed: int, split: Split) -> None:
    """Every single group of a scene is a combination of the scene's split, heldout scenes included."""
    scene = sample_scene(seed, split)
    assert scene.groups
    assert all(belongs(group, scene.setting, split) for group in scene.groups)


@given(SEEDS, SPLITS)
def test_a_scene_keeps_the_natural_limits(seed: int, split: Split) -> None:
    """Kinds stand where they may, none twice, no slot twice, and only a single object is large."""
    scene = sample_scene(seed, split)
    groups = scene.groups
    assert scene.weather in WEATHERS[scene.setting]
    assert all(group.kind in KINDS[scene.setting, group.layer] for group in groups)
    assert len({group.kind for group in groups}) == len(groups) <= 3
    assert len({(group.column, group.layer) for group in groups}) == len(groups)
    assert all(1 <= group.count <= 4 for group in groups)
    assert all(group.count == 1 for group in groups if group.size is Size.LARGE)


@given(SEEDS, SPLITS)
def test_equal_seeds_give_equal_scenes(seed: int, split: Split) -> None:
    """Sampling twice gives the same scene, and the other split or the next seed gives another."""
    scene = sample_scene(seed, split)
    assert sample_scene(seed, split) == scene
    assert sample_scene(seed + 1, split) != scene
    other = Split.TRAIN if split is Split.HELDOUT else Split.HELDOUT
    assert sample_scene(seed, other) != scene


@given(SEEDS, SPLITS)
def test_a_scene_survives_plain_data(seed: int, split: Split) -> None:
    """What `to_dict` writes, `from_dict` reads back as an equal scene."""
    scene = sample_scene(seed, split)
    assert Scene.from_dict(scene.to_dict()) == scene


def test_an_unknown_word_is_refused() -> None:
    """A scene with a colour nobody knows is no scene."""
    data = sample_scene(1, Split.TRAIN).to_dict()
    data["groups"][0]["colour"] = "infrared"
    with pytest.raises(ValueError, match="infrared"):
        Scene.from_dict(data)


def test_training_shows_every_kind_colour_and_setting_amply() -> None:
    """Each single kind, colour and setting occurs often in training, so only combinations are new."""
    drawn = combinations(Split.TRAIN)
    for part, values in enumerate((Kind, Colour, Setting)):
        seen = Counter[str]()
        for combination, times in drawn.items():
            seen[combination[part]] += times
        assert set(seen) == set(values)
        assert min(seen.values()) >= 0.005 * drawn.total()


def test_scene_seeds_differ_between_collections() -> None:
    """Scenes of other seeds, indices or splits have other seeds of their own."""
    seeds = {scene_seed(seed, index, split) for seed in range(20) for index in range(50) for split in Split}
    assert len(seeds) == 20 * 50 * 2
