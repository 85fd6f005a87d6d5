"""Questions as people type them: in any case, with slips; on what is there, what is not, and what nobody can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from random import Random

from vasari.training.scenes.captions import describe
from vasari.training.scenes.languages.english import NOUNS, article
from vasari.training.scenes.languages.keywords import keywords
from vasari.training.scenes.layout import RelationKind, relation_between
from vasari.training.scenes.queries import typing_error
from vasari.training.scenes.question_words import ABSENT, UNTOLD, choices, yes_or_no
from vasari.training.scenes.questions import Question
from vasari.training.scenes.scene import (
    Colour,
    Column,
    Detail,
    Group,
    Kind,
    Language,
    Layer,
    Scene,
    Setting,
    Size,
    Split,
)
from vasari.training.scenes.vocabulary import ANIMALS

UNKNOWN = "I can't tell"
NONE = "nothing"


@dataclass(frozen=True, slots=True)
class _Name:
    """A word for kinds of things, singular and plural."""

    one: str
    many: str
    kinds: frozenset[StrEnum]


_IS_THERE = (
    "is there {a}?", "is there {a} in the picture?", "do you see {a}?", "can you see {a}?", "does it show {a}?",
    "is there any {one}?", "{one}?", "is {a} there?", "is {a} in it?", "is {a} visible?", "is there {a} here?",
    "does the picture show {a}?", "is there {one}?", "is there {a} anywhere?", "any {one}?", "do we see {a}?",
    "is there {a} in this image?", "does it have {a}?", "can i see {a}?", "do you spot {a}?", "is it showing {a}?",
    "there is {a}, right?", "are there any {many}?", "are there {many}?", "any {many}?", "do you see any {many}?",
    "can you see {many}?", "{many}?", "are there {many} in the picture?", "do you see {many}?",
    "can you see any {many}?",
    "does the picture have {many}?", "does it show {many}?", "are there any {many} in it?",
    "are {many} in the picture?",
)  # fmt: skip
_HOW_MANY = (
    "how many {many} are there?", "how many {many}?", "how many {many} can you see?", "how many {many} do you see?",
    "number of {many}?", "what is the number of {many}?", "how many {many} are in the picture?", "count the {many}",
    "how many {many} r there?", "how many {many} are shown?", "can you count the {many}?", "how many {many} in total?",
)  # fmt: skip
_WHAT_COLOUR = (
    "what colour {is} the {x}?", "what color {is} the {x}?", "what's the colour of the {x}?", "colour of the {x}?",
    "what's the color of the {x}?", "what is the color of the {x}?", "which colour {is} the {x}?", "color of {x}?",
    "which color {has} the {x}?", "what colour {has} the {x}?", "the {x} {is} what color?", "{x} color?",
    "what color {does} the {x} have?", "tell me the colour of the {x}",
)  # fmt: skip
_WHERE = (
    "where {is} the {x}?", "where can i find the {x}?", "where do you see the {x}?", "on which side {is} the {x}?",
    "{is} the {x} on the left or on the right?", "{is} the {x} left or right?", "in which part {is} the {x}?",
    "which side {is} the {x} on?", "what side {is} the {x} on?", "where in the picture {is} the {x}?", "where {x}?",
)  # fmt: skip
_TELL = (
    "what do you see?", "what is this?", "what's in the picture?", "what is in this picture?", "what can you see?",
    "what is shown?", "describe the picture", "describe this", "what does the picture show?", "what is it?",
    "what do you see here?", "what is here?", "tell me what you see", "what's this?", "what is to be seen?",
    "what is on the postcard?", "what's going on?", "what is happening?", "what is in the image?", "explain the image",
    "what can be seen?", "what is there?", "caption?", "what's there?", "describe", "what is depicted?",
)  # fmt: skip
_WHICH = {
    "animal": ANIMALS,
    "plant": frozenset({Kind.TREE, Kind.PALM, Kind.FLOWER, Kind.CACTUS, Kind.MUSHROOM}),
    "vehicle": frozenset({Kind.CAR, Kind.BUS, Kind.TRUCK, Kind.TRACTOR, Kind.BICYCLE, Kind.TRAIN}),
    "boat": frozenset({Kind.SAILBOAT, Kind.ROWBOAT, Kind.SHIP}),
    "building": frozenset(
        {Kind.HOUSE, Kind.BARN, Kind.CHURCH, Kind.TOWER, Kind.CASTLE, Kind.WINDMILL, Kind.LIGHTHOUSE}
    ),
}
_WHICH_ASKED = (
    "what {x} is this?", "what {x} is that?", "which {x} is it?", "what {x} is it?", "what {x} is there?",
    "what {x}s are there?", "which {x}s do you see?", "what kind of {x} is it?", "what {x} can you see?",
    "what {x}s are in the picture?", "which {x} is shown?", "what sort of {x} is this?", "what type of {x} is it?",
    "name the {x}", "what {x} do you see?",
)  # fmt: skip
_AT = {
    Column.LEFT: ("what is on the left?", "what's left?", "what do you see on the left?", "what is on the left side?"),
    Column.CENTRE: ("what is in the middle?", "what's in the centre?", "what is in the center of the picture?"),
    Column.RIGHT: ("what is on the right?", "what's right?", "what can you see on the right?",
        "whats on the right side?"),
    Layer.SKY: ("what is in the sky?", "what's flying?", "what flies in the air?", "what is up in the air?"),
    Layer.NEAR: ("what is in the foreground?", "what stands in front?", "what is at the front?"),
    Layer.FAR: ("what is in the background?", "what is in the distance?", "what's far away?"),
}  # fmt: skip
_SIDES = {Column.LEFT: "left", Column.CENTRE: "middle", Column.RIGHT: "right"}
_DIGITS = {1: ("one", "1", "a single"), 2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4")}

_BACKDROPS: Mapping[Setting, frozenset[Kind]] = {
    Setting.CITY: _WHICH["building"],
    Setting.HARBOUR: _WHICH["building"] | {Kind.LAMP},
    **dict.fromkeys(
        (Setting.FOREST, Setting.PARK, Setting.LAKE, Setting.FARM, Setting.MOUNTAINS), _WHICH["plant"]
    ),
}
"""Kinds that the backdrop may be taken for, so that nobody says there are none."""
_ALIKE: Mapping[Kind, frozenset[Kind]] = {
    Kind.BIRD: frozenset({Kind.SWAN, Kind.DUCK}),
    Kind.TREE: frozenset({Kind.PALM}),
    Kind.CASTLE: frozenset({Kind.TOWER}),
    Kind.AIRSHIP: frozenset({Kind.BALLOON}),
}
"""Kinds that some would call by another's word."""


