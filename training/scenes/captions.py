"""A scene told in words, in six languages and three levels of detail, and told wrongly in exactly one fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from string import Formatter
from typing import TypeVar

from vasari.training.scenes.languages.grammar import (
    Case,
    LanguageGrammar,
    Numbers,
    Stream,
    Told,
    chance,
    pick,
)
from vasari.training.scenes.languages.voices import GRAMMARS
from vasari.training.scenes.layout import Relation, RelationKind, relations
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
    Time,
    Weather,
)
from vasari.training.scenes.vocabulary import KINDS

_Fact = TypeVar("_Fact")
_Object = TypeVar("_Object", Group, Scene)

_RELATION_SHARE = 0.4  # of the detailed captions that could tell a relation do
_LAYER_SHARE = 0.55  # of the positions also tell the layer
_OPPOSITE = {RelationKind.LEFT_OF: RelationKind.RIGHT_OF, RelationKind.RIGHT_OF: RelationKind.LEFT_OF}


@dataclass(frozen=True, slots=True)
class HardNegative:
    """A true caption and the same sentence with one fact made false; `kind` names the fact."""

    caption: str
    negative: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which groups are told in which order, and whether two of them by their relation instead of their positions."""

    groups: tuple[int, ...]
    relation: Relation | None = None
    positions: bool = True
    colours: bool = True
    sizes: bool = True
    exact: bool = True


def describe(scene: Scene, language: Language, detail: Detail, rng: Random) -> str:
    """A caption of the scene; equal generators give equal captions.

    LOW tells the place and one thing; MEDIUM the place, time or weather, and up to two things with their colours;
    HIGH the place, time and weather, and every group with colour, count and position or relation.
    """
    if detail is Detail.HIGH:
        order = _shuffled(range(len(scene.groups)), rng)
        known = relations(scene)
        relation = pick(rng, known) if known and chance(rng, _RELATION_SHARE) else None
        plan = _Plan(order, relation)
    elif detail is Detail.MEDIUM:
        chosen = _main_groups(scene)[:2]
        plan = _Plan(_shuffled(chosen, rng), positions=False, exact=chance(rng, 0.8))
    else:
        first = _main_groups(scene)[0] if chance(rng, 0.7) else int(rng.random() * len(scene.groups))
        plan = _Plan((first,), positions=False, colours=chance(rng, 0.7), exact=chance(rng, 0.6))
    return _tell(scene, GRAMMARS[language], detail, plan, rng)


def hard_negatives(scene: Scene, language: Language, rng: Random) -> list[HardNegative]:
    """Detailed captions with one fact made false, one for each kind of fact this scene allows.

    Kinds: `colour_swap`, `count`, `object_swap`, `position`, `relation`. No two groups of a scene are alike in kind,
    so a changed fact is false of the whole picture.
    """
    grammar = GRAMMARS[language]
    order = _shuffled(range(len(scene.groups)), rng)
    plain = _Plan(order)
    known = relations(scene)
    told = _Plan(order, pick(rng, known)) if known else plain
    found: list[HardNegative] = []

    def add(kind: str, plan: _Plan, other: Scene, other_plan: _Plan | None = None) -> None:
        start = rng.random()
        caption = _tell(scene, grammar, Detail.HIGH, plan, Stream(start))
        negative = _tell(other, grammar, Detail.HIGH, other_plan or plan, Stream(start))
        found.append(HardNegative(caption, negative, kind))

    if swapped := _swap_colours(scene, rng):
        add("colour_swap", pick(rng, (plain, told)), swapped)
    add("count", replace(plain, sizes=False), _change_count(scene, rng))
    add("object_swap", pick(rng, (plain, told)), _change_kind(scene, rng))
    if moved := _swap_columns(scene, rng):
        add("position", plain, moved)
    if told.relation:
        add("relation", told, scene, replace(told, relation=_reversed(told.relation, rng)))
    return found


@dataclass(frozen=True, slots=True)
class Complements:
    """A true caption, and the same words twice more: each fact is false in exactly one of the two."""

    caption: str
    one: str
    other: str


def complements(scene: Scene, language: Language, rng: Random) -> Complements:
    """Captions in which a wrong word says nothing about the others: each has to be told by looking. Without sizes."""
    order = _shuffled(range(len(scene.groups)), rng)
    known = relations(scene)
    relation = pick(rng, known) if known and chance(rng, _RELATION_SHARE) else None
    plan = _Plan(order, relation, sizes=False)
    paired = {relation.first, relation.second} if relation else set()
    wrong = _all_wrong(scene, [index for index in order if index not in paired], rng)
    turned = replace(plan, relation=_reversed(relation, rng)) if relation else plan
    one, other = _dealt(scene, wrong, rng)
    plans = [turned, plan] if chance(rng, 0.5) else [plan, turned]
    grammar, start = GRAMMARS[language], rng.random()
    told = [
        _tell(shown, grammar, Detail.HIGH, by, Stream(start))
        for shown, by in ((scene, plan), (one, plans[0]), (other, plans[1]))
    ]
    return Complements(*told)


