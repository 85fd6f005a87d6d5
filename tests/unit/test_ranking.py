"""Orders of candidates, each against a naive form of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.search.ranking import blend, diversify, one_of_each_group

Candidates = list[tuple[int, float]]
rankings = st.lists(st.lists(st.integers(0, 12), unique=True, max_size=10), max_size=4)


def made(seed: int, count: int) -> tuple[Candidates, UnitVectors]:
    """Candidates by falling score with random vectors."""
    random = np.random.default_rng(seed)
    scores = np.sort(random.random(count).astype(np.float32))[::-1]
    return list(enumerate(scores.tolist())), unit_vectors(random.normal(size=(count, 3)))


def naive_mmr(candidates: Candidates, vectors: UnitVectors, trade: float) -> list[int]:
    """Carbonell & Goldstein's formula word for word: the best of those left, each time."""

    def scaled(values: np.ndarray) -> np.ndarray:
        spread = values.max() - values.min()
        return np.ones_like(values) if spread == 0 else (values - values.min()) / spread

    relevance = scaled(np.array([score for _, score in candidates], np.float32))
    likeness = scaled(vectors @ vectors.T)
    chosen: list[int] = []
    while len(chosen) < len(candidates):
        left = [place for place in range(len(candidates)) if place not in chosen]
        chosen.append(
            max(
                left,
                key=lambda place: (
                    trade * relevance[place]
                    - (1 - trade) * max((likeness[place, other] for other in chosen), default=0)
                ),
            )
        )
    return [candidates[place][0] for place in chosen]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 14), st.floats(0, 1))
def test_diversify_is_maximal_marginal_relevance(seed: int, count: int, trade: float) -> None:
    """The fast form chooses as the definition does."""
    candidates, vectors = made(seed, count)
    assert [item for item, _ in diversify(candidates, vectors, trade)] == naive_mmr(
        candidates, vectors, trade
    )


def test_diversify_by_relevance_alone_changes_nothing() -> None:
    """At 1 the order is that of the scores; there may be nothing to order."""
    candidates, vectors = made(3, 12)
    assert diversify(candidates, vectors, 1.0) == candidates
    assert diversify([], UnitVectors(np.zeros((0, 3), np.float32)), 0.5) == []


def test_diversify_puts_a_twin_behind_something_else() -> None:
    """Of two equal pictures one comes first, and what differs comes before the other."""
    vectors = unit_vectors(np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]]))
    found = diversify([(1, 0.9), (2, 0.89), (3, 0.7)], vectors, 0.4)
    assert [item for item, _ in found] == [1, 3, 2]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), unique_by=lambda pair: pair[0]), st.data())
def test_one_of_each_group_is_its_first(candidates: Candidates, data: st.DataObject) -> None:
    """The first of each group stays with all that are in none, in their order."""
    groups = {
        item: group
        for item, _ in candidates
        if (group := data.draw(st.none() | st.integers(0, 3))) is not None
    }
    kept = one_of_each_group(candidates, groups)
    assert kept == [pair for pair in candidates if pair in kept]
    kept_groups = [groups[item] for item, _ in kept if item in groups]
    assert len(kept_groups) == len(set(kept_groups)) == len(set(groups.values()))
    for item, _ in candidates:
        if item not in groups:
            assert item in dict(kept)
        else:
            first = next(other for other, _ in candidates if groups.get(other) == groups[item])
            assert first in dict(kept)


probabilities = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=12)


@settings(deadline=None)
@given(probabilities)
def test_weight_one_is_the_matcher_alone(drawn: list[float]) -> None:
    """The blended score is then its probability."""
    matches = np.array(drawn, np.float32)
    scores = blend(np.linspace(0.1, 0.9, len(drawn), dtype=np.float32), matches, 1.0)
    np.testing.assert_allclose(scores, matches, atol=2e-6)


@settings(deadline=None)
@given(probabilities, st.floats(0, 1))
def test_blended_scores_are_probabilities_that_rise_with_both_stages(
    drawn: list[float], weight: float
) -> None:
    """Better in both stages is never worse in the blend, and all scores lie in [0, 1]."""
    matches = np.sort(np.array(drawn, np.float32))
    cosines = np.linspace(0.2, 0.3, len(drawn), dtype=np.float32)
    scores = blend(cosines, matches, weight)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores) >= -1e-6).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30))
def test_weight_zero_keeps_the_first_stage(count: int) -> None:
    """The order is then that of the cosines, whatever the reranker says."""
    random = np.random.default_rng(count)
    cosines = (random.random(count) / 10).astype(np.float32)
    scores = blend(cosines, random.random(count).astype(np.float32), 0.0)
    assert np.argsort(-scores, kind="stable").tolist() == np.argsort(-cosines, kind="stable").tolist()


def test_a_blend_is_that_of_z_scores() -> None:
    """By hand: both stages at mean 0 and deviation 1, back on the scale of the reranker's log-odds."""
    cosines, matches = np.array([0.31, 0.3, 0.27], np.float32), np.array([0.2, 0.9, 0.4], np.float32)
    odds = np.log(matches / (1 - matches))
    standard = [(each - each.mean()) / each.std() for each in (cosines, odds)]
    expected = odds.mean() + odds.std() * (0.7 * standard[0] + 0.3 * standard[1])
    np.testing.assert_allclose(blend(cosines, matches, 0.3), 1 / (1 + np.exp(-expected)), atol=1e-6)


def test_where_the_reranker_tells_nothing_apart_the_first_stage_decides() -> None:
    """However sure it is of all of them."""
    cosines = np.array([0.3, 0.1, 0.2], np.float32)
    scores = blend(cosines, np.ones(3, np.float32), 0.5)
    assert np.argsort(-scores).tolist() == [0, 2, 1]


def test_blending_nothing_is_nothing() -> None:
    """No candidates, no scores."""
    assert blend(np.zeros(0, np.float32), np.zeros(0, np.float32), 0.5).shape == (0,)


@pytest.mark.parametrize("scores", [[0.5, 0.5, 0.5], [0.5]])
def test_equal_scores_leave_only_the_differences(scores: list[float]) -> None:
    """Where relevance says nothing, no division by nothing happens."""
    vectors = unit_vectors(np.eye(3)[: len(scores)])
    assert len(diversify(list(enumerate(scores)), vectors, 0.5)) == len(scores)