def typed_question(scene: Scene, split: Split, rng: Random) -> Question:
    """A question of some kind, as it is typed, whose answer the picture tells or nobody can.

    Things that no postcard shows, and some of the questions nobody can answer, are other ones in each split.
    """
    kinds, weights = zip(*((kind, weight) for kind, (weight, _) in _ASKED.items()), strict=True)
    while True:
        kind = rng.choices(kinds, weights)[0]
        if said := _ASKED[kind][1](scene, split, rng):
            return Question(_as_typed(said[0], rng), said[1], f"typed {kind}")


def typed_questions(scene: Scene, split: Split, rng: Random, count: int) -> list[Question]:
    """Some questions about the scene."""
    return [typed_question(scene, split, rng) for _ in range(count)]


def short_typed_questions(scene: Scene, split: Split, rng: Random, count: int = 8) -> list[Question]:
    """Those of `count` questions that have one right answer: all but "what do you see?"."""
    asked = typed_questions(scene, split, rng, count)
    return [question for question in asked if question.kind != "typed tell"]


def _as_typed(text: str, rng: Random) -> str:
    """In lower case more often than not, without marks, with a slip."""
    if rng.random() < 0.12:
        text = typing_error(text, rng)
    text = text.replace(" picture", rng.choice((" picture", " picture", " image", " pic", " drawing")))
    if rng.random() < 0.5:
        text = text.rstrip("?")
    elif not text.endswith("?") and rng.random() < 0.7:
        text += "?"
    if rng.random() < 0.4:
        text = text.replace("'", "")
    lot = rng.random()
    return text.upper() if lot < 0.04 else text[:1].upper() + text[1:] if lot < 0.4 else text


