"""English captions."""

from __future__ import annotations

from vasari.training.scenes.languages.grammar import (
    Case,
    LanguageGrammar,
    Numbers,
    Told,
    chance,
    combine,
    listed,
    pick,
    sentence_case,
    table,
)
from vasari.training.scenes.layout import RelationKind
from vasari.training.scenes.scene import Column, Detail, Group, Kind, Layer, Setting, Size, Time, Weather

_WORDS = """
SAILBOAT: sailboat, sailing boat, yacht
ROWBOAT: rowboat, rowing boat, dinghy/dinghies
SHIP: ship, steamship, ocean liner
LIGHTHOUSE: lighthouse
BUOY: buoy, sea buoy
SWAN: swan
DUCK: duck
BALLOON: hot-air balloon, hot air balloon, balloon
KITE: kite
PLANE: plane, airplane, aeroplane
BIRD: bird
AIRSHIP: airship, blimp, zeppelin
HOUSE: house, cottage
BARN: barn
CHURCH: church/churches, chapel
TOWER: tower
CASTLE: castle, fortress/fortresses
TENT: tent
WINDMILL: windmill, mill
CAR: car, automobile
BUS: bus/buses, coach/coaches
TRUCK: truck, lorry/lorries
TRACTOR: tractor
BICYCLE: bicycle, bike
TRAIN: train, locomotive
TREE: tree
PALM: palm tree, palm
FLOWER: flower, blossom
CACTUS: cactus/cacti, cactus/cactuses
MUSHROOM: mushroom, toadstool
HORSE: horse
COW: cow
SHEEP: sheep/sheep
DOG: dog
CAT: cat
CAMEL: camel
DEER: deer/deer
UMBRELLA: umbrella, parasol
BENCH: bench/benches
LAMP: street lamp, lamp post, street light
FLAG: flag
SNOWMAN: snowman/snowmen
BALL: ball
BARREL: barrel, cask
FENCE: fence
"""


def _forms(word: str) -> tuple[str, str]:
    """Singular and plural of `bus/buses`; without the plural, it ends in -s."""
    singular, _, plural = word.partition("/")
    return singular, plural or f"{singular}s"


NOUNS: dict[Kind, tuple[tuple[str, str], ...]] = {
    kind: tuple(_forms(word) for word in words) for kind, words in table(_WORDS).items()
}
"""Singular and plural of every word for a kind; no word serves two kinds."""

_NUMBERS = ("", "one", "two", "three", "four")
_VAGUE = ("some ", "several ", "a few ", "")
_SIZES = {Size.LARGE: ("large", "big"), Size.SMALL: ("small", "little")}


def noun(kind: Kind, count: int, rng: Numbers) -> str:
    """One of the kind's words, singular or plural."""
    return pick(rng, NOUNS[kind])[count > 1]


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


def thing(group: Group, told: Told, _case: Case, rng: Numbers) -> str:
    """Noun phrase: "a large red sailboat", "three red sailboats"."""
    words = [noun(group.kind, group.count, rng)]
    if told.colour:
        words.insert(0, group.colour.value)
    size = pick(rng, _SIZES[group.size])
    if told.size:
        words.insert(0, size)
    phrase = " ".join(words)
    digits, vague = chance(rng, 0.15), pick(rng, _VAGUE)
    if not told.number:
        return phrase
    if group.count == 1:
        return article(phrase)
    if not told.exact:
        return f"{vague}{phrase}"
    return f"{group.count if digits else _NUMBERS[group.count]} {phrase}"


_COLUMNS = {
    Column.LEFT: ("on the left", "on the left side", "to the left"),
    Column.CENTRE: ("in the middle", "in the centre", "in the center"),
    Column.RIGHT: ("on the right", "on the right side", "to the right"),
}
_LAYERS = {
    Layer.SKY: ("in the sky", "in the air", "up in the sky"),
    Layer.FAR: ("in the background", "in the distance", "far away"),
    Layer.NEAR: ("in the foreground", "up close", "at the front"),
}

