"""What a picture shows: match probabilities, zero-shot classes, and where in it a query's words are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture, UnitVectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.ports import PointingReranker, Reranker
from vasari.retrieval.models.registry.presets import knows_drawings_only
from vasari.retrieval.search.ranking import CONTRASTIVE_SCALE

PHOTO_TEMPLATES = (
    "a photo of {}.",
    "a photo of the {}.",
    "a close-up photo of {}.",
    "a bright photo of {}.",
    "a photo of many {}.",
    "itap of {}.",
    "{}.",
)
"""A short form of CLIP's prompt ensemble (Radford et al., 2021, section 3.1.4): vectors of all are averaged."""

NOTHING = ("a picture", "a drawing", "something")
"""Texts that say nothing of a picture."""

Embed = Callable[[Sequence[str]], UnitVectors]

MOST_TEXTS = 8192  # labels × templates: a thousand labels with the usual seven
MOST_LETTERS = 1_000_000  # of these texts together
_BATCH = 8  # pictures matched at once


def templates_of(model: str) -> tuple[str, ...]:
    """The templates for labels: photos are asked for as photos, drawings by the bare word, which finds them best."""
    return ("{}",) if knows_drawings_only(model) else PHOTO_TEMPLATES


def class_vectors(
    labels: Sequence[str], embed: Embed, templates: Sequence[str] = PHOTO_TEMPLATES
) -> UnitVectors:
    """One unit vector a label (n, dim): the mean over its templates, scaled to length 1."""
    if isinstance(labels, str):  # a sequence too, of its letters
        raise UsageError(f"labels are a list of words, such as [{labels!r}]")
    if not labels:
        raise UsageError("name at least one label")
    wrong = [template for template in templates if template.count("{}") != 1]
    if wrong or not templates:
        raise UsageError("a template holds {} exactly once, such as 'a photo of {}.'")
    letters = len(templates) * sum(map(len, labels)) + len(labels) * sum(map(len, templates))
    if len(labels) * len(templates) > MOST_TEXTS or letters > MOST_LETTERS:
        raise UsageError(
            f"{len(labels)} labels with {len(templates)} templates are {len(labels) * len(templates):,} texts of"
            f" {letters:,} letters: at most {MOST_TEXTS:,} texts of {MOST_LETTERS:,} letters are compared at once"
        )
    texts = [template.replace("{}", label) for label in labels for template in templates]
    vectors = embed(texts).reshape(len(labels), len(templates), -1).mean(axis=1)
    return UnitVectors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def classify(picture: UnitVectors, classes: UnitVectors) -> NDArray[np.float32]:
    """Probabilities (n, classes) of pictures (n, dim), as CLIP's softmax over scaled cosines gives them."""
    logits = CONTRASTIVE_SCALE * (picture @ classes.T)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


def best_labels(labels: Sequence[str], picture: UnitVectors, classes: UnitVectors) -> list[tuple[str, float]]:
    """Labels with their probabilities for one picture (1, dim), likeliest first."""
    probabilities = classify(picture, classes)[0].tolist()
    return sorted(zip(labels, probabilities, strict=True), key=lambda pair: -pair[1])


def match(reranker: Reranker, pictures: Iterable[Picture], text: str) -> NDArray[np.float32]:
    """Probability in [0, 1], for each picture, that `text` describes it: (n,).

    Pictures are taken one by one, and only what the reranker makes of a few of them is kept.
    """
    found = [np.zeros(0, np.float32)]
    coming = iter(pictures)
    while batch := [reranker.prepare(picture) for picture in islice(coming, _BATCH)]:
        cancellation.check()
        found.append(reranker.score([text], reranker.encode_images(batch)))
    return np.concatenate(found)


def patch_map(
    patches: NDArray[np.float32], text: UnitVectors, background: UnitVectors
) -> NDArray[np.float32]:
    """Which patches are like the words: (rows, columns), summing to 1; the fallback where there is no reranker.

    Args:
        patches: unit vectors (rows, columns, dim).
        text: the words' unit vector (1, dim).
        background: unit vectors (n, dim) of texts that say nothing; what a patch has in common with them is
            taken off, since some patches are near to any text.
    """
    likeness = patches @ text[0] - (patches @ background.T).mean(axis=-1)
    above = likeness - likeness.min()
    total = float(above.sum())
    flat: NDArray[np.float32] = above / total if total > 0 else np.full_like(above, 1 / above.size)
    return flat


def heat_map(reranker: PointingReranker, picture: Picture, text: str) -> NDArray[np.float32]:
    """Where the words look in the picture: (rows, columns), summing to 1."""
    return reranker.attention(text, reranker.encode_images([reranker.prepare(picture)])[0])
