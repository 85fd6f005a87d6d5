"""The recipe of the reranker's second lesson: which pictures a typed query is true of.

To the captions of the first lesson come queries in the forms of `queries.jsonl`: of the scene, of the same with one
fact changed, of other scenes, and foreign ones. What a query asks for decides whether it is true of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from vasari.training.recipes.reranker import RerankerLesson, SmallReranker, Text
from vasari.training.recipes.typed_queries import may_be_meant
from vasari.training.scenes.captions import hard_negatives
from vasari.training.scenes.foreign import foreign
from vasari.training.scenes.queries import Answers, Form, TypedQuery, typed
from vasari.training.scenes.scene import Colour, Kind, Language, Scene, Setting, Time, Weather

_LANGUAGES = [Language.ENGLISH] * 2 + list(Language) + [Language.CHINESE, Language.JAPANESE]
_OFTEN = {Form.WORD: 2, Form.TYPO: 4, Form.COUNT: 3, Form.COLOUR: 3, Form.PHRASE: 2, Form.SYNONYM: 2}
_FORMS = [form for form in Form for _ in range(_OFTEN.get(form, 1))]
_OF_SETTING = 16  # scenes of the same setting, from which near ones are drawn
# Queries for each picture.
_TRUE = 4
_ALTERED = 4
_OTHERS = 2
_AROUND = 1 / 7  # of what is altered is place, time or weather


class TypedRerankerLesson(RerankerLesson):
    """Batches of the recipe; a batch is decided by the step alone."""

    def __init__(
        self,
        reranker: SmallReranker,
        scenes: Sequence[Scene],
        features: npt.NDArray[np.float16],
        tokenizer: Any,
        batch: int,
    ) -> None:
        """As of `RerankerLesson`; scenes of the same place are taken for alike."""
        near = same_place(scenes)
        super().__init__(reranker, scenes, features, near, tokenizer, batch, steps=0, seed=6)

    def _texts(self, index: int, words: Random, dense: bool) -> list[Text]:  # noqa: ARG002 - captions with many errors are behind us
        """Captions and typed queries about a picture."""
        scene = self.scenes[index]
        found = self._complements(scene, words)
        pairs = hard_negatives(scene, words.choice(_LANGUAGES), words)
        for pair in (pairs[-1], words.choice(pairs)):  # the last is the relation, where there is one
            found += self._pair(pair)
        found += self._near_and_own(index, words)
        queries = [_query(scene, words) for _ in range(_TRUE)]
        queries += [_false(_altered(scene, words), scene, words) for _ in range(_ALTERED)]
        queries += [_query(words.choice(self.scenes), words) for _ in range(_OTHERS)]
        answers = Answers((scene,))
        for query in queries:
            true = bool(answers.of(query.meaning)[0])
            if true or not may_be_meant(query, answers)[0]:
                found.append(self._short(query.text, int(true)))
        found.append(self._short(foreign(words.choice(_LANGUAGES), words), 0))
        return found

    def _short(self, text: str, match: int) -> Text:
        ids = self._ids(text)
        return Text(ids, [-100] * len(ids), match)


def same_place(scenes: Sequence[Scene]) -> npt.NDArray[np.int64]:
    """For each of n scenes, some of the same setting: (n, _OF_SETTING)."""
    rng = np.random.default_rng(6)
    settings = np.array([scene.setting.value for scene in scenes])
    of_setting = {setting: np.flatnonzero(settings == setting) for setting in set(settings.tolist())}
    return np.stack([rng.choice(of_setting[setting], _OF_SETTING) for setting in settings.tolist()])


def _query(scene: Scene, words: Random) -> TypedQuery:
    while True:
        if query := typed(scene, words.choice(_LANGUAGES), words.choice(_FORMS), words):
            return query


def _false(other: Scene, scene: Scene, words: Random) -> TypedQuery:
    """A query that is true of `other`, and false of the scene if one turns up soon."""
    answers = Answers((scene,))
    for _ in range(8):
        query = _query(other, words)
        if not answers.of(query.meaning)[0]:
            break
    return query


def _altered(scene: Scene, words: Random) -> Scene:
    """The scene with one fact changed."""
    around = (
        lambda: replace(scene, setting=words.choice(list(Setting))),
        lambda: replace(scene, time=words.choice(list(Time))),
        lambda: replace(scene, weather=words.choice(list(Weather))),
    )
    if words.random() < _AROUND:
        return words.choice(around)()
    groups = list(scene.groups)
    at = words.randrange(len(groups))
    changes = (
        lambda: replace(groups[at], kind=words.choice(list(Kind))),
        lambda: replace(groups[at], colour=words.choice(list(Colour))),
        lambda: replace(groups[at], count=words.randint(1, 4)),
    )
    groups[at] = words.choice(changes)()
    return replace(scene, groups=tuple(groups))
