"""Two settings compared query by query: what is there is found, what is not is not, as often as is promised."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vasari.retrieval.evaluation.compare import Verdict, compare
from vasari.retrieval.evaluation.graded import GradedRanking, ndcg

STUDIES = 400


def searched(generator: np.random.Generator, queries: int, skill: float) -> np.ndarray:
    """nDCG@10 of as many queries by a setting that scores right items higher by `skill` standard deviations."""
    figures = []
    for _ in range(queries):
        scores = generator.normal(size=60)
        scores[:4] += skill
        figures.append(ndcg(GradedRanking.of(np.argsort(-scores).tolist(), {0: 3, 1: 1, 2: 1, 3: 2}), 10))
    return np.array(figures)


def test_settings_that_are_alike_are_told_apart_in_five_of_a_hundred_studies_at_most() -> None:
    """Rankings drawn twice from the same setting: a difference is called none in at least 95 %."""
    generator = np.random.default_rng(1)
    pool = searched(generator, 2000, 1.2)
    verdicts = []
    for seed in range(STUDIES):
        drawn, other = generator.integers(0, 2000, (2, 40))
        found = compare(pool[drawn], pool[other], seed=seed)
        verdicts.append(found.verdict)
        assert (found.p <= 0.05) == (not found.interval[0] <= 0 <= found.interval[1])
    alike = verdicts.count(Verdict.NONE) / STUDIES
    assert alike >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / STUDIES)  # two standard errors of such a share


def test_a_better_setting_is_found_as_often_as_is_stated() -> None:
    """A study says which difference it would show in 80 %: one with that true difference shows it in 80 %."""
    generator = np.random.default_rng(2)
    worse = searched(generator, 2000, 1.2)
    better = searched(generator, 2000, 1.6)
    true = better.mean() - worse.mean()
    scatter = np.sqrt(better.var() + worse.var())
    queries = round((2.8016 * scatter / true) ** 2)  # of which the stated difference is the true one
    found, stated = 0, []
    for seed in range(STUDIES):
        a, b = generator.integers(0, 2000, queries), generator.integers(0, 2000, queries)
        study = compare(worse[a], better[b], seed=seed)
        found += study.verdict is Verdict.BETTER
        stated.append(study.detectable)
    assert np.mean(stated) == pytest.approx(true, rel=0.05)
    assert 0.8 - 0.05 <= found / STUDIES <= 0.8 + 0.05


def test_captions_of_one_picture_are_one_outcome() -> None:
    """Five captions each that succeed and fail with their picture promise no more than the pictures do."""
    generator = np.random.default_rng(3)
    called = {"captions": 0, "pictures": 0}
    for seed in range(60):
        of_picture = generator.choice([-0.5, 0.0, 0.5], 20)
        groups = np.repeat(np.arange(20), 5)
        first = np.full(100, 0.5)
        called["captions"] += compare(first, first + of_picture[groups], seed=seed).verdict != Verdict.NONE
        study = compare(first, first + of_picture[groups], groups.tolist(), seed=seed)
        called["pictures"] += study.verdict != Verdict.NONE
        assert study.groups == 20
    assert called["pictures"] <= 6  # two standard errors above 3
    assert called["captions"] > 18  # so it matters


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=7))
@settings(max_examples=60)
def test_few_queries_are_compared_exactly(steps: list[int]) -> None:
    """All changes of sign are gone through: p is the share of them that differs as much."""
    values = np.array(steps) / 4
    totals = [
        sum(s * v for s, v in zip(signs, values, strict=True))
        for signs in product((1, -1), repeat=len(steps))
    ]
    above = np.mean([total >= values.sum() - 1e-9 for total in totals])
    below = np.mean([total <= values.sum() + 1e-9 for total in totals])
    found = compare(np.zeros(len(steps)), values)
    assert found.p == pytest.approx(min(1, 2 * min(above, below)))
    assert found.difference == pytest.approx(values.mean())


def test_what_is_the_same_everywhere_is_no_difference() -> None:
    """Whether by few queries or by many, and the interval is a point."""
    for queries in (8, 300):
        found = compare([0.5] * queries, [0.5] * queries)
        assert (found.difference, found.p, found.interval) == (0.0, 1.0, (0.0, 0.0))
        assert (found.verdict, found.detectable) == (Verdict.NONE, 0.0)


def test_a_setting_that_is_better_everywhere_is_better_by_that_much() -> None:
    """The smallest p that so many subsets can show; the other way around it is worse by as much."""
    found = compare([0.25] * 50, [0.75] * 50)
    assert found.verdict is Verdict.BETTER
    assert found.p == pytest.approx(2 / 10_000)
    assert found.interval == (0.5, 0.5)
    assert compare([0.75] * 50, [0.25] * 50).verdict is Verdict.WORSE


@pytest.mark.parametrize("queries", [1, 2, 5])
def test_five_queries_are_too_few_whatever_they_show(queries: int) -> None:
    """Chance alone gives all five the same sign in 1 of 16 cases; six are enough."""
    found = compare([0.0] * queries, [1.0] * queries)
    assert found.verdict is Verdict.TOO_FEW
    assert found.interval == (-1.0, 1.0)
    assert compare([0.0] * 6, [1.0] * 6).verdict is Verdict.BETTER
