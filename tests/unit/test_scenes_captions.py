"""What captions and hard negatives say about a scene."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vasari.training.scenes.captions import HardNegative, describe, hard_negatives
from vasari.training.scenes.languages.english import NOUNS
from vasari.training.scenes.languages.grammar import Case, Stream, Told
from vasari.training.scenes.languages.voices import GRAMMARS
from vasari.training.scenes.layout import RelationKind, relation_between
from vasari.training.scenes.sampling import sample_scene
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
    Time,
    Weather,
)

SEEDS = st.integers(min_value=0, max_value=2**63 - 1)
SCENES = st.builds(sample_scene, SEEDS, st.sampled_from(Split))
LANGUAGES = st.sampled_from(Language)
NEGATIVE_KINDS = {"colour_swap", "count", "object_swap", "position", "relation"}

_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4}
_KIND_OF = {form: kind for kind, words in NOUNS.items() for forms in words for form in forms}
_MENTION = re.compile(
    rf"\b({'|'.join(_NUMBERS)}) (?:(?:large|big|small|little) )?({'|'.join(Colour)}) "
    rf"({'|'.join(sorted(map(re.escape, _KIND_OF), key=len, reverse=True))})\b",
    re.IGNORECASE,
)
_COLUMN_OF = {"left": Column.LEFT, "middle": Column.CENTRE, "cent": Column.CENTRE, "right": Column.RIGHT}
_RELATION_OF = {
    "left": RelationKind.LEFT_OF,
    "right": RelationKind.RIGHT_OF,
    "above": RelationKind.ABOVE,
    "over": RelationKind.ABOVE,
    "behind": RelationKind.BEHIND,
    "in back": RelationKind.BEHIND,
}


def mentions(caption: str) -> list[tuple[Kind, Colour, int]]:
    """Read an English caption back: what it mentions, in its order."""
    return [
        (_KIND_OF[noun], Colour(colour), _NUMBERS[number.lower()])
        for number, colour, noun in _MENTION.findall(caption)
    ]


def facts(scene: Scene) -> set[tuple[Kind, Colour, int]]:
    return {(group.kind, group.colour, group.count) for group in scene.groups}


def relation_told(caption: str) -> tuple[Kind, RelationKind, Kind] | None:
    """Read the one relation of an English caption back, if it tells one."""
    found = list(_MENTION.finditer(caption))
    for first, second in pairwise(found):
        between = caption[first.end() : second.start()]
        told = re.fullmatch(
            r" (?:on the |to the |high |far )?(left|right|above|over|behind|in back)(?: side)?(?: of)? ",
            between,
        )
        if told:
            return _KIND_OF[first[3]], _RELATION_OF[told[1]], _KIND_OF[second[3]]
    return None


def columns_told(caption: str) -> list[Column]:
    """The columns an English caption names, in its order."""
    return [_COLUMN_OF[word] for word in re.findall(r"\b(left|middle|cent|right)(?=\b|er|re)", caption)]


@given(SCENES, LANGUAGES, st.sampled_from(Detail), SEEDS)
def test_every_caption_is_a_clean_sentence(
    scene: Scene, language: Language, detail: Detail, seed: int
) -> None:
    """In every language and detail a caption says something, leaves no field empty and doubles no mark."""
    caption = describe(scene, language, detail, Random(seed))
    assert caption.strip() == caption != ""
    assert not re.search(r"[{}]|  |,,|\.\.|,\.| ,| \.|、、|，，|。。|的的|のの", caption)
    assert caption[0] == caption[0].upper()


@given(SCENES, LANGUAGES, st.sampled_from(Detail), SEEDS)
def test_equal_generators_give_equal_captions(
    scene: Scene, language: Language, detail: Detail, seed: int
) -> None:
    """A caption is decided by the scene and the generator's state."""
    assert describe(scene, language, detail, Random(seed)) == describe(scene, language, detail, Random(seed))


@given(SCENES, SEEDS)
def test_a_detailed_english_caption_tells_every_group_truly(scene: Scene, seed: int) -> None:
    """Read back, it names exactly the scene's groups with colours and counts, and a relation that holds."""
    caption = describe(scene, Language.ENGLISH, Detail.HIGH, Random(seed))
    told = mentions(caption)
    assert set(told) == facts(scene)
    assert len(told) == len(scene.groups)
    if relation := relation_told(caption):
        groups = {group.kind: group for group in scene.groups}
        assert relation_between(groups[relation[0]], groups[relation[2]]) is relation[1]
    else:
        assert sorted(columns_told(caption)) == sorted(group.column for group in scene.groups)


@given(SCENES, LANGUAGES, SEEDS)
def test_a_detailed_caption_tells_place_time_and_weather(scene: Scene, language: Language, seed: int) -> None:
    """Whatever the language, words of the right place, time and weather stand in it."""
    caption = describe(scene, language, Detail.HIGH, Random(seed)).lower()
    known = GRAMMARS[language].facts
    for names, value in (
        (("place", "name"), scene.setting),
        (("time", "time_clause"), scene.time),
        (("weather", "weather_clause"), scene.weather),
    ):
        phrases = [phrase for name in names for phrase in known[name][value]]
        assert any(phrase.lower() in caption for phrase in phrases)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("detail", Detail)
def test_captions_vary(language: Language, detail: Detail) -> None:
    """One scene is told in many ways."""
    scene = sample_scene(4, Split.TRAIN)
    rng = Random(1)
    told = {describe(scene, language, detail, rng) for _ in range(100)}
    assert len(told) > (70 if detail is Detail.HIGH else 25)