# --- kinds of questions ----------------------------------------------------------------------------------------

_Said = tuple[str, str]  # question, answer


@cache
def _names() -> tuple[_Name, ...]:
    """Captions' words and search keywords for things."""
    nouns = [_Name(one, many, frozenset({kind})) for kind, words in NOUNS.items() for one, many in words]
    known = [
        _Name(*form, clauses[0])
        for clauses, forms in keywords(Language.ENGLISH).items()
        if all(isinstance(member, Kind) for member in clauses[0])
        for form in forms
    ]
    return (*nouns, *nouns, *known)


def _kinds_of(scene: Scene) -> set[Kind]:
    return {group.kind for group in scene.groups}


def _may_show(scene: Scene) -> set[Kind]:
    """Kinds of which nobody could say without doubt that they are not there."""
    shown = _kinds_of(scene) | _BACKDROPS.get(scene.setting, frozenset())
    return shown | {kind for kind, alike in _ALIKE.items() if not shown.isdisjoint(alike)}


def _present(scene: Scene, rng: Random) -> _Name:
    kinds = _kinds_of(scene)
    return rng.choice([name for name in _names() if not name.kinds.isdisjoint(kinds)])


def _missing(scene: Scene, rng: Random) -> _Name:
    shown = _may_show(scene)
    return rng.choice([name for name in _names() if name.kinds.isdisjoint(shown)])


def _alone(group: Group, rng: Random) -> _Name:
    """A word for this kind alone."""
    return rng.choice([name for name in _names() if name.kinds == {group.kind}])


def _is_there(one: str, many: str, rng: Random) -> str:
    return rng.choice(_IS_THERE).format(one=one, a=article(one), many=many)


def _presence(scene: Scene, _split: Split, rng: Random) -> _Said:
    """What is there, what could be there, and what is there in another colour."""
    if rng.random() < 0.35:
        return _coloured_presence(scene, rng)
    there = rng.random() < 0.5
    name = _present(scene, rng) if there else _missing(scene, rng)
    return _is_there(name.one, name.many, rng), "yes" if there else "no"


def _coloured_presence(scene: Scene, rng: Random) -> _Said:
    group = rng.choice(scene.groups)
    name = _alone(group, rng)
    there = rng.random() < 0.5
    colour = group.colour if there else rng.choice([other for other in Colour if other is not group.colour])
    one, many = f"{colour.value} {name.one}", f"{colour.value} {name.many}"
    question = _is_there(one, many, rng)
    if rng.random() < 0.5:
        question = f"{_is(group)} the {_form(name, group)} {colour.value}?"
    return question, "yes" if there else "no"


def _absence(_scene: Scene, split: Split, rng: Random) -> _Said:
    """Things that no postcard shows, alone or with a colour, a place or a companion."""
    thing = rng.choice(ABSENT[split])
    colour = rng.choice(list(Colour)).value
    lot = rng.random()
    if lot < 0.1:
        return f"is the {thing.one} {colour}?", "no"
    if lot < 0.16:
        return f"is the {thing.one} on the {rng.choice(('left', 'right'))}?", "no"
    before = f"{colour} " if lot < 0.25 else ""
    return _is_there(before + thing.one, before + thing.many, rng), "no"


def _nobody(_scene: Scene, _split: Split, rng: Random) -> _Said:
    """There are no people."""
    who = rng.choice(("anybody", "anyone", "somebody", "someone"))
    does = rng.choice(
        ("there", "in the picture", "here", "to be seen", "sitting there", "walking", "on the left")
    )
    return f"is {who} {does}?", "no"


def _facts(scene: Scene, _split: Split, rng: Random) -> _Said:
    """Place, time and weather: yes or no."""
    answer = rng.random() < 0.5
    return f"{_one_of(rng.choice(yes_or_no(scene, answer)), rng)}?", "yes" if answer else "no"


def _choice(scene: Scene, _split: Split, rng: Random) -> _Said:
    """Place, time and weather: something to choose from or to name."""
    questions, answer = rng.choice(list(choices(scene)))
    return f"{_one_of(questions, rng)}?", answer


def _one_of(questions: str, rng: Random) -> str:
    return rng.choice(questions.split(",")).strip()


