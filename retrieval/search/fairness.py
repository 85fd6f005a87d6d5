"""Fair ranking: corrections of hubs, pictures that lie near to every text, by a bank of texts that nobody asks now.

Two that need no training, each with one number or one vector more than a search has anyway:

- *Distribution Normalization* (Zhou et al., "Test-Time Distribution Normalization for Contrastively Learned
  Vision-Language Models", NeurIPS 2023): (φ - λμ_φ)·(ψ - λμ_ψ) with λ = ½. For one query φ the means of the
  pictures ψ take the same off every score, so it ranks as a shift of the query: φ - λμ_φ.
- *NNN*, nearest neighbour normalization (Chowdhury et al., "Nearest Neighbor Normalization Improves Multimodal
  Retrieval", EMNLP 2024): from each score α times the mean of the picture's k largest cosines with the bank. Here it
  is *gated*, as QB-Norm is (Bogolin et al., "Cross Modal Retrieval with Querybank Normalisation", CVPR 2022): of a
  picture whose mean lies below the gate nothing is taken, of another α times what lies above.

`FairQuery` is what a search by words asks in a space that ranks fairly (`domain.FairRanking`); `vasari tune ranking`
measures whether it helps, `vasari eval --fair` measures both corrections as they were published.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import (
    FairMethod,
    FairRanking,
    FairTrial,
    GroupScore,
    Modality,
    SearchRequest,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import LibraryCorruptError, Sentence, UsageError
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores

LEAST_BANK = 2000
"""Texts. A bank of 141 made rankings worse (NewsImages 2025), and so do texts of another domain."""
# Bounds of λ of distribution normalization, and of α of nearest neighbour normalization.
MIN_WEIGHT = 0.01
MAX_WEIGHT = 2.0
_LAMBDA = 0.5  # of the paper
_ALPHA = 0.5
_K = 10  # of k-occurrence
_LOG = logging.getLogger(__name__)

Scan = Callable[[Gallery, UnitVectors, int, Ids | None], tuple[Ids, Scores, str]]  # as `Gallery.search`


@dataclass(frozen=True, slots=True, eq=False)
class FairQuery:
    """What a gallery is asked for queries (n, dim); scores are their cosines less what is taken off each picture."""

    gallery: Gallery
    queries: UnitVectors
    lengths: Scores  # (n, 1), of the queries once they are shifted
    shift: NDArray[np.float32] | None = None  # (dim,), that was taken off the queries
    ranking: FairRanking | None = None  # by which hubs are taken down

    @classmethod
    def plain(cls, gallery: Gallery, queries: UnitVectors) -> Self:
        """Nothing is taken off."""
        return cls(gallery, queries, np.ones((len(queries), 1), np.float32))

    @classmethod
    def of(cls, gallery: Gallery, queries: UnitVectors) -> Self:
        """As the gallery's space ranks; LibraryCorruptError where what that takes is lost."""
        fair = gallery.fair
        if fair is None:
            return cls.plain(gallery, queries)
        if fair.method is FairMethod.NNN:
            return replace(cls.plain(gallery.fairly, queries), ranking=fair)
        shift = np.float32(fair.weight) * gallery.bank_mean
        moved = np.asarray(queries - shift, np.float32)
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        return cls(gallery, unit_vectors(moved), lengths, shift, fair)

    def search(
        self, k: int, allowed: Ids | None = None, scan: Scan = Gallery.search
    ) -> tuple[Ids, Scores, str]:
        """As `Gallery.search`."""
        ids, scores, strategy = scan(self.gallery, self.queries, k, allowed)
        return ids, scores * self.lengths, strategy

    def taken_off(self, ids: list[int]) -> Scores:
        """What was taken off the cosines (n,) of these items."""
        if self.shift is not None:
            return self.gallery.products(ids, self.shift)
        return self.gallery.taken_off(ids)


def asked_fairly(
    request: SearchRequest, gallery: Gallery, query: UnitVectors, fair: FairTrial | Literal[False] | None
) -> tuple[FairQuery, tuple[Sentence, ...]]:
    """What the gallery is asked, as the space ranks or is tried, and what to tell where it cannot rank fairly."""
    by_mean = request.group_score is GroupScore.MEAN  # of vectors as they are
    by_cosine = fair is False or by_mean or request.regions or not asks_fairly(request)
    if isinstance(fair, FairTrial):
        gallery = gallery.tried(fair)
    if gallery.fair is None or by_cosine:
        return FairQuery.plain(gallery, query), ()
    try:
        return FairQuery.of(gallery, query), ()
    except LibraryCorruptError as error:  # no reason to find nothing
        _LOG.warning("not ranked fairly: %s", error)
        note = Sentence("not ranked fairly: its bank of texts is lost, `vasari tune ranking` makes another")
        return FairQuery.plain(gallery, query), (note,)


def asks_fairly(request: SearchRequest) -> bool:
    """Whether fair ranking has a say: in searches for pictures by words alone."""
    in_words = all(term.kind is TermKind.TEXT for term in request.terms)
    return request.modality is Modality.IMAGE and in_words and bool(request.terms)


def check_bank(texts: int) -> None:
    """Raise UsageError for too few texts to tell a hub from chance."""
    if texts < LEAST_BANK:
        raise UsageError(
            Sentence(
                "a bank for fair ranking has at least {least:,} texts, this one has {n:,}",
                least=LEAST_BANK,
                n=texts,
            )
        )


def shifted(queries: UnitVectors, bank: UnitVectors, weight: float = _LAMBDA) -> NDArray[np.float32]:
    """Distribution normalization: the queries (n, dim) less λ times the bank's mean (m, dim); not of length 1."""
    return np.asarray(queries - weight * bank.mean(axis=0), np.float32)


def normalized(scores: Scores, hubs: NDArray[np.float32], alpha: float = _ALPHA) -> Scores:
    """Nearest neighbour normalization of scores (queries, pictures) by the `hubness` (pictures,) of pictures."""
    return np.asarray(scores - alpha * hubs, np.float32)


def hub_skewness(scores: Scores) -> float:
    """Skewness of how often each picture is among the first 10 of a query (k-occurrence; Radovanović, JMLR 2010).

    0 is even; from 1 on few pictures come up for everything. 0 also where all come up alike.
    """
    first = np.argsort(-scores, axis=1, kind="stable")[:, :_K]
    counts = np.bincount(first.ravel(), minlength=scores.shape[1]).astype(np.float64)
    deviation = counts.std()
    return 0.0 if deviation == 0 else float(((counts - counts.mean()) ** 3).mean() / deviation**3)