def tells_size(scene: Scene, group: Group) -> bool:
    """Whether the size can be seen: alone in its group, and not squeezed by a group behind it."""
    squeezed = group.layer is Layer.NEAR and any(
        other.column is group.column and other.layer is Layer.FAR for other in scene.groups
    )
    return group.count == 1 and not squeezed


def _main_groups(scene: Scene) -> list[int]:
    """Groups, the most striking first: large before small, near before sky before far."""
    depth = {Layer.NEAR: 0, Layer.SKY: 1, Layer.FAR: 2}
    return sorted(
        range(len(scene.groups)),
        key=lambda index: (scene.groups[index].size is Size.SMALL, depth[scene.groups[index].layer]),
    )


def _shuffled(items: Sequence[int], rng: Random) -> tuple[int, ...]:
    return tuple(rng.sample(items, len(items)))


# --- telling ---------------------------------------------------------------------------------------------------


@cache
def _parts(template: str) -> tuple[tuple[str, str | None, Case | None], ...]:
    """A template as (text before a field, field, case asked for)."""
    return tuple(
        (text, field, Case(case) if case else None) for text, field, case, _ in Formatter().parse(template)
    )


def _fill(template: str, value: Callable[[str, Case | None], str]) -> str:
    return "".join(text + (value(field, case) if field else "") for text, field, case in _parts(template))


def _tell(scene: Scene, grammar: LanguageGrammar, detail: Detail, plan: _Plan, rng: Numbers) -> str:
    """One caption: choose a template and fill it."""
    mentions = _Mentions(scene, grammar, plan, rng, tuple(rng.random() for _ in scene.groups))

    def value(field: str, case: Case | None) -> str:
        if field in ("things", "listing"):
            forms = grammar.items if field == "things" else grammar.listings
            return grammar.join(mentions.items(pick(rng, forms), case or Case.NOM))
        if field == "sentences":
            return grammar.full_stop.join(mentions.sentences())
        key = scene.time if field.startswith("time") else scene.setting
        return pick(rng, grammar.facts[field][scene.weather if field.startswith("weather") else key])

    return grammar.polish(_fill(pick(rng, grammar.plans[detail]), value))


@dataclass(slots=True)
class _Mentions:
    """The groups of a plan, each told as an item of a list or as a sentence of its own."""

    scene: Scene
    grammar: LanguageGrammar
    plan: _Plan
    rng: Numbers
    seeds: tuple[float, ...]  # one for each group: its words stay the same wherever it is told

    def items(self, form: str, case: Case) -> list[str]:
        """One phrase for each group told by its position, and one for the pair told by its relation."""
        template = form if self.plan.positions else "{thing}"
        pair = [self._pair(case)] if self.plan.relation else []
        return pair + [self._alone(template, index, case) for index in self._singles()]

    def sentences(self) -> list[str]:
        """The same as sentences."""
        pair = []
        if self.plan.relation:
            pair = [_fill(pick(self.rng, self.grammar.pair_sentences), self._pair_value(self.plan.relation))]
        return pair + [
            self._alone(pick(self.rng, self.grammar.sentences), index, Case.NOM) for index in self._singles()
        ]

    def _singles(self) -> list[int]:
        relation = self.plan.relation
        paired = {relation.first, relation.second} if relation else set()
        return [index for index in self.plan.groups if index not in paired]

    def _alone(self, template: str, index: int, default: Case) -> str:
        group = self.scene.groups[index]

        def value(field: str, case: Case | None) -> str:
            if field == "where":
                return self._where(group)
            return self.grammar.verb(group) if field == "verb" else self._thing(index, case or default)

        return _fill(template, value)

    def _pair_value(self, relation: Relation) -> Callable[[str, Case | None], str]:
        def value(field: str, case: Case | None) -> str:
            if field == "verb":
                return self.grammar.verb(self.scene.groups[relation.first])
            return self._pair(case or Case.NOM)

        return value

    def _pair(self, default: Case) -> str:
        relation = self.plan.relation
        assert relation is not None

        def value(field: str, case: Case | None) -> str:
            return self._thing(relation.first if field == "a" else relation.second, case or default)

        return _fill(pick(self.rng, self.grammar.relations[relation.kind]), value)

    def _thing(self, index: int, case: Case) -> str:
        group = self.scene.groups[index]
        size = self.plan.sizes and self.plan.positions and tells_size(self.scene, group)
        told = Told(self.plan.colours, size, self.plan.exact)
        return self.grammar.thing(group, told, case, Stream(self.seeds[index]))

    def _where(self, group: Group) -> str:
        deep = chance(self.rng, _LAYER_SHARE)
        options = (
            self.grammar.wheres[group.column, group.layer] if deep else self.grammar.columns[group.column]
        )
        return pick(self.rng, options)


