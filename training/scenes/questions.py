"""Questions about a scene with short answers, in English; only such as the picture answers without doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from vasari.training.scenes.languages.english import article, noun
from vasari.training.scenes.languages.grammar import chance, pick
from vasari.training.scenes.layout import RelationKind, relation_between
from vasari.training.scenes.scene import Colour, Column, Group, Kind, Layer, Scene
from vasari.training.scenes.vocabulary import KINDS


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer in one or two words, and the kind of fact it asks for."""

    question: str
    answer: str
    kind: str


_PLACES = {Column.LEFT: "left", Column.CENTRE: "middle", Column.RIGHT: "right"}
_COLOUR_ONE = ("What colour is the {x}?", "What color is the {x}?", "Which colour does the {x} have?")
_COLOUR_MANY = ("What colour are the {x}?", "What color are the {x}?", "Which colour do the {x} have?")
_COUNT = (
    "How many {x} are there?",
    "How many {x} can you see?",
    "What is the number of {x}?",
    "How many {x} are in the picture?",
)
_PRESENT_ONE = (
    "Is there {x}?",
    "Is there {x} in the picture?",
    "Can you see {x}?",
    "Does the picture show {x}?",
)
_PRESENT_MANY = ("Are there any {x}?", "Are there {x} in the picture?", "Can you see {x}?")
_WHERE_ONE = ("Where is the {x}?", "On which side is the {x}?", "Is the {x} left, middle or right?")
_WHERE_MANY = ("Where are the {x}?", "On which side are the {x}?", "Are the {x} left, middle or right?")
_SIDE_ONE = (
    "Is the {a} left or right of the {b}?",
    "On which side of the {b} is the {a}?",
    "Is the {a} to the left or to the right of the {b}?",
)
_SIDE_MANY = (
    "Are the {a} left or right of the {b}?",
    "On which side of the {b} are the {a}?",
    "Are the {a} to the left or to the right of the {b}?",
)
_WEATHER = ("What is the weather like?", "How is the weather?", "What weather is it?")
_TIME = ("What time of day is it?", "Which time of day is shown?", "When is this?")
_SETTING = ("Where is this?", "What place is this?", "Which place does the picture show?")


def ask(scene: Scene, rng: Random) -> list[Question]:
    """One question of every kind the scene allows, and two about presence, as often yes as no.

    Kinds: `colour`, `count`, `presence`, `position`, `relation`, `weather`, `time`, `setting`. Answers are the words
    of `Colour`, `Weather`, `Time` and `Setting`, digits, "yes" and "no", "left", "middle" and "right".
    """
    return [
        _colour(scene, rng),
        _count(scene, rng),
        _presence(scene, rng),
        _presence(scene, rng),
        _position(scene, rng),
        *_relation(scene, rng),
        Question(pick(rng, _WEATHER), scene.weather.value, "weather"),
        Question(pick(rng, _TIME), scene.time.value, "time"),
        Question(pick(rng, _SETTING), scene.setting.value, "setting"),
    ]


def _named(group: Group, rng: Random) -> str:
    """The group's noun, at times with its colour."""
    word = noun(group.kind, group.count, rng)
    return f"{group.colour.value} {word}" if chance(rng, 0.4) else word


def _colour(scene: Scene, rng: Random) -> Question:
    group = pick(rng, scene.groups)
    template = pick(rng, _COLOUR_MANY if group.count > 1 else _COLOUR_ONE)
    return Question(template.format(x=noun(group.kind, group.count, rng)), group.colour.value, "colour")


def _count(scene: Scene, rng: Random) -> Question:
    group = pick(rng, scene.groups)
    word = noun(group.kind, 2, rng)
    word = f"{group.colour.value} {word}" if chance(rng, 0.3) else word
    return Question(pick(rng, _COUNT).format(x=word), str(group.count), "count")


def _presence(scene: Scene, rng: Random) -> Question:
    """Yes for what is there; no for an absent kind that could stand there, or a present one in another colour."""
    group = pick(rng, scene.groups)
    kind, colour = group.kind, group.colour
    tell_colour = chance(rng, 0.5)
    answer = "yes" if chance(rng, 0.5) else "no"
    if answer == "no":
        if tell_colour and chance(rng, 0.6):
            colour = _wrong_colour(scene, group, rng)
        else:
            kind = _absent_kind(scene, group, rng)
    many = chance(rng, 0.5)
    word = noun(kind, 2 if many else 1, rng)
    word = f"{colour.value} {word}" if tell_colour else word
    template = pick(rng, _PRESENT_MANY if many else _PRESENT_ONE)
    return Question(template.format(x=word if many else article(word)), answer, "presence")


def _wrong_colour(scene: Scene, group: Group, rng: Random) -> Colour:
    """A colour the group does not have, rather that of another group."""
    others = [other.colour for other in scene.groups if other.colour is not group.colour]
    if others and chance(rng, 0.6):
        return pick(rng, others)
    return pick(rng, [colour for colour in Colour if colour is not group.colour])


def _absent_kind(scene: Scene, group: Group, rng: Random) -> Kind:
    """A kind that could stand in the group's place, and stands nowhere in the picture."""
    present = {other.kind for other in scene.groups}
    return pick(rng, [kind for kind in KINDS[scene.setting, group.layer] if kind not in present])


def _position(scene: Scene, rng: Random) -> Question:
    group = pick(rng, scene.groups)
    template = pick(rng, _WHERE_MANY if group.count > 1 else _WHERE_ONE)
    return Question(template.format(x=_named(group, rng)), _PLACES[group.column], "position")


def _relation(scene: Scene, rng: Random) -> Iterator[Question]:
    """Which side of another group one stands on, and what flies above or stands behind it."""
    pairs = [(a, b) for a in scene.groups for b in scene.groups if a is not b]
    sides = [pair for pair in pairs if relation_between(*pair) in _SIDES]
    if sides:
        a, b = pick(rng, sides)
        template = pick(rng, _SIDE_MANY if a.count > 1 else _SIDE_ONE)
        relation = relation_between(a, b)
        assert relation is not None
        yield Question(template.format(a=_named(a, rng), b=_named(b, rng)), _SIDES[relation], "relation")
    if over := [pair for pair in pairs if _is_only_above(scene, *pair)]:
        a, b = pick(rng, over)
        yield Question(f"What is above the {_named(b, rng)}?", a.kind.value, "relation")


_SIDES = {RelationKind.LEFT_OF: "left", RelationKind.RIGHT_OF: "right"}


def _is_only_above(scene: Scene, upper: Group, lower: Group) -> bool:
    """Whether `upper` is the one group in the sky over `lower`, and so the only answer to what is above it."""
    higher = [group for group in scene.groups if group.layer is Layer.SKY or group.layer is Layer.FAR]
    return relation_between(upper, lower) is RelationKind.ABOVE and not any(
        group.column is lower.column for group in higher if group not in (upper, lower)
    )
