"""Questions about a scene and their answers."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from vasari.training.scenes.languages.english import NOUNS
from vasari.training.scenes.layout import RelationKind, relation_between
from vasari.training.scenes.questions import Question, ask
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Colour, Column, Group, Kind, Layer, Scene, Split

SEEDS = st.integers(min_value=0, max_value=2**63 - 1)
SCENES = st.builds(sample_scene, SEEDS, st.sampled_from(Split))

_KIND_OF = {form: kind for kind, words in NOUNS.items() for forms in words for form in forms}
_NOUN = re.compile(
    rf"(?:({'|'.join(Colour)}) )?\b({'|'.join(sorted(map(re.escape, _KIND_OF), key=len, reverse=True))})\b"
)
_PLACES = {"left": Column.LEFT, "middle": Column.CENTRE, "right": Column.RIGHT}
_SIDES = {"left": RelationKind.LEFT_OF, "right": RelationKind.RIGHT_OF}


def meant(scene: Scene, question: str) -> list[Group]:
    """The groups of the scene that a question speaks of, in the order in which it names them."""
    named = [(Colour(colour) if colour else None, _KIND_OF[word]) for colour, word in _NOUN.findall(question)]
    return [
        group
        for colour, kind in named
        for group in scene.groups
        if group.kind is kind and colour in (None, group.colour)
    ]


def is_true(scene: Scene, asked: Question) -> bool:
    """Answer the question anew from the scene and compare."""
    groups = meant(scene, asked.question)
    match asked.kind:
        case "presence":
            return asked.answer == ("yes" if groups else "no")
        case "colour":
            return [group.colour.value for group in groups] == [asked.answer]
        case "count":
            return [str(group.count) for group in groups] == [asked.answer]
        case "position":
            return [group.column for group in groups] == [_PLACES[asked.answer]]
        case "relation" if asked.answer in _SIDES:
            first, second = groups if asked.question.startswith(("Is", "Are")) else groups[::-1]
            return relation_between(first, second) is _SIDES[asked.answer]
        case "relation":
            over = [
                group
                for group in scene.groups
                if group.column is groups[0].column and group.layer is Layer.SKY and group is not groups[0]
            ]
            return [group.kind for group in over] == [Kind(asked.answer)]
        case kind:
            return bool(asked.answer == getattr(scene, kind).value)


@given(SCENES, SEEDS)
def test_every_answer_is_true(scene: Scene, seed: int) -> None:
    """Read back and answered from the scene, every question has the answer that was given with it."""
    for asked in ask(scene, Random(seed)):
        assert is_true(scene, asked), asked


@given(SCENES, SEEDS)
def test_equal_generators_ask_equal_questions(scene: Scene, seed: int) -> None:
    """Questions are decided by the scene and the generator's state."""
    assert ask(scene, Random(seed)) == ask(scene, Random(seed))


def test_questions_are_many_and_presence_is_balanced() -> None:
    """All kinds are asked in many phrasings, and about as many presences are denied as affirmed."""
    rng = Random(1)
    asked = [one for seed in range(300) for one in ask(sample_scene(seed, Split.TRAIN), rng)]
    kinds = {"colour", "count", "presence", "position", "relation", "weather", "time", "setting"}
    assert {one.kind for one in asked} == kinds
    presence = Counter(one.answer for one in asked if one.kind == "presence")
    assert 0.4 < presence["yes"] / presence.total() < 0.6
    assert len({one.question for one in asked if one.kind == "weather"}) >= 3