@given(SCENES, LANGUAGES, SEEDS)
@settings(max_examples=60)
def test_a_hard_negative_differs_from_its_caption(scene: Scene, language: Language, seed: int) -> None:
    """In every language, each kind of negative is another sentence than the true one."""
    found = hard_negatives(scene, language, Random(seed))
    assert {"count", "object_swap"} <= {one.kind for one in found} <= NEGATIVE_KINDS
    assert all(one.caption != one.negative for one in found)


@given(SCENES, SEEDS)
@settings(max_examples=60)
def test_a_hard_negative_is_false_in_one_fact(scene: Scene, seed: int) -> None:
    """Read back, the English caption is true and its negative says what the picture does not show."""
    for one in hard_negatives(scene, Language.ENGLISH, Random(seed)):
        assert set(mentions(one.caption)) == facts(scene)
        false = set(mentions(one.negative)) - facts(scene)
        match one.kind:
            case "colour_swap":
                assert len(false) == 2
            case "count" | "object_swap":
                assert len(false) == 1
            case "position":
                assert not false
                assert columns_told(one.caption) != columns_told(one.negative)
            case "relation":
                assert not false
                assert_relation_false(scene, one)


def assert_relation_false(scene: Scene, one: HardNegative) -> None:
    groups = {group.kind: group for group in scene.groups}
    true, false = relation_told(one.caption), relation_told(one.negative)
    assert true is not None
    assert false is not None
    assert relation_between(groups[true[0]], groups[true[2]]) is true[1]
    assert relation_between(groups[false[0]], groups[false[2]]) is not false[1]


def test_all_kinds_of_negatives_occur() -> None:
    """Among ordinary scenes, every kind of hard negative is made."""
    rng = Random(1)
    scenes = (sample_scene(seed, Split.TRAIN) for seed in range(20))
    assert {
        one.kind for scene in scenes for one in hard_negatives(scene, Language.GERMAN, rng)
    } == NEGATIVE_KINDS


@pytest.mark.parametrize("language", Language)
def test_no_word_serves_two_kinds_or_colours(language: Language) -> None:
    """The words of different kinds differ, and so do those of different colours; else captions were ambiguous."""
    owners: dict[str, set[tuple[Kind, Colour]]] = defaultdict(set)
    for kind in Kind:
        for colour in Colour:
            group = Group(kind, colour, Size.SMALL, 1, Column.LEFT, Layer.NEAR)
            for seed in range(40):
                phrase = GRAMMARS[language].thing(group, Told(), Case.NOM, Stream(seed / 40))
                owners[phrase].add((kind, colour))
    assert all(len(who) == 1 for who in owners.values())


def group(kind: Kind, colour: Colour, count: int, column: Column = Column.LEFT) -> Group:
    return Group(kind, colour, Size.SMALL, count, column, Layer.NEAR)


@pytest.mark.parametrize(
    ("language", "who", "case", "expected"),
    [
        (Language.ENGLISH, group(Kind.UMBRELLA, Colour.ORANGE, 1), Case.NOM, {"an orange umbrella"}),
        (Language.SPANISH, group(Kind.HOUSE, Colour.WHITE, 2), Case.NOM, {"dos casas blancas"}),
        (Language.SPANISH, group(Kind.TRACTOR, Colour.BLUE, 3), Case.NOM, {"tres tractores azules"}),
        (Language.FRENCH, group(Kind.HORSE, Colour.GREEN, 2), Case.NOM, {"deux chevaux verts"}),
        (Language.FRENCH, group(Kind.COW, Colour.WHITE, 1), Case.NOM, {"une vache blanche"}),
        (Language.GERMAN, group(Kind.TREE, Colour.RED, 1), Case.NOM, {"ein roter Baum"}),
        (Language.GERMAN, group(Kind.TREE, Colour.RED, 1), Case.ACC, {"einen roten Baum"}),
        (Language.GERMAN, group(Kind.HORSE, Colour.BLUE, 1), Case.DAT, {"einem blauen Pferd"}),
        (Language.GERMAN, group(Kind.TREE, Colour.RED, 2), Case.DAT, {"zwei roten Bäumen"}),
        (Language.CHINESE, group(Kind.PLANE, Colour.RED, 2), Case.NOM, {"两架红色的飞机", "两架红色飞机"}),
        (Language.JAPANESE, group(Kind.DOG, Colour.BLACK, 3), Case.NOM, {"三匹の黒い犬", "黒い犬三匹"}),
    ],
)
def test_noun_phrases_agree(language: Language, who: Group, case: Case, expected: set[str]) -> None:
    """Articles, endings, plurals, measure words and counters are those of the language."""
    told = {GRAMMARS[language].thing(who, Told(), case, Stream(seed / 200)) for seed in range(200)}
    assert expected <= told


@pytest.mark.parametrize("language", Language)
def test_every_fact_has_words(language: Language) -> None:
    """A language has phrases for every setting, time, weather, position and relation, and plans for every detail."""
    grammar = GRAMMARS[language]
    for name, words in grammar.facts.items():
        wanted = Time if name.startswith("time") else Weather if name.startswith("weather") else Setting
        assert set(words) == set(wanted)
    assert set(grammar.columns) == set(Column)
    assert len(grammar.wheres) == len(Column) * len(Layer)
    assert set(grammar.relations) == set(RelationKind)
    assert set(grammar.plans) == set(Detail)
