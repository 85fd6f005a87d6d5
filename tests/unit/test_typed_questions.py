"""Questions as people type them: true answers, and words that training never asks about."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.drawn_questions import asked
from vasari.retrieval.evaluation.questions import normal
from vasari.training.scenes.question_words import ABSENT, UNTOLD, yes_or_no
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Colour, Column, Scene, Split
from vasari.training.scenes.typed_questions import UNKNOWN, short_typed_questions, typed_questions

SEEDS = st.integers(min_value=0, max_value=2**63 - 1)
SCENES = st.builds(sample_scene, SEEDS, st.sampled_from(Split))


@given(SCENES, SEEDS, st.sampled_from(Split))
def test_equal_generators_ask_equal_questions(scene: Scene, seed: int, split: Split) -> None:
    """Questions are decided by the scene, the split and the generator's state."""
    assert typed_questions(scene, split, Random(seed), 5) == typed_questions(scene, split, Random(seed), 5)


@given(SCENES)
def test_no_fact_is_affirmed_and_denied(scene: Scene) -> None:
    """Questions about place, time and weather have one answer."""
    yes, no = (
        {one.strip() for line in yes_or_no(scene, told) for one in line.split(",")} for told in (True, False)
    )
    assert yes
    assert no
    assert not yes & no


@given(SCENES, SEEDS)
def test_answers_are_of_the_scene(scene: Scene, seed: int) -> None:
    """Colours, numbers and sides that are answered are those of a group, or of several together."""
    most = sum(group.count for group in scene.groups)
    sides = {"middle" if group.column is Column.CENTRE else group.column.value for group in scene.groups}
    for one in short_typed_questions(scene, Split.TRAIN, Random(seed), 20):
        match one.kind:
            case "typed colour":
                assert one.answer in {UNKNOWN, *(group.colour.value for group in scene.groups)}
            case "typed where":
                assert one.answer in {UNKNOWN, "yes", "no", *sides}
            case "typed count":
                assert one.answer in {"yes", "no", *map(str, range(most + 1))}
            case "typed absence" | "typed nobody":
                assert one.answer == "no"
            case "typed untold":
                assert one.answer == UNKNOWN


def test_heldout_scenes_ask_with_other_words() -> None:
    """What training asks about in vain is not what heldout scenes ask about."""
    assert not {thing.one for thing in ABSENT[Split.TRAIN]} & {thing.one for thing in ABSENT[Split.HELDOUT]}
    assert not set(UNTOLD[Split.TRAIN]) & set(UNTOLD[Split.HELDOUT])
    assert len(ABSENT[Split.HELDOUT]) > 30


def test_sixty_questions_were_typed_by_hand() -> None:
    """Among the right answers are no, that nobody can tell, colours and numbers."""
    questions = asked()
    right = set().union(*(each.right for each in questions))
    assert len(questions) == 60
    assert {"yes", "no", "0", normal(UNKNOWN)} < right
    assert not right.isdisjoint(Colour)
