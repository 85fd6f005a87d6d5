"""Depth and weight of reranking are chosen by what they bring on known answers, and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.retrieval.evaluation.second_looks import MOST, Compared, choose_depth, choose_weight, ndcg


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.floats(0.5, 1))
def test_the_depth_is_the_least_that_reaches_the_recall(ranks: list[int], enough: float) -> None:
    """One candidate fewer would not."""
    given_ranks = np.array(ranks)
    depth = choose_depth(given_ranks, enough)
    wanted = enough * (given_ranks <= MOST).sum()
    assert 1 <= depth <= MOST
    assert (given_ranks <= depth).sum() >= wanted - 1e-9
    assert depth == 1 or (given_ranks <= depth - 1).sum() < wanted


def queries(count: int, seed: int, first: float, second: float) -> list[Compared]:
    """One of 12 candidates is right; each stage tells it apart by its number of standard deviations of noise."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        right = np.zeros(12, np.bool_)
        right[rng.integers(12)] = True
        cosines = 0.3 + 0.02 * (rng.normal(size=12) + first * right)
        odds = 3 * (rng.normal(size=12) + second * right) - 4
        order = np.argsort(-cosines, kind="stable")
        probabilities = 1 / (1 + np.exp(-odds))
        made.append(
            Compared(
                cosines[order].astype(np.float32), probabilities[order].astype(np.float32), right[order], 1
            )
        )
    return made


@pytest.mark.parametrize(("first", "second", "low", "high"), [(0, 3, 0.7, 1), (3, 0, 0, 0.3)])
def test_the_stage_that_knows_more_weighs_more(first: float, second: float, low: float, high: float) -> None:
    """And the choice is one that helps beyond chance."""
    choice = choose_weight(queries(200, 1, first, second), usual=0.5)
    assert low <= choice.weight <= high
    assert choice.low > 0
    assert choice.after > choice.before


def test_what_does_not_help_measurably_is_left() -> None:
    """Two stages that know the same: the best weight of a sample is chance, and the usual one stays."""
    kept = [choose_weight(queries(60, seed, 2, 2), usual=0.5).weight for seed in range(20)]
    assert kept.count(0.5) >= 18


def test_captions_of_one_picture_are_drawn_together() -> None:
    """The same queries said four times tell no more than once."""
    once = queries(40, 3, 1, 1.6)
    alone = choose_weight(once, usual=0.2)
    told = choose_weight(once * 4, usual=0.2, groups=list(range(40)) * 4)
    assert (told.low, told.high) == pytest.approx((alone.low, alone.high), abs=0.01)
    assert told.difference == pytest.approx(alone.difference)


def test_what_is_not_reranked_keeps_its_place_behind() -> None:
    """Of three candidates the last is right: a depth of two leaves it third, one of three brings it to the front."""
    right = Compared(
        np.array([0.3, 0.2, 0.1], np.float32),
        np.array([0.1, 0.2, 0.9], np.float32),
        np.array([False, False, True]),
        1,
    )
    assert ndcg(right, 1.0, 2) == pytest.approx(1 / 2)
    assert ndcg(right, 1.0, 3) == ndcg(right, 1.0) == 1
    assert ndcg(right, 0.0) == pytest.approx(1 / 2)
