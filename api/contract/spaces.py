"""Embedding spaces, and how they are tuned to rank."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from vasari.api.contract.scalars import Fields
from vasari.retrieval.domain import EmbeddingSpace, FairRanking, TunedRerank

if TYPE_CHECKING:
    from vasari.retrieval.evaluation.fair_ranking import Verdict
    from vasari.retrieval.library.reranking_depth import RerankVerdict
    from vasari.retrieval.library.spaces import SpaceState


def space_fields(state: SpaceState) -> Fields:
    """An embedding space: `vectors` and `absent` count live items with and without a vector, by modality.

    `precision` is that of the form which encodes its pictures on CPUs, where one was chosen.
    """
    return {
        "name": state.space.name,
        "model": state.space.model,
        "dim": state.space.dim,
        "default": state.default,
        "vectors": {str(modality): count for modality, count in state.vectors.items()},
        "absent": {str(modality): count for modality, count in state.absent.items()},
        "bytes": state.bytes,
        "precision": state.precision,
        "fair_ranking": None if state.fair is None else fair_ranking_fields(state.fair),
        "reranking": state.reranking and asdict(state.reranking),
    }


def fair_ranking_fields(fair: FairRanking) -> Fields:
    """How a space ranks fairly, as `vasari tune ranking` set it."""
    return {
        "method": str(fair.method),
        "weight": fair.weight,
        "gate": round(fair.gate, 6),
        "texts": fair.texts,
        "source": fair.source,
    }


def tuned_fields(
    space: EmbeddingSpace,
    source: str,
    texts: int,
    verdict: Verdict,
    fair: FairRanking | None,
    second: RerankVerdict | None,
    reranking: TunedRerank | None,
) -> Fields:
    """What `vasari tune ranking` measured; `fair_ranking` and `reranking` are how the space ranks and reranks now.

    `second_looks` is null where no reranker is on this machine.
    """
    chosen = verdict.chosen
    return {
        "space": space.name,
        "bank": {"texts": texts, "source": source},
        "images": verdict.pictures,
        "queries": {kind: asdict(effect) for kind, effect in verdict.effects.items()},
        "chosen": chosen and {"method": str(chosen.method), "weight": chosen.weight, "hubs": chosen.hubs},
        "hub_skewness": list(verdict.skewness),
        "helps": verdict.helps,
        "fair_ranking": fair and fair_ranking_fields(fair),
        "second_looks": second and second_look_fields(second),
        "reranking": reranking and asdict(reranking),
    }


def second_look_fields(second: RerankVerdict) -> Fields:
    """How reranking was measured, in nDCG@10; intervals are of 95 %."""
    return {
        "queries": second.queries,
        "first_stage": second.first_stage,
        "usual": second.usual,
        "chosen": {**asdict(second.chosen), "nDCG@10": second.tuned},
        "depth": {"by_recall": second.depth, **_difference(*second.gain)},
        "weight": {
            "best": second.weight.best,
            **_difference(second.weight.difference, second.weight.low, second.weight.high),
        },
    }


def _difference(mean: float, low: float, high: float) -> Fields:
    return {"difference": mean, "interval": [low, high]}
