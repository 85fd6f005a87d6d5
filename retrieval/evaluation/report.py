"""Evaluation: how well a dual encoder, and a reranker after it, find what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, Report, batches, load_picture
from vasari.retrieval.evaluation.hybrid import Captioning, hybrid_order
from vasari.retrieval.evaluation.metrics import Ranking, intervals, rank_queries, summary
from vasari.retrieval.models.ports import Captioner, DualEncoder, Reranker
from vasari.retrieval.search.ranking import blend

PAIRS = 64  # (text, picture) pairs a matching batch

Stage = Callable[[str, int], Report]
"""Begins a named stage of so many steps, and returns what to call as they are done."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """How candidates are scored a second time."""

    reranker: Reranker
    top: int = 32
    weight: float = 0.5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of both directions, as `vasari eval --json` prints them."""

    dataset: Dataset
    text_to_image: Ranking
    image_to_text: Ranking
    reranked: Ranking | None = None  # text to image
    hybrid: Ranking | None = None  # text to image

    def as_json(self) -> dict[str, Any]:
        """The contract's fields."""
        fields: dict[str, Any] = {
            "dataset": self.dataset.name,
            "images": len(self.dataset.images),
            "texts": len(self.dataset.texts),
            "missing": len(self.dataset.missing),
            "text_to_image": summary(self.text_to_image),
            "image_to_text": summary(self.image_to_text),
        }
        pictures = self.dataset.answers
        bounds = {
            "text_to_image": intervals(self.text_to_image, pictures),
            "image_to_text": intervals(self.image_to_text),
        }
        for name, ranking in (("reranked", self.reranked), ("hybrid", self.hybrid)):
            if ranking is not None:
                fields[name] = {"text_to_image": summary(ranking)}
                bounds[f"{name}_text_to_image"] = intervals(ranking, pictures)
        return fields | {"intervals": bounds}


def silent(_stage: str, _total: int) -> Report:
    """A null stage: progress that is shown to nobody."""
    return lambda _done: None


def evaluate(
    dataset: Dataset,
    encoder: DualEncoder,
    *,
    reranking: Reranking | None = None,
    captioning: Captioning[Captioner] | None = None,
    cache: EmbeddingFiles | None = None,
    stage: Stage = silent,
) -> Evaluation:
    """Rank all pictures for each caption and all captions for each picture.

    The former optionally also reranked, and fused with full-text search over captions that `captioning` writes.
    """
    cache = cache or EmbeddingFiles(None)
    pictures = cache.pictures(dataset.images, encoder, stage("pictures", len(dataset.images)))
    texts = cache.texts(dataset.texts, encoder, stage("texts", len(dataset.texts)))
    scores = texts @ pictures.T  # (texts, images)
    forward = rank_queries(scores, [[image] for image in dataset.answers])
    captions = dataset.captions_of()
    told = [image for image, own in enumerate(captions) if own]
    backward = rank_queries(scores.T[told], [captions[image] for image in told])
    reranked = None
    if reranking is not None:
        features = picture_features(dataset.images, reranking.reranker, stage)
        order = rerank(dataset.texts, scores, features, reranking, stage("rerank", len(dataset.texts)))
        reranked = rank_queries(scores, [[image] for image in dataset.answers], order)
    hybrid = None
    if captioning is not None:
        written = captioning.write(dataset.images, stage("captions", len(dataset.images)))
        order = hybrid_order(dataset.texts, written, scores, stage("full text", len(dataset.texts)))
        hybrid = rank_queries(scores, [[image] for image in dataset.answers], order)
    return Evaluation(dataset, forward, backward, reranked, hybrid)


def picture_features(paths: Sequence[Path], reranker: Reranker, stage: Stage = silent) -> NDArray[np.float16]:
    """Matching features of all pictures (n, patches + 1, width): a few hundred kilobytes each."""
    report = stage("features", len(paths))
    found = []
    for batch in batches(paths, lambda path: reranker.prepare(load_picture(path))):
        found.append(reranker.encode_images(batch))
        report(len(batch))
    return np.concatenate(found)


def rerank(
    texts: Sequence[str],
    scores: NDArray[np.float32],
    features: NDArray[np.float16],
    reranking: Reranking,
    report: Report = lambda _done: None,
) -> NDArray[np.int64]:
    """The new order of each text's first `top` pictures: (texts, top) indices."""
    top = min(reranking.top, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    for row, (text, candidates) in enumerate(zip(texts, order, strict=True)):
        match = reranking.reranker.score([text], features[candidates])
        blended = blend(scores[row, candidates], match, reranking.weight)
        order[row] = candidates[np.argsort(-blended, kind="stable")]
        report(1)
    return order


@dataclass(frozen=True, slots=True)
class HardNegative:
    """A true caption, and the same sentence with one fact made false."""

    image: Path
    caption: str
    negative: str
    kind: str
    language: str | None = None


def pair_accuracy(
    negatives: Sequence[HardNegative], encoder: DualEncoder, cache: EmbeddingFiles, stage: Stage = silent
) -> dict[str, float]:
    """Share of pairs, per kind and `all`, in which the dual encoder prefers the true caption."""
    places, paths = _distinct(negatives)
    pictures = cache.pictures(paths, encoder, stage("pictures", len(paths)))[places]
    true, false = (
        cache.texts(texts, encoder, stage("texts", len(texts)))
        for texts in ([n.caption for n in negatives], [n.negative for n in negatives])
    )
    return _share_by_kind(negatives, _rowwise(true, pictures) > _rowwise(false, pictures))


def reranked_pair_accuracy(
    negatives: Sequence[HardNegative], reranker: Reranker, stage: Stage = silent
) -> dict[str, float]:
    """The same by the reranker."""
    places, paths = _distinct(negatives)
    features = picture_features(paths, reranker, stage)
    report = stage("pairs", len(negatives))
    preferred = []
    for start in range(0, len(negatives), PAIRS):
        part = negatives[start : start + PAIRS]
        own = features[places[start : start + PAIRS]]
        true, false = (
            reranker.score(texts, own) for texts in ([n.caption for n in part], [n.negative for n in part])
        )
        preferred.append(true > false)
        report(len(part))
    return _share_by_kind(negatives, np.concatenate(preferred))


def _rowwise(left: UnitVectors, right: NDArray[np.float32]) -> NDArray[np.float32]:
    products: NDArray[np.float32] = np.einsum("nd,nd->n", left, right)
    return products


def _distinct(negatives: Sequence[HardNegative]) -> tuple[NDArray[np.int64], list[Path]]:
    index: dict[Path, int] = {}
    places = [index.setdefault(negative.image, len(index)) for negative in negatives]
    return np.array(places, np.int64), list(index)


def _share_by_kind(negatives: Sequence[HardNegative], preferred: NDArray[np.bool_]) -> dict[str, float]:
    groups: dict[str, list[int]] = {}
    for place, negative in enumerate(negatives):
        groups.setdefault(negative.kind, []).append(place)
    return {"all": float(preferred.mean())} | {
        kind: float(preferred[rows].mean()) for kind, rows in sorted(groups.items())
    }