ENGLISH = LanguageGrammar(
    facts={
        "place": {
            Setting.BEACH: ("on a beach", "on the beach", "at the seaside", "on a sandy shore"),
            Setting.HARBOUR: ("in a harbour", "in a harbor", "in a port", "at the docks"),
            Setting.MOUNTAINS: ("in the mountains", "among high mountains", "in front of mountain peaks"),
            Setting.CITY: ("in a city", "in the city", "on a city street", "in a town"),
            Setting.FARM: ("on a farm", "in the countryside", "in the farmland"),
            Setting.DESERT: ("in the desert", "in a desert", "among sand dunes"),
            Setting.FOREST: ("in a forest", "in the forest", "in the woods"),
            Setting.SNOWFIELD: ("on a snowfield", "on a snow-covered plain", "in a snow-covered field"),
            Setting.LAKE: ("by a lake", "at the lake", "on the shore of a lake"),
            Setting.PARK: ("in a park", "in the park", "in a public garden"),
        },
        "name": {
            Setting.BEACH: ("a beach", "the seaside", "a sandy shore"),
            Setting.HARBOUR: ("a harbour", "a harbor", "a port"),
            Setting.MOUNTAINS: ("a mountain landscape", "the mountains", "high mountains"),
            Setting.CITY: ("a city", "a city street", "a town"),
            Setting.FARM: ("a farm", "the countryside", "farmland"),
            Setting.DESERT: ("a desert", "the desert", "sand dunes"),
            Setting.FOREST: ("a forest", "the woods"),
            Setting.SNOWFIELD: ("a snowfield", "a snow-covered plain", "a snow-covered field"),
            Setting.LAKE: ("a lake", "a lake shore"),
            Setting.PARK: ("a park", "a public garden"),
        },
        "time": {
            Time.DAWN: ("at dawn", "at sunrise", "early in the morning", "at daybreak"),
            Time.NOON: ("at noon", "at midday", "in daylight", "during the day"),
            Time.SUNSET: ("at sunset", "at dusk", "in the evening"),
            Time.NIGHT: ("at night", "after dark", "at nighttime"),
        },
        "time_clause": {
            Time.DAWN: ("the sun is rising", "it is dawn", "it is early morning"),
            Time.NOON: ("it is noon", "it is midday", "it is daytime"),
            Time.SUNSET: ("the sun is setting", "it is sunset", "it is evening"),
            Time.NIGHT: ("it is night", "it is dark", "night has fallen"),
        },
        "weather": {
            Weather.CLEAR: ("under a clear sky", "in clear weather", "with a cloudless sky"),
            Weather.RAIN: ("in the rain", "in rainy weather", "while it rains"),
            Weather.SNOW: ("in falling snow", "while it snows", "in snowfall"),
            Weather.FOG: ("in the fog", "in thick fog", "in misty weather"),
        },
        "weather_clause": {
            Weather.CLEAR: ("the sky is clear", "the weather is clear", "there are no clouds"),
            Weather.RAIN: ("it is raining", "rain is falling", "it rains"),
            Weather.SNOW: ("it is snowing", "snow is falling", "it snows"),
            Weather.FOG: ("it is foggy", "there is fog", "it is misty"),
        },
        "view": dict.fromkeys(
            Setting, ("a picture of", "a view of", "a postcard of", "a painting of", "a drawing of")
        ),
    },
    columns=_COLUMNS,
    wheres=combine(_COLUMNS, _LAYERS, ("{layer} {column}", "{column} {layer}", "{column}, {layer},")),
    thing=thing,
    verb=lambda group: "is" if group.count == 1 else "are",
    join=lambda items: listed(items, ", ", " and "),
    polish=lambda text: sentence_case(text.replace(",,", ",").replace(",.", ".").replace(",:", ":")),
    full_stop=". ",
    relations={
        RelationKind.LEFT_OF: ("{a} to the left of {b}", "{a} left of {b}", "{a} on the left side of {b}"),
        RelationKind.RIGHT_OF: (
            "{a} to the right of {b}",
            "{a} right of {b}",
            "{a} on the right side of {b}",
        ),
        RelationKind.ABOVE: ("{a} above {b}", "{a} high above {b}", "{a} over {b}"),
        RelationKind.BEHIND: ("{a} behind {b}", "{a} far behind {b}", "{a} in back of {b}"),
    },
    items=("{thing} {where}",),
    listings=("{thing} {where}", "{where} {thing}"),
    sentences=(
        "there {verb} {thing} {where}",
        "{where} there {verb} {thing}",
        "{thing} {verb} {where}",
        "{where} {verb} {thing}",
        "you can see {thing} {where}",
    ),
    pair_sentences=("there {verb} {pair}", "you can see {pair}", "the picture shows {pair}"),
    plans={
        Detail.HIGH: (
            "{place} {time}, {weather}: {listing}.",
            "{things}, {place} {time}, {weather}.",
            "{name} {time}, {weather}, with {things}.",
            "{view} {name} {time}, {weather}, with {things}.",
            "{time_clause} and {weather_clause} {place}. {sentences}.",
            "{place}, {time_clause} and {weather_clause}. {sentences}.",
            "{sentences}. {weather_clause} {place} {time}.",
            "{weather}, {time}, {place}: {listing}.",
            "{name} {weather}. {time_clause}. {sentences}.",
            "{view} {name}: {listing}. {time_clause} and {weather_clause}.",
        ),
        Detail.MEDIUM: (
            "{things} {place} {time}.",
            "{things} {place} {weather}.",
            "{place} {time}, {things}.",
            "{name} {weather} with {things}.",
            "{view} {name} {time} with {things}.",
            "{time_clause} {place}, with {things}.",
            "{weather_clause} {place}. you can see {things}.",
            "{weather}, {things} {place}.",
        ),
        Detail.LOW: (
            "{things} {place}.",
            "{things} {place}",
            "{name} with {things}.",
            "{view} {name} with {things}.",
            "{place}, {things}.",
        ),
    },
)
