"""What a postcard shows, as data: the words every other module of the drawn collection shares.

A `Scene` is a small, serialisable description. `sampling.py` draws one from a seed, `layout.py` says where each
object stands, `painter.py` draws it, `captions.py` says it in six languages, `questions.py` asks about it. Nothing
here imports Pillow or torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Setting(StrEnum):
    """The kind of place; it decides the ground, the horizon and which objects may stand there."""

    BEACH = "beach"
    HARBOUR = "harbour"
    MOUNTAINS = "mountains"
    CITY = "city"
    FARM = "farm"
    DESERT = "desert"
    FOREST = "forest"
    SNOWFIELD = "snowfield"
    LAKE = "lake"
    PARK = "park"


class Time(StrEnum):
    """The time of day; it decides the sky and the light."""

    DAWN = "dawn"
    NOON = "noon"
    SUNSET = "sunset"
    NIGHT = "night"


class Weather(StrEnum):
    """The weather, drawn over everything."""

    CLEAR = "clear"
    RAIN = "rain"
    SNOW = "snow"
    FOG = "fog"


class Colour(StrEnum):
    """The colour of an object's main surface."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"
    BROWN = "brown"
    BLACK = "black"
    WHITE = "white"


class Size(StrEnum):
    """How large an object is drawn, against others of its kind."""

    SMALL = "small"
    LARGE = "large"


class Column(StrEnum):
    """Where along the picture's width a group stands."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


class Layer(StrEnum):
    """How high and how deep a group stands: in the sky, far off near the horizon, or near the viewer."""

    SKY = "sky"
    FAR = "far"
    NEAR = "near"


class Kind(StrEnum):
    """The kinds of objects."""

    # water
    SAILBOAT = "sailboat"
    ROWBOAT = "rowboat"
    SHIP = "ship"
    LIGHTHOUSE = "lighthouse"
    BUOY = "buoy"
    SWAN = "swan"
    DUCK = "duck"
    # sky
    BALLOON = "hot-air balloon"
    KITE = "kite"
    PLANE = "plane"
    BIRD = "bird"
    AIRSHIP = "airship"
    # buildings
    HOUSE = "house"
    BARN = "barn"
    CHURCH = "church"
    TOWER = "tower"
    CASTLE = "castle"
    TENT = "tent"
    WINDMILL = "windmill"
    # vehicles
    CAR = "car"
    BUS = "bus"
    TRUCK = "truck"
    TRACTOR = "tractor"
    BICYCLE = "bicycle"
    TRAIN = "train"
    # plants
    TREE = "tree"
    PALM = "palm tree"
    FLOWER = "flower"
    CACTUS = "cactus"
    MUSHROOM = "mushroom"
    # animals
    HORSE = "horse"
    COW = "cow"
    SHEEP = "sheep"
    DOG = "dog"
    CAT = "cat"
    CAMEL = "camel"
    DEER = "deer"
    # things
    UMBRELLA = "umbrella"
    BENCH = "bench"
    LAMP = "street lamp"
    FLAG = "flag"
    SNOWMAN = "snowman"
    BALL = "ball"
    BARREL = "barrel"
    FENCE = "fence"


class Language(StrEnum):
    """The languages captions are written in."""

    ENGLISH = "en"
    CHINESE = "zh"
    SPANISH = "es"
    GERMAN = "de"
    FRENCH = "fr"
    JAPANESE = "ja"


class Detail(StrEnum):
    """How much a caption tells."""

    LOW = "low"  # the place and one thing
    MEDIUM = "medium"  # the place, the light, the main things
    HIGH = "high"  # everything: colours, counts, sizes, positions, weather


class Split(StrEnum):
    """Training scenes and heldout scenes never share an (object, colour, setting) combination."""

    TRAIN = "train"
    HELDOUT = "heldout"


@dataclass(frozen=True, slots=True)
class Group:
    """One to four alike objects that stand together."""

    kind: Kind
    colour: Colour
    size: Size
    count: int
    column: Column
    layer: Layer


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole postcard. `seed` decides everything that captions never mention (cloud shapes, jitter)."""

    setting: Setting
    time: Time
    weather: Weather
    groups: tuple[Group, ...]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` gives back an equal scene."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scene:
        """Read what `to_dict` wrote; an unknown word raises ValueError."""
        groups = tuple(
            Group(
                Kind(g["kind"]),
                Colour(g["colour"]),
                Size(g["size"]),
                int(g["count"]),
                Column(g["column"]),
                Layer(g["layer"]),
            )
            for g in data["groups"]
        )
        return cls(
            Setting(data["setting"]), Time(data["time"]), Weather(data["weather"]), groups, int(data["seed"])
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """One object where it stands: `box` is (left, top, right, bottom) in [0, 1] of the picture's side."""

    group: int  # index into Scene.groups
    kind: Kind
    colour: Colour
    box: tuple[float, float, float, float]
    layer: Layer
