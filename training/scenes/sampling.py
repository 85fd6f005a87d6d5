"""From a seed to a scene: what stands on the postcard, in what colour, how many and where."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

from vasari.training.scenes.scene import Colour, Column, Group, Kind, Layer, Scene, Setting, Size, Split, Time
from vasari.training.scenes.vocabulary import WEATHERS, choices

_SETTINGS = tuple(Setting)
_TIMES = tuple(Time)
_SLOTS = tuple((column, layer) for layer in Layer for column in Column)
_SLOT_WEIGHT = {Layer.SKY: 2, Layer.FAR: 3, Layer.NEAR: 4}
_GROUPS = (1, 2, 2, 2, 2, 3, 3, 3, 3, 3)
_COUNTS = (1, 1, 1, 1, 2, 2, 3, 3, 4)


def scene_seed(seed: int, index: int, split: Split) -> int:
    """The seed of scene `index` in a collection; it does not depend on how many scenes the collection has."""
    digest = blake2b(f"{split.value}/{seed}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # 63 bits, so that it fits a signed integer


def sample_scene(seed: int, split: Split) -> Scene:
    """Draw one scene: the same seed and split always give the same scene.

    Groups differ in kind and in slot (column, layer). Every group of a training scene is a combination of object,
    colour and setting that heldout scenes never show, and the other way round.
    """
    rng = Random(f"{split.value}:{seed}")
    setting = rng.choice(_SETTINGS)
    time = rng.choice(_TIMES)
    weather = rng.choice(WEATHERS[setting])
    groups: list[Group] = []
    for _ in range(rng.choice(_GROUPS)):
        column, layer = _free_slot(groups, rng)
        taken = {group.kind for group in groups}
        open_choices = [row for row in choices(setting, layer, split) if row[0] not in taken]
        if open_choices:
            kind, colours = rng.choice(open_choices)
            groups.append(_group(kind, rng.choice(colours), column, layer, rng))
    return Scene(setting, time, weather, tuple(groups), seed)


def _free_slot(groups: list[Group], rng: Random) -> tuple[Column, Layer]:
    """A slot nothing stands in; columns that are still empty are four times as likely."""
    columns = {group.column for group in groups}
    taken = {(group.column, group.layer) for group in groups}
    free = [slot for slot in _SLOTS if slot not in taken]
    weights = [_SLOT_WEIGHT[layer] * (1 if column in columns else 4) for column, layer in free]
    return rng.choices(free, weights)[0]


def _group(kind: Kind, colour: Colour, column: Column, layer: Layer, rng: Random) -> Group:
    """A group of one to four; only an object that stands alone has the room to be large."""
    count = rng.choice(_COUNTS)
    size = Size.LARGE if count == 1 and rng.random() < 0.5 else Size.SMALL
    return Group(kind, colour, size, count, column, layer)
