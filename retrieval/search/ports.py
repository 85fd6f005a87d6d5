"""Ports of a search: what the engine asks of a library, so that tests may hand it small ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, FairTrial, Item, ItemId, Modality, Term, UnitVectors
from vasari.retrieval.search.grouping import Labels
from vasari.retrieval.search.hybrid import FullText
from vasari.retrieval.search.relevance import Calibration
from vasari.retrieval.search.reranking import RerankStage
from vasari.retrieval.vectors.gallery import Gallery


class Filters(Protocol):
    """Finds the live items that a filter accepts."""

    def matching(self, text: str | None, modality: Modality, within: str | None = None) -> NDArray[np.int64]:
        """Their sorted ids, among those that `within` accepts; raises QueryError with the column of a mistake."""
        ...


class Groups(Protocol):
    """Knows near-duplicates."""

    def groups_of(self, ids: Sequence[ItemId]) -> Mapping[ItemId, int]:
        """The near-duplicate group of each item that is in one."""
        ...


class GroupLabels(Protocol):
    """Knows which items have the same value of an attribute."""

    def labels(self, by: str, modality: Modality, within: str | None = None) -> Labels:
        """The groups by an attribute, one that there is among what `within` accepts; raises QueryError."""
        ...


class Found(Protocol):
    """What is asked of a catalog."""

    @property
    def filters(self) -> Filters: ...  # noqa: D102
    @property
    def perceptual_hashes(self) -> Groups: ...  # noqa: D102
    @property
    def groupings(self) -> GroupLabels: ...  # noqa: D102


class Collection(Protocol):
    """What a search needs from a library."""

    @property
    def catalog(self) -> Found:
        """What filters and groups are asked of; a plain search does without."""
        ...

    @property
    def full_text(self) -> FullText:
        """What is said of the items."""
        ...

    def space(self, name: str | None = None) -> EmbeddingSpace:
        """The named space, or the default one."""
        ...

    def embed_query(self, terms: Sequence[Term], space: EmbeddingSpace) -> UnitVectors:
        """The terms blended to one unit vector (1, dim)."""
        ...

    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery:
        """All live vectors of a modality, as of now."""
        ...

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        """Number of items of the library that have no vector in the gallery."""
        ...

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """The items that still exist among `ids`."""
        ...

    def calibration(
        self,
        modality: Modality,
        space: EmbeddingSpace,
        seen: NDArray[np.int64] | None = None,
        *,
        fair: FairTrial | bool = False,
    ) -> Calibration:
        """The null distribution of relevance: what unrelated queries score on this collection, or on what is seen.

        With `fair` as the space ranks fairly, or as is tried.
        """
        ...

    def rerank_stage(self, within_ms: float | None = None) -> RerankStage:
        """The reranker with its cache; ModelUnavailableError, or DeadlineError where it is loaded later than that."""
        ...