def _count(scene: Scene, split: Split, rng: Random) -> _Said:
    """How many, and whether so many."""
    lot = rng.random()
    if lot < 0.12:
        many, there = rng.choice(ABSENT[split]).many, 0
    elif lot < 0.25:
        many, there = _missing(scene, rng).many, 0
    else:
        name = _present(scene, rng)
        if not name.kinds.isdisjoint(_may_show(scene) - _kinds_of(scene)):  # the backdrop would count
            name = _alone(rng.choice(scene.groups), rng)
        many, there = name.many, sum(group.count for group in scene.groups if group.kind in name.kinds)
        if lot > 0.75 and there < 5:
            return _so_many(many, there, rng)
    return rng.choice(_HOW_MANY).format(many=many), str(there)


def _so_many(many: str, there: int, rng: Random) -> _Said:
    asked = there if rng.random() < 0.5 else rng.choice([n for n in (2, 3, 4) if n != there])
    if rng.random() < 0.3:
        return f"is there more than one of the {many}?", "yes" if there > 1 else "no"
    if asked == 1:
        return f"is there only one of the {many}?", "yes"
    return f"are there {rng.choice(_DIGITS[asked])} {many}?", "yes" if asked == there else "no"


def _colour(scene: Scene, split: Split, rng: Random) -> _Said:
    if rng.random() < 0.1:
        word = rng.choice(ABSENT[split]).one if rng.random() < 0.5 else _missing(scene, rng).one
        return rng.choice(_WHAT_COLOUR).format(x=word, **_ONE), UNKNOWN
    group = rng.choice(scene.groups)
    word = _form(_alone(group, rng), group)
    if rng.random() < 0.15:
        other = rng.choice([colour for colour in Colour if colour is not group.colour])
        pair = [group.colour.value, other.value]
        rng.shuffle(pair)
        return f"{_is(group)} the {word} {pair[0]} or {pair[1]}?", group.colour.value
    return rng.choice(_WHAT_COLOUR).format(x=word, **_verbs(group)), group.colour.value


def _of_colour(scene: Scene, _split: Split, rng: Random) -> _Said | None:
    """What has a colour, and whether anything has."""
    colours = Counter(group.colour for group in scene.groups)
    group = rng.choice(scene.groups)
    if rng.random() < 0.4:
        asked = rng.choice(
            ("is there anything {}?", "is anything {}?", "do you see something {}?", "anything {}?")
        )
        if rng.random() < 0.5:
            return asked.format(group.colour.value), "yes"
        rare = [c for c in (Colour.RED, Colour.PURPLE, Colour.PINK, Colour.BLACK) if c not in colours]
        return (asked.format(rng.choice(rare).value), "no") if rare and scene.time.value == "noon" else None
    if colours[group.colour] > 1:
        return None
    asked = rng.choice(
        ("what is {}?", "what's {}?", "which thing is {}?", "what thing is {}?", "what is {} here?")
    )
    return asked.format(group.colour.value), group.kind.value


def _where(scene: Scene, split: Split, rng: Random) -> _Said:
    if rng.random() < 0.1:
        word = rng.choice(ABSENT[split]).one if rng.random() < 0.5 else _missing(scene, rng).one
        return rng.choice(_WHERE).format(x=word, **_ONE), UNKNOWN
    group = rng.choice(scene.groups)
    word = _form(_alone(group, rng), group)
    if rng.random() < 0.3:
        column = (
            group.column if rng.random() < 0.5 else rng.choice([c for c in Column if c is not group.column])
        )
        place = "in the middle" if column is Column.CENTRE else f"on the {column.value}"
        return f"{_is(group)} the {word} {place}?", "yes" if column is group.column else "no"
    asked = rng.choice(_WHERE)
    if "left or" in asked and group.column is Column.CENTRE:
        asked = _WHERE[0]
    return asked.format(x=word, **_verbs(group)), _SIDES[group.column]


