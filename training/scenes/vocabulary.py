"""What may stand where: the natural limits of the drawn collection, and what each split may draw.

Every kind may have every colour, so that a model has to look at the colour instead of guessing it from the kind.
The words for all this in six languages are in `languages/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from hashlib import blake2b

from vasari.training.scenes.scene import Colour, Group, Kind, Layer, Setting, Split, Weather

HELDOUT_SHARE = 0.12
"""The share of all (kind, colour, setting) combinations that training never draws."""


class Surface(StrEnum):
    """What an object stands on: a land object in a water's far part gets an islet to stand on."""

    SKY = "sky"
    LAND = "land"
    WATER = "water"
    ISLET = "islet"


SKY_KINDS = (Kind.BALLOON, Kind.KITE, Kind.PLANE, Kind.BIRD, Kind.AIRSHIP)
FLOATING_KINDS = frozenset({Kind.SAILBOAT, Kind.ROWBOAT, Kind.SHIP, Kind.BUOY, Kind.SWAN, Kind.DUCK})
WATER_SETTINGS = frozenset({Setting.BEACH, Setting.HARBOUR, Setting.LAKE})
"""Settings where the far layer is water and the near one is land."""

ANIMALS = frozenset(
    {
        Kind.SWAN,
        Kind.DUCK,
        Kind.BIRD,
        Kind.HORSE,
        Kind.COW,
        Kind.SHEEP,
        Kind.DOG,
        Kind.CAT,
        Kind.CAMEL,
        Kind.DEER,
    }
)


def _kinds(names: str) -> tuple[Kind, ...]:
    """Kinds by their member names, separated by blanks."""
    return tuple(Kind[name] for name in names.split())


_FAR = {
    Setting.BEACH: _kinds("SAILBOAT ROWBOAT SHIP BUOY LIGHTHOUSE SWAN DUCK PALM CASTLE HOUSE TOWER"),
    Setting.HARBOUR: _kinds(
        "SAILBOAT ROWBOAT SHIP BUOY LIGHTHOUSE SWAN DUCK HOUSE CHURCH TOWER CASTLE WINDMILL"
    ),
    Setting.MOUNTAINS: _kinds(
        "CASTLE HOUSE CHURCH TREE TOWER TENT TRAIN COW SHEEP HORSE DEER WINDMILL FLAG BARN"
    ),
    Setting.CITY: _kinds("HOUSE CHURCH TOWER CASTLE BUS TRUCK CAR TRAIN TREE WINDMILL"),
    Setting.FARM: _kinds("BARN HOUSE WINDMILL TREE TRACTOR COW HORSE SHEEP CHURCH TRAIN TRUCK TOWER"),
    Setting.DESERT: _kinds("CAMEL CACTUS PALM TENT CASTLE TOWER TRUCK TRAIN HORSE CAR HOUSE BARN"),
    Setting.FOREST: _kinds("TREE HOUSE TOWER CASTLE TENT DEER HORSE CHURCH WINDMILL TRAIN BARN"),
    Setting.SNOWFIELD: _kinds("TREE HOUSE CHURCH CASTLE TENT TRAIN DEER TOWER TRUCK BARN WINDMILL TRACTOR"),
    Setting.LAKE: _kinds(
        "SAILBOAT ROWBOAT SHIP BUOY SWAN DUCK LIGHTHOUSE HOUSE CASTLE TREE CHURCH WINDMILL TOWER"
    ),
    Setting.PARK: _kinds("TREE HOUSE TOWER CHURCH CASTLE WINDMILL TENT LAMP HORSE BUS FLAG"),
}
_NEAR = {
    Setting.BEACH: _kinds(
        "PALM UMBRELLA BALL TENT DOG CAT BICYCLE BENCH FLAG ROWBOAT HORSE CAR BARREL LIGHTHOUSE CAMEL"
    ),
    Setting.HARBOUR: _kinds(
        "CAR TRUCK BUS BICYCLE BENCH LAMP BARREL DOG CAT FLAG UMBRELLA FENCE BALL LIGHTHOUSE TRAIN"
    ),
    Setting.MOUNTAINS: _kinds(
        "TREE TENT COW SHEEP HORSE DEER DOG FLOWER MUSHROOM BENCH FENCE CAR BUS FLAG BICYCLE SNOWMAN TRACTOR"
    ),
    Setting.CITY: _kinds(
        "CAR BUS TRUCK BICYCLE LAMP BENCH DOG CAT TREE UMBRELLA FLAG BARREL BALL FLOWER TRAIN SNOWMAN"
    ),
    Setting.FARM: _kinds(
        "COW HORSE SHEEP DOG CAT DUCK TRACTOR TRUCK BARN TREE FLOWER FENCE BARREL BICYCLE MUSHROOM SNOWMAN"
    ),
    Setting.DESERT: _kinds(
        "CAMEL CACTUS PALM TENT CAR TRUCK BUS HORSE DOG BARREL UMBRELLA FLAG BICYCLE FLOWER"
    ),
    Setting.FOREST: _kinds(
        "TREE MUSHROOM FLOWER DEER DOG CAT TENT BENCH BICYCLE HORSE LAMP BARREL BALL FENCE TRUCK SNOWMAN"
    ),
    Setting.SNOWFIELD: _kinds(
        "SNOWMAN TREE DEER DOG CAT TENT FLAG LAMP BENCH FENCE HORSE CAR BARREL BALL UMBRELLA TRACTOR"
    ),
    Setting.LAKE: _kinds(
        "TENT BENCH DEER DOG FLOWER TREE UMBRELLA BICYCLE COW HORSE DUCK SWAN MUSHROOM FENCE ROWBOAT BALL CAR"
    ),
    Setting.PARK: _kinds(
        "BENCH LAMP DOG CAT BALL BICYCLE TREE FLOWER UMBRELLA DUCK SWAN FENCE FLAG MUSHROOM CACTUS SNOWMAN"
    ),
}

