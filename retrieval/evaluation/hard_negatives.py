"""Hard negatives: whether a true caption is preferred to the same sentence with something in it made false."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, Image
from vasari.retrieval.evaluation.report import Stage, picture_features, silent
from vasari.retrieval.models.ports import DualEncoder, Reranker

PAIRS = 64  # (text, picture) pairs a matching batch

Thing = TypeVar("Thing", bound=Hashable)
Scorer = Callable[[Sequence[str], Sequence[Image]], NDArray[np.float32]]
"""How well each text fits the picture in the same place: (n,)."""


@dataclass(frozen=True, slots=True)
class HardNegative:
    """A true caption, and the same sentence with one fact made false."""

    image: Image
    caption: str
    negative: str
    kind: str
    language: str | None = None


def by_encoder(encoder: DualEncoder, cache: EmbeddingFiles, stage: Stage = silent) -> Scorer:
    """Scores by the cosine; each text and each picture is embedded once."""

    def scores(texts: Sequence[str], images: Sequence[Image]) -> NDArray[np.float32]:
        image_places, own_images = distinct(images)
        text_places, own_texts = distinct(texts)
        pictures = cache.pictures(own_images, encoder, stage("pictures", len(own_images)))[image_places]
        vectors = cache.texts(own_texts, encoder, stage("texts", len(own_texts)))[text_places]
        products: NDArray[np.float32] = np.einsum("nd,nd->n", vectors, pictures)
        return products

    return scores


def by_reranker(reranker: Reranker, stage: Stage = silent) -> Scorer:
    """Scores by image-text matching; pairs of one picture are looked at together, a batch at a time."""

    def scores(texts: Sequence[str], images: Sequence[Image]) -> NDArray[np.float32]:
        places, _ = distinct(images)
        order = np.argsort(places, kind="stable")
        found = np.empty(len(texts), np.float32)
        report = stage("pairs", len(texts))
        for start in range(0, len(texts), PAIRS):
            part = order[start : start + PAIRS]
            own_places, own = distinct([images[number] for number in part])
            features = picture_features(own, reranker)
            pairs = [features[place] for place in own_places]
            found[part] = reranker.score([texts[number] for number in part], pairs)
            report(len(part))
        return found

    return scores


def preferences(negatives: Sequence[HardNegative], scorer: Scorer) -> NDArray[np.bool_]:
    """For each pair (n,) whether the true caption scores higher; a tie counts against it."""
    texts = [text for pair in negatives for text in (pair.caption, pair.negative)]
    found = scorer(texts, [pair.image for pair in negatives for _ in range(2)])
    preferred: NDArray[np.bool_] = found[::2] > found[1::2]
    return preferred


def share_by_kind(negatives: Sequence[HardNegative], preferred: NDArray[np.bool_]) -> dict[str, float]:
    """Share of pairs, of `all` and by kind, in which the true caption is preferred."""
    groups: dict[str, list[int]] = {}
    for place, negative in enumerate(negatives):
        groups.setdefault(negative.kind, []).append(place)
    return {"all": float(preferred.mean())} | {
        kind: float(preferred[rows].mean()) for kind, rows in sorted(groups.items())
    }


def distinct(things: Sequence[Thing]) -> tuple[NDArray[np.int64], list[Thing]]:
    """Each thing once, in the order of first mention, and where each of `things` is among them (n,)."""
    index: dict[Thing, int] = {}
    places = [index.setdefault(thing, len(index)) for thing in things]
    return np.array(places, np.int64), list(index)
