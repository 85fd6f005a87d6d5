"""Fair ranking: the corrections are those of their papers, and take hubs down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnn import BaseRanker, BaseRetriever, DNRanker, NNNRanker, NNNRetriever
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.fairness import (
    LEAST_BANK,
    check_bank,
    hub_skewness,
    normalized,
    shifted,
)
from vasari.retrieval.vectors.hubs import hubness


def drawn(seed: int, *sizes: int, dim: int = 16) -> list[UnitVectors]:
    random = np.random.default_rng(seed)
    return [unit_vectors(random.normal(size=(size, dim)) + 0.3) for size in sizes]


@given(st.integers(0, 10_000))
def test_the_shift_ranks_as_the_whole_formula(seed: int) -> None:
    """(φ - ½μ)·(ψ - ½ν) differs from the scores of the shifted query by a number of the query alone."""
    queries, pictures, bank = drawn(seed, 5, 30, 50)
    whole = (queries - bank.mean(axis=0) / 2) @ (pictures - pictures.mean(axis=0) / 2).T
    difference = shifted(queries, bank) @ pictures.T - whole
    np.testing.assert_allclose(difference, np.repeat(difference[:, :1], 30, axis=1), atol=1e-6)


def reference(ranker: BaseRanker, queries: UnitVectors, pictures: UnitVectors) -> NDArray[np.float32]:
    """Scores (queries, pictures) of the package `nnn-retrieval`, by the authors of the method."""
    scores, order = ranker.search(queries, len(pictures))
    unordered = np.empty(scores.shape, np.float32)
    np.put_along_axis(unordered, order, scores, axis=1)
    return unordered


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 20), st.floats(0, 1))
def test_nnn_is_that_of_the_reference_package(seed: int, k: int, alpha: float) -> None:
    """Score less α times the mean of the k largest cosines with the bank, to 1e-6."""
    queries, pictures, bank = drawn(seed, 4, 25, 40)
    ranker = NNNRanker(NNNRetriever(16), pictures, bank, k, alternate_weight=alpha)
    found = normalized(queries @ pictures.T, hubness(pictures, bank, k), alpha)
    np.testing.assert_allclose(found, reference(ranker, queries, pictures), atol=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_dn_ranks_as_the_reference_package(seed: int, weight: float) -> None:
    """The same order, for every query a number apart, by the shift of the query alone."""
    queries, pictures, bank = drawn(seed, 4, 25, 40)
    ranker = DNRanker(
        BaseRetriever(16),
        pictures,
        bank,
        retrieval_dev_embeds=pictures,
        query_dev_embeds=bank,
        dn_lambda=weight,
    )
    difference = shifted(queries, bank, weight) @ pictures.T - reference(ranker, queries, pictures)
    np.testing.assert_allclose(difference, np.repeat(difference[:, :1], 25, axis=1), atol=1e-6)


def test_hubs_come_up_less() -> None:
    """Pictures near to all texts come first for everything, until they are taken down: who is right comes up."""
    random = np.random.default_rng(0)
    texts = random.normal(size=(300, 32)) + 1.0
    pictures = texts + 1.5 * random.normal(size=texts.shape)
    pictures[:10] = texts.mean(axis=0) + 0.3 * random.normal(size=(10, 32))
    queries, gallery = unit_vectors(texts), unit_vectors(pictures)
    bank = unit_vectors(random.normal(size=(LEAST_BANK, 32)) + 1.0)
    scores = queries @ gallery.T
    fair = normalized(scores, hubness(gallery, bank))
    assert hub_skewness(fair) < hub_skewness(scores)
    right = [(found.argmax(axis=1) == np.arange(300)).mean() for found in (scores, fair)]
    assert right[1] > right[0]


def test_skewness_of_what_is_even_is_none() -> None:
    """Every picture comes up as often as any other."""
    assert hub_skewness(np.eye(10, dtype=np.float32)) == 0


def test_a_small_bank_is_refused() -> None:
    """It tells no hub from chance."""
    with pytest.raises(UsageError, match=r"at least 2,000 texts, this one has 1,999"):
        check_bank(LEAST_BANK - 1)
    check_bank(LEAST_BANK)