def _relation(scene: Scene, _split: Split, rng: Random) -> _Said | None:
    """On which side of another thing one stands."""
    pairs = [(a, b, relation_between(a, b)) for a in scene.groups for b in scene.groups if a is not b]
    sides = [pair for pair in pairs if pair[2] in (RelationKind.LEFT_OF, RelationKind.RIGHT_OF)]
    if not sides:
        return None
    one, other, kind = rng.choice(sides)
    side = "left" if kind is RelationKind.LEFT_OF else "right"
    a, b = (_form(_alone(group, rng), group) for group in (one, other))
    if rng.random() < 0.4:
        asked = rng.choice(("left or right of", "to the left or right of"))
        return f"{_is(one)} the {a} {asked} the {b}?", side
    said = rng.choice(("left", "right"))
    asked = rng.choice((f"{said} of", f"to the {said} of", f"on the {said} of"))
    return f"{_is(one)} the {a} {asked} the {b}?", "yes" if said == side else "no"


def _which(scene: Scene, _split: Split, rng: Random) -> _Said | None:
    """Which animal, vehicle, plant: all kinds that are there, from left to right."""
    word = rng.choice(list(_WHICH))
    found = _listed([group for group in scene.groups if group.kind in _WHICH[word]])
    if not found and (not _WHICH[word].isdisjoint(_may_show(scene)) or rng.random() < 0.7):
        return None
    return rng.choice(_WHICH_ASKED).format(x=word), found or "none"


def _at(scene: Scene, _split: Split, rng: Random) -> _Said | None:
    """What is in some part of the picture."""
    place = rng.choice(list(_AT))
    found = _listed([group for group in scene.groups if place in (group.column, group.layer)])
    return (rng.choice(_AT[place]), found or NONE) if found or rng.random() < 0.4 else None


def _size(scene: Scene, _split: Split, rng: Random) -> _Said | None:
    """How large a thing is that stands alone."""
    alone = [group for group in scene.groups if group.count == 1]
    if not alone:
        return None
    group = rng.choice(alone)
    large, word = group.size is Size.LARGE, _alone(group, rng).one
    if rng.random() < 0.4:
        return f"is the {word} big or small?", "big" if large else "small"
    said = rng.choice((True, False))
    asked = rng.choice(("big", "large") if said else ("small", "little"))
    return f"is the {word} {asked}?", "yes" if said is large else "no"


def _tell(scene: Scene, _split: Split, rng: Random) -> _Said:
    told = replace(scene, groups=tuple(_in_order(scene.groups)))
    return rng.choice(_TELL), describe(told, Language.ENGLISH, Detail.MEDIUM, Random(_STYLE))


def _untold(scene: Scene, split: Split, rng: Random) -> _Said:
    """What no picture tells."""
    name = _present(scene, rng).one if rng.random() < 0.7 else rng.choice(ABSENT[split]).one
    return f"{rng.choice(UNTOLD[split])}?".format(x=name), UNKNOWN


_STYLE = 3  # a seed whose phrasing reads well
_ASKED: dict[str, tuple[float, Callable[[Scene, Split, Random], _Said | None]]] = {
    "presence": (3, _presence),
    "absence": (2.5, _absence),
    "nobody": (0.3, _nobody),
    "facts": (3, _facts),
    "choice": (2, _choice),
    "count": (2, _count),
    "colour": (1.5, _colour),
    "of colour": (0.7, _of_colour),
    "where": (1.5, _where),
    "relation": (0.5, _relation),
    "which": (1, _which),
    "at": (1, _at),
    "size": (0.4, _size),
    "tell": (0.25, _tell),
    "untold": (1.5, _untold),
}


# --- words -----------------------------------------------------------------------------------------------------

_ONE = {"is": "is", "has": "has", "does": "does"}
_MANY = {"is": "are", "has": "have", "does": "do"}


def _verbs(group: Group) -> dict[str, str]:
    return _MANY if group.count > 1 else _ONE


def _is(group: Group) -> str:
    return _verbs(group)["is"]


def _form(name: _Name, group: Group) -> str:
    return name.many if group.count > 1 else name.one


def _in_order(groups: Sequence[Group]) -> list[Group]:
    """From left to right, and from the sky down."""
    order = {name: number for number, name in enumerate([*Column, *Layer])}
    return sorted(groups, key=lambda group: (order[group.column], order[group.layer]))


def _listed(groups: Sequence[Group]) -> str:
    """Kinds in that order: "bird and cow"."""
    return " and ".join(group.kind.value for group in _in_order(groups))
