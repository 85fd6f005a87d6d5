"""What people type for drawn scenes, and how well it is answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.grey import GreyEncoder
from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.evaluation.metrics import ndcg, precision, rank_queries
from vasari.retrieval.evaluation.queries import query_figures, read_queries
from vasari.training.scenes.languages.keywords import keywords
from vasari.training.scenes.queries import Answers, Form, Meaning, Wanted, queries_of, typed, typing_error
from vasari.training.scenes.sampling import sample_scene, scene_seed
from vasari.training.scenes.scene import Colour, Kind, Language, Scene, Setting, Split, Weather

SCENES = [sample_scene(scene_seed(7, index, Split.HELDOUT), Split.HELDOUT) for index in range(40)]
SNOW = frozenset({Setting.SNOWFIELD, Weather.SNOW})


def shows(scene: Scene, kind: Kind) -> bool:
    return any(group.kind is kind for group in scene.groups)


@pytest.mark.parametrize("form", Form)
def test_a_query_is_true_of_the_scene_it_was_drawn_from(form: Form) -> None:
    """In every language that has such a form, whatever the scene."""
    answers, drawn = Answers(SCENES), set()
    for language in Language:
        for place, scene in enumerate(SCENES):
            if query := typed(scene, language, form, Random(f"{language}{place}")):
                assert answers.of(query.meaning)[place], query
                drawn.add(language)
    western = {Language.ENGLISH, Language.GERMAN, Language.FRENCH, Language.SPANISH}
    assert drawn >= western
    assert (drawn == western) == (form in (Form.PLURAL, Form.CAPITALS, Form.TYPO))


def test_all_that_is_asked_for_has_to_be_there() -> None:
    """A dog in the snow is both, snow is falling or lying, and a red dog is one thing, no dog beside something red."""
    answers = Answers(SCENES)
    dog = Meaning((Wanted(frozenset({Kind.DOG})),))
    right = answers.of(dog.also(Meaning((), (SNOW,))))
    assert right.tolist() == [
        shows(scene, Kind.DOG) and not SNOW.isdisjoint({scene.setting, scene.weather}) for scene in SCENES
    ]
    red = answers.of(Meaning((Wanted(frozenset({Kind.DOG}), Colour.RED, 1),)))
    assert red.tolist() == [
        any((g.kind, g.colour, g.count) == (Kind.DOG, Colour.RED, 1) for g in scene.groups)
        for scene in SCENES
    ]


def test_a_typing_error_is_one_slip_that_makes_no_other_word() -> None:
    """The first letter stays, "cat" does not become "car", and what has no Latin letters stays as it is."""
    slips = {typing_error("cat", Random(seed)) for seed in range(80)}
    assert {"cta", "catt"} <= slips
    assert "car" not in slips
    assert all(slip[0] == "c" and abs(len(slip) - 3) <= 1 for slip in slips)
    assert typing_error("雪の中の犬", Random(1)) == "雪の中の犬"
    one = typing_error("red lighthouse", Random(2)).split(" ")
    assert sum(a != b for a, b in zip(one, ("red", "lighthouse"), strict=True)) == 1


@pytest.mark.parametrize("language", Language)
def test_no_keyword_means_two_things(language: Language) -> None:
    """A word stands in one line of a language's table."""
    words = [form for forms in keywords(language).values() for form in {one for one, _ in forms}]
    assert sorted(words) == sorted(set(words))


def test_the_test_set_is_the_same_each_time() -> None:
    """Distinct queries of every language, each with all its right scenes."""
    found = list(queries_of(SCENES))
    assert found == list(queries_of(SCENES))
    texts = [(query.text, query.language, query.form) for query, _ in found]
    assert len(set(texts)) == len(texts) > 500
    assert {query.language for query, _ in found} == set(Language)
    answers = Answers(SCENES)
    assert all(right == np.flatnonzero(answers.of(query.meaning)).tolist() for query, right in found)


def test_precision_and_ndcg_allow_for_few_right_answers() -> None:
    """All of two right pictures first is 1 by both; a right one that comes later counts less by nDCG."""
    scores = np.array([[3, 2, 1, *[0] * 9], [1, 2, 3, *[0] * 9]], np.float32)
    ranking = rank_queries(scores, [[0, 1], [2, 11]])
    assert precision(ranking).tolist() == [1, 0.5]
    assert ndcg(ranking).tolist() == pytest.approx([1, 1 / (1 + 1 / np.log2(3))])


class Words(GreyEncoder):
    """Brightness that knows two words."""

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        rows: list[NDArray[np.float32]] = [np.ones(self.dim, np.float32) for _ in texts]
        for row, text in zip(rows, texts, strict=True):
            row[:-1] = 1 if text == "light" else -1
        return UnitVectors(np.stack(rows) / np.sqrt(self.dim).astype(np.float32))


def test_typed_queries_are_measured_by_kind(tmp_path: Path) -> None:
    """Of pictures that are not evaluated nothing is asked, and lines that cannot be used are told."""
    for name, grey in (("light", 250), ("dark", 5), ("black", 0)):
        Image.new("RGB", (8, 8), (grey,) * 3).save(tmp_path / f"{name}.png")
    rows: list[object] = [
        {"query": "light", "kind": "word", "language": "en", "file_names": ["light.png"]},
        {"query": "dark", "kind": "phrase", "language": "en", "file_names": ["dark.png", "black.png"]},
        {"query": "light", "kind": "wrong", "file_names": ["dark.png"]},
        {"query": "gone", "kind": "word", "file_names": ["elsewhere.png"]},
        {"query": "hell", "kind": "word", "language": "de", "file_names": ["light.png"]},
        {"query": "light", "file_names": "light.png"},
    ]
    file = tmp_path / "queries.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    queries, broken = read_queries(file, "en")
    assert broken == ["queries.jsonl, line 6: lacks file_names"]
    images = [tmp_path / f"{name}.png" for name in ("light", "dark", "black")]
    figures = query_figures(queries, images, Words())["dual_encoder"]
    assert {kind: one["queries"] for kind, one in figures.items()} == {
        "all": 3,
        "word": 1,
        "phrase": 1,
        "wrong": 1,
    }
    found = [figures[kind]["nDCG@10"] for kind in ("word", "phrase", "wrong")]
    assert found == pytest.approx([1, 1, 1 / np.log2(3)])