# --- facts made false ------------------------------------------------------------------------------------------


def _with(scene: Scene, changed: dict[int, Group]) -> Scene:
    groups = tuple(changed.get(index, group) for index, group in enumerate(scene.groups))
    return replace(scene, groups=groups)


def _differing_pairs(scene: Scene, key: Callable[[Group], object]) -> list[tuple[int, int]]:
    """Pairs of groups that differ in a fact."""
    count = len(scene.groups)
    return [
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if key(scene.groups[i]) != key(scene.groups[j])
    ]


def _swap_colours(scene: Scene, rng: Random) -> Scene | None:
    """Two groups take each other's colour; None where all are of one colour."""
    pairs = _differing_pairs(scene, lambda group: group.colour)
    if not pairs:
        return None
    i, j = pick(rng, pairs)
    a, b = scene.groups[i], scene.groups[j]
    return _with(scene, {i: replace(a, colour=b.colour), j: replace(b, colour=a.colour)})


def _swap_columns(scene: Scene, rng: Random) -> Scene | None:
    """Two groups take each other's column; None where all stand in one."""
    pairs = _differing_pairs(scene, lambda group: group.column)
    if not pairs:
        return None
    i, j = pick(rng, pairs)
    a, b = scene.groups[i], scene.groups[j]
    return _with(scene, {i: replace(a, column=b.column), j: replace(b, column=a.column)})


def _change_count(scene: Scene, rng: Random) -> Scene:
    """One group has another number of objects."""
    index = int(rng.random() * len(scene.groups))
    group = scene.groups[index]
    return _with(
        scene, {index: replace(group, count=pick(rng, [n for n in range(1, 5) if n != group.count]))}
    )


def _change_kind(scene: Scene, rng: Random) -> Scene:
    """One group is of a kind that could stand there, and is nowhere in the picture."""
    index = int(rng.random() * len(scene.groups))
    group = scene.groups[index]
    present = {other.kind for other in scene.groups}
    absent = [kind for kind in KINDS[scene.setting, group.layer] if kind not in present]
    return _with(scene, {index: replace(group, kind=pick(rng, absent))})


def _all_wrong(scene: Scene, told_by_place: Sequence[int], rng: Random) -> Scene:
    """Every fact made false; the column only of groups that are told by it."""

    def other(options: Iterable[_Fact], now: _Fact) -> _Fact:
        return pick(rng, [option for option in options if option != now])

    absent = [kind for kind in Kind if kind not in {group.kind for group in scene.groups}]
    groups = tuple(
        replace(
            group,
            kind=pick(rng, absent),
            colour=other([one.colour for one in scene.groups] * 3 + list(Colour), group.colour),
            count=other(range(1, 5), group.count),
            column=other(Column, group.column) if index in told_by_place else group.column,
        )
        for index, group in enumerate(scene.groups)
    )
    return replace(
        scene,
        groups=groups,
        setting=other(Setting, scene.setting),
        time=other(Time, scene.time),
        weather=other(Weather, scene.weather),
    )


def _dealt(scene: Scene, wrong: Scene, rng: Random) -> tuple[Scene, Scene]:
    """Two scenes: each fact of `wrong` goes to the one or to the other, and the true fact to the one that is left."""

    def deal(true: _Object, false: _Object, names: Sequence[str]) -> tuple[_Object, _Object]:
        taken = {name for name in names if chance(rng, 0.5)}
        one = {name: getattr(false, name) for name in taken}
        other = {name: getattr(false, name) for name in names if name not in taken}
        return replace(true, **one), replace(true, **other)

    # What colour, number and place would be right for a thing that is not there?
    facts: tuple[Sequence[str], Sequence[str]] = (("kind",), ("colour", "count", "column"))
    groups = [
        deal(true, false, facts[chance(rng, 0.7)])
        for true, false in zip(scene.groups, wrong.groups, strict=True)
    ]
    one, other = deal(scene, wrong, ("setting", "time", "weather"))
    return replace(one, groups=tuple(g for g, _ in groups)), replace(
        other, groups=tuple(g for _, g in groups)
    )


def _reversed(relation: Relation, rng: Random) -> Relation:
    """The relation made false: the two change places, or left becomes right."""
    turn = chance(rng, 0.5)
    if turn and relation.kind in _OPPOSITE:
        return replace(relation, kind=_OPPOSITE[relation.kind])
    return Relation(relation.kind, relation.second, relation.first)
