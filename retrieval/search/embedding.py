"""Embed: from weighted terms to one unit vector of the library's space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from retrieval.domain import EmbeddingSpace, ItemId, Term, TermKind, UnitVectors, unit_vectors
from retrieval.errors import QueryError


class QueryModels(Protocol):
    """What turns the terms of a query into vectors; the library implements it."""

    def embed_texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim), one a text."""
        ...

    def embed_pictures(self, pictures: Sequence[bytes | Path], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim), one an encoded picture or file; raises ImageError for what is no picture."""
        ...

    def vectors_of(self, items: Sequence[ItemId], space: EmbeddingSpace) -> UnitVectors:
        """The stored vectors (n, dim) of items; raises NotFoundError naming an item that has none."""
        ...


def embed_query(terms: Sequence[Term], models: QueryModels, space: EmbeddingSpace) -> UnitVectors:
    """Blend terms to one unit vector (1, dim): the sum of weight × unit vector, scaled to length 1.

    Terms of one kind are embedded in one call. Raises QueryError when the terms cancel out.
    """
    blend = np.zeros(space.dim, dtype=np.float32)
    for kind in TermKind:
        members = [term for term in terms if term.kind is kind]
        if members:
            weights = np.array([term.weight for term in members], dtype=np.float32)
            blend += weights @ _vectors(kind, members, models, space)
    if np.linalg.norm(blend) < 1e-4:
        raise QueryError("the terms of this query cancel each other out")
    return unit_vectors(blend[None])


def _vectors(
    kind: TermKind, members: Sequence[Term], models: QueryModels, space: EmbeddingSpace
) -> UnitVectors:
    if kind is TermKind.TEXT:
        return models.embed_texts([term.text or "" for term in members], space)
    if kind is TermKind.IMAGE:
        return models.embed_pictures([term.image for term in members if term.image is not None], space)
    return models.vectors_of([term.item for term in members if term.item is not None], space)
