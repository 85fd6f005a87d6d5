"""Typed queries with many right pictures: P@10 and nDCG@10 of a dual encoder, and of a reranker after it, by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vasari.retrieval.evaluation.embeddings import EmbeddingFiles
from vasari.retrieval.evaluation.hybrid import CaptionIndex, Captioning, nulls_of
from vasari.retrieval.evaluation.metrics import MAP_AT, Ranking, ndcg, precision, rank_queries
from vasari.retrieval.evaluation.report import Reranking, Stage, picture_features, rerank, silent
from vasari.retrieval.evaluation.rows import read_rows
from vasari.retrieval.models.ports import Captioner, DualEncoder
from vasari.retrieval.search.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """What was typed, all right pictures, and how it was typed; `kind` groups the report."""

    text: str
    images: tuple[Path, ...]
    kind: str = "other"

    def read_by(self, lexicon: Lexicon) -> TypedQuery:
        """The query as a search of a library without words reads it: slips put right, words never taught left out."""
        reading = lexicon.reading(self.text, stays=lambda _word: False)
        return replace(self, text=reading.given or self.text)


Figures = dict[str, dict[str, float]]
"""For `all` queries and those of each kind: `queries` (how many), `P@10` and `nDCG@10`."""


def read_queries(file: Path, language: str | None = None) -> tuple[list[TypedQuery], list[str]]:
    """Read `queries.jsonl`: query, file_names, kind, language; and what is wrong with its lines."""
    rows, broken = read_rows(file, ("query",), lists=("file_names",))
    found = [
        TypedQuery(
            row["query"], tuple(file.parent / name for name in row["file_names"]), row.get("kind", "other")
        )
        for row in rows
        if language is None or row.get("language") in (None, language)
    ]
    return found, broken


def query_figures(
    queries: Sequence[TypedQuery],
    images: Sequence[Path],
    encoder: DualEncoder,
    reranking: Reranking | None = None,
    captioning: Captioning[Captioner] | None = None,
    cache: EmbeddingFiles | None = None,
    stage: Stage = silent,
) -> dict[str, Figures]:
    """Figures by who ranked the pictures; queries of which none of `images` is right are left out."""
    places = {image: place for place, image in enumerate(images)}
    answers = [[places[image] for image in query.images if image in places] for query in queries]
    asked = [(query, right) for query, right in zip(queries, answers, strict=True) if right]
    if not asked:
        return {}
    cache = cache or EmbeddingFiles(None)
    texts = [query.text for query, _ in asked]
    kinds = [query.kind for query, _ in asked]
    right = [answers for _, answers in asked]
    pictures = cache.pictures(images, encoder, stage("pictures", len(images)))
    vectors = cache.texts(texts, encoder, stage("queries", len(texts)))
    scores = vectors @ pictures.T
    figures = {"dual_encoder": _by_kind(rank_queries(scores, right), kinds)}
    if reranking is not None:
        features = picture_features(images, reranking.reranker, stage)
        order = rerank(texts, scores, features, reranking, stage("rerank queries", len(texts)))
        figures["reranked"] = _by_kind(rank_queries(scores, right, order), kinds)
    if captioning is not None:
        written = captioning.write(images, stage("captions", len(images)))
        with CaptionIndex.of(written) as index:
            nulls = nulls_of(encoder, vectors, pictures)
            raised = index.raised(texts, scores, nulls, stage("full text", len(texts)))
        figures["hybrid"] = _by_kind(rank_queries(raised, right), kinds)
    return figures


def _by_kind(ranking: Ranking, kinds: Sequence[str]) -> Figures:
    groups = {"all": list(range(len(kinds)))}
    for place, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(place)
    values = {f"P@{MAP_AT}": precision(ranking), f"nDCG@{MAP_AT}": ndcg(ranking)}
    return {
        kind: {"queries": len(rows)} | {name: float(np.mean(value[rows])) for name, value in values.items()}
        for kind, rows in groups.items()
    }
