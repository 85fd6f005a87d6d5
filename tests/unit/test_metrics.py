"""Retrieval figures against definitions written out naively."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vasari.retrieval.evaluation.metrics import average_precision, interval, rank_queries, summary

scores = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(3, 15)), elements=st.floats(-1, 1, width=32)
)


def test_figures_of_a_ranking_worked_out_by_hand() -> None:
    """Three queries with their right answer at ranks 1, 2 and 4."""
    table = np.array([[9, 1, 2, 3, 4, 5], [8, 9, 1, 2, 3, 4], [9, 8, 7, 6, 1, 2]], np.float32)
    ranking = rank_queries(table, [[0], [0], [3]])
    assert ranking.ranks.tolist() == [1, 2, 4]
    figures = summary(ranking)
    assert figures["R@1"] == pytest.approx(1 / 3)
    assert figures["R@5"] == 1
    assert figures["median_rank"] == 2
    assert figures["mAP@10"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert figures["precision@5"] == pytest.approx(1 / 5)


def test_average_precision_with_several_right_answers() -> None:
    """Right answers at ranks 1 and 3 give (1/1 + 2/3) / 2."""
    ranking = rank_queries(np.array([[5, 4, 3, 2]], np.float32), [[0, 2]])
    assert average_precision(ranking).tolist() == pytest.approx([(1 + 2 / 3) / 2])


@given(scores, st.data())
def test_the_rank_is_one_more_than_the_candidates_at_least_as_good(
    table: np.ndarray, data: st.DataObject
) -> None:
    """A tie counts against the right answer."""
    answers = [[data.draw(st.integers(0, table.shape[1] - 1))] for _ in table]
    ranks = rank_queries(table, answers).ranks
    for row, (right,), rank in zip(table, answers, ranks, strict=True):
        assert rank == (row >= row[right]).sum()


def test_a_model_that_scores_everything_alike_finds_nothing() -> None:
    """Constant scores give recall 0, not 1."""
    assert summary(rank_queries(np.zeros((4, 20), np.float32), [[0]] * 4))["R@1"] == 0


def test_a_new_order_replaces_the_first_ranks_only() -> None:
    """What the reranker did not see stays behind, in its old order."""
    table = np.array([[5, 4, 3, 2, 1]], np.float32)
    order = np.array([[1, 0]])
    assert rank_queries(table, [[1]], order).ranks.tolist() == [1]
    assert rank_queries(table, [[3]], order).ranks.tolist() == [4]


def test_an_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    """The bootstrap behaves as intervals do."""
    few, many = np.tile([0.0, 1.0], 10), np.tile([0.0, 1.0], 1000)
    (low, high), (tight_low, tight_high) = interval(few), interval(many)
    assert low < 0.5 < high
    assert tight_high - tight_low < (high - low) / 3


def test_captions_of_one_picture_are_drawn_together() -> None:
    """Five captions that succeed and fail alike are one observation, not five: √5 times as wide an interval."""
    once = np.tile([0.0, 1.0], 200)
    five, pictures = np.repeat(once, 5), np.repeat(np.arange(400), 5).tolist()
    low, high = interval(five, groups=pictures)
    alone_low, alone_high = interval(five)
    assert (low, high) == pytest.approx(interval(once))
    assert (high - low) / (alone_high - alone_low) == pytest.approx(5**0.5, rel=0.15)