KINDS: Mapping[tuple[Setting, Layer], tuple[Kind, ...]] = {
    (setting, layer): kinds
    for setting in Setting
    for layer, kinds in ((Layer.SKY, SKY_KINDS), (Layer.FAR, _FAR[setting]), (Layer.NEAR, _NEAR[setting]))
}
"""Which kinds may stand in a setting's layer."""

WEATHERS: Mapping[Setting, tuple[Weather, ...]] = {
    setting: tuple(
        weather
        for weather in Weather
        if (setting, weather)
        not in {
            (Setting.DESERT, Weather.SNOW),
            (Setting.BEACH, Weather.SNOW),
            (Setting.SNOWFIELD, Weather.RAIN),
        }
    )
    for setting in Setting
}
"""Which weathers a setting knows: no snow on sand, no rain on a snowfield."""


def surface(setting: Setting, kind: Kind, layer: Layer) -> Surface:
    """What an object of this kind stands on in this setting's layer."""
    if layer is Layer.SKY:
        return Surface.SKY
    if layer is Layer.NEAR or setting not in WATER_SETTINGS:
        return Surface.LAND
    return Surface.WATER if kind in FLOATING_KINDS else Surface.ISLET


@cache
def is_heldout(kind: Kind, colour: Colour, setting: Setting) -> bool:
    """Whether training must never draw this combination; a fixed hash decides, the same on every machine."""
    digest = blake2b(f"{kind.value}|{colour.value}|{setting.value}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < HELDOUT_SHARE * 2**32


@cache
def choices(setting: Setting, layer: Layer, split: Split) -> tuple[tuple[Kind, tuple[Colour, ...]], ...]:
    """The kinds a split may draw in a setting's layer, each with the colours it may have there."""
    wanted = split is Split.HELDOUT
    rows = (
        (kind, tuple(colour for colour in Colour if is_heldout(kind, colour, setting) is wanted))
        for kind in KINDS[setting, layer]
    )
    return tuple((kind, colours) for kind, colours in rows if colours)


def belongs(group: Group, setting: Setting, split: Split) -> bool:
    """Whether a split may draw this group in this setting."""
    return is_heldout(group.kind, group.colour, setting) is (split is Split.HELDOUT)
