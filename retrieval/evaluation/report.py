"""Evaluation: how well a dual encoder, and a reranker after it, find what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, Image, Report, batches, load_picture
from vasari.retrieval.evaluation.hybrid import CaptionIndex, Captioning, nulls_of
from vasari.retrieval.evaluation.metrics import Ranking, intervals, rank_queries, summary
from vasari.retrieval.evaluation.positives import Positives, positive_figures
from vasari.retrieval.models.ports import Captioner, DualEncoder, Reranker
from vasari.retrieval.search.fairness import check_bank, hub_skewness, normalized, shifted
from vasari.retrieval.search.feature_cache import Features
from vasari.retrieval.search.ranking import blend
from vasari.retrieval.vectors.hubs import hubness

FAIR = ("dn", "nnn")  # corrections of hubs

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
    fair: Mapping[str, Ranking] = field(default_factory=dict)  # text to image, by correction
    # Of text to image as it is, and by correction.
    hub_skewness: Mapping[str, float] = field(default_factory=dict)
    # Figures by all right answers, by who names them.
    positives: Mapping[str, Any] = field(default_factory=dict)

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
        for name, ranking in (("reranked", self.reranked), ("hybrid", self.hybrid), *self.fair.items()):
            if ranking is not None:
                fields[name] = {"text_to_image": summary(ranking)}
                bounds[f"{name}_text_to_image"] = intervals(ranking, pictures)
        if self.positives:
            fields["positives"] = dict(self.positives)
        if self.hub_skewness:
            fields["hub_skewness"] = dict(self.hub_skewness)
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
    bank: Sequence[str] = (),
    positives: Sequence[Positives] = (),
    cache: EmbeddingFiles | None = None,
    stage: Stage = silent,
) -> Evaluation:
    """Rank all pictures for each caption and all captions for each picture.

    The former optionally also reranked, fused with full-text search over captions that `captioning` writes, and
    ranked fairly by a `bank` of texts; UsageError where those are too few.
    """
    cache = cache or EmbeddingFiles(None)
    pictures = cache.pictures(dataset.images, encoder, stage("pictures", len(dataset.images)))
    texts = cache.texts(dataset.texts, encoder, stage("texts", len(dataset.texts)))
    scores = texts @ pictures.T  # (texts, images)
    forward = rank_queries(scores, [[image] for image in dataset.answers])
    captions = dataset.captions_of()
    told = [image for image, own in enumerate(captions) if own]
    backward = rank_queries(scores.T[told], [captions[image] for image in told])
    by_all = {one.name: positive_figures(one, dataset, scores) for one in positives}
    reranked = None
    if reranking is not None:
        features = picture_features(dataset.images, reranking.reranker, stage)
        order = rerank(dataset.texts, scores, features, reranking, stage("rerank", len(dataset.texts)))
        reranked = rank_queries(scores, [[image] for image in dataset.answers], order)
        for one in positives:
            by_all[one.name]["reranked"] = positive_figures(one, dataset, scores, order)
    hybrid = None
    if captioning is not None:
        written = captioning.write(dataset.images, stage("captions", len(dataset.images)))
        with CaptionIndex.of(written) as index:
            nulls = nulls_of(encoder, texts, pictures)
            raised = index.raised(dataset.texts, scores, nulls, stage("full text", len(dataset.texts)))
        hybrid = rank_queries(raised, [[image] for image in dataset.answers])
    fair, skewness = {}, {}
    if bank:
        check_bank(len(bank))
        corrected = _fair(texts, pictures, cache.texts(bank, encoder, stage("bank", len(bank))))
        skewness = {name: hub_skewness(found) for name, found in corrected.items()}
        answers = [[image] for image in dataset.answers]
        fair = {name: rank_queries(corrected[name], answers) for name in FAIR}
    return Evaluation(dataset, forward, backward, reranked, hybrid, fair, skewness, by_all)


def _fair(texts: UnitVectors, pictures: UnitVectors, bank: UnitVectors) -> dict[str, NDArray[np.float32]]:
    """Scores (texts, pictures) as they are (`text_to_image`), and by each correction."""
    scores = texts @ pictures.T
    return {
        "text_to_image": scores,
        "dn": shifted(texts, bank) @ pictures.T,
        "nnn": normalized(scores, hubness(pictures, bank)),
    }


def picture_features(paths: Sequence[Image], reranker: Reranker, stage: Stage = silent) -> list[Features]:
    """What the reranker makes of each picture, (patches, width): a few hundred kilobytes."""
    report = stage("features", len(paths))
    found: list[Features] = []
    for batch in batches(paths, lambda path: reranker.prepare(load_picture(path))):
        found += reranker.encode_images(batch)
        report(len(batch))
    return found


def rerank(
    texts: Sequence[str],
    scores: NDArray[np.float32],
    features: Sequence[Features],
    reranking: Reranking,
    report: Report = lambda _done: None,
) -> NDArray[np.int64]:
    """The new order of each text's first `top` pictures: (texts, top) indices."""
    top = min(reranking.top, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    for row, (text, candidates) in enumerate(zip(texts, order, strict=True)):
        match = reranking.reranker.score([text], [features[image] for image in candidates])
        blended = blend(scores[row, candidates], match, reranking.weight)
        order[row] = candidates[np.argsort(-blended, kind="stable")]
        report(1)
    return order
