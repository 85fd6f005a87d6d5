"""Which coloured things an English caption mentions: the measure of a captioner on drawn scenes.

mentions("Two red sailboats and a small white house by a lake.") == {(SAILBOAT, RED), (HOUSE, WHITE)}
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from vasari.training.scenes.languages.english import NOUNS
from vasari.training.scenes.scene import Colour, Kind, Scene

Mention = tuple[Kind, Colour]


def mentions(caption: str) -> set[Mention]:
    """Every colour word that stands directly before a word for a kind, singular or plural."""
    kinds = _kinds()
    return {
        (kinds[found["noun"]], Colour(found["colour"])) for found in _pattern().finditer(caption.casefold())
    }


def shown(scene: Scene) -> set[Mention]:
    """The coloured things that a scene shows."""
    return {(group.kind, group.colour) for group in scene.groups}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and their harmonic mean F1, over all mentions of all captions (micro-averaged)."""

    precision: float
    recall: float
    f1: float


def agreement(captions: Iterable[str], scenes: Iterable[Scene]) -> Agreement:
    """Compare what captions mention with what their scenes show."""
    said = right = there = 0
    for caption, scene in zip(captions, scenes, strict=True):
        found, truth = mentions(caption), shown(scene)
        said, right, there = said + len(found), right + len(found & truth), there + len(truth)
    precision, recall = right / max(said, 1), right / max(there, 1)
    return Agreement(precision, recall, 2 * precision * recall / max(precision + recall, 1e-12))


@cache
def _kinds() -> dict[str, Kind]:
    return {form: kind for kind, words in NOUNS.items() for forms in words for form in forms}


@cache
def _pattern() -> re.Pattern[str]:
    # "palm tree" before "palm", "mill" inside no "windmill".
    longest_first = sorted(_kinds(), key=len, reverse=True)
    nouns = "|".join(re.escape(form) for form in longest_first)
    return re.compile(rf"\b(?P<colour>{'|'.join(Colour)}) (?P<noun>{nouns})\b")
