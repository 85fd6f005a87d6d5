"""Rocchio's relevance feedback: more like these, less like those."""

from __future__ import annotations

import numpy as np
import pytest

from vasari.retrieval.domain import Term, TermKind, unit_vectors
from vasari.retrieval.search.engine import blend_terms
from vasari.retrieval.search.feedback import with_feedback


def items(*ids: int) -> list[Term]:
    return [Term(TermKind.ITEM, item=item) for item in ids]


def test_the_query_moves_by_the_means_of_both_sides() -> None:
    """0.35 of the mean of what is right, less 0.15 of the mean of what is wrong, as Rocchio's formula has it."""
    vectors = unit_vectors(np.random.default_rng(0).normal(size=(6, 8)))
    terms = with_feedback([Term(TermKind.TEXT, text="boat")], items(1, 2, 3), items(4, 5))
    moved = blend_terms(
        terms, {TermKind.TEXT: unit_vectors(vectors[:1]), TermKind.ITEM: unit_vectors(vectors[1:])}
    )
    expected = vectors[0] + 0.35 * vectors[1:4].mean(axis=0) - 0.15 * vectors[4:].mean(axis=0)
    np.testing.assert_allclose(moved, unit_vectors(expected[None]), atol=1e-6)


def test_what_the_query_weighs_is_what_the_sides_are_weighed_by() -> None:
    """A query of weight 4 is moved by four times as much; one without terms is the right ones alone."""
    heavy = with_feedback(
        [Term(TermKind.TEXT, 3.0, text="a"), Term(TermKind.TEXT, -1.0, text="b")], items(1), []
    )
    assert heavy[-1].weight == pytest.approx(1.4)
    assert [term.weight for term in with_feedback([], items(1, 2), items(3))] == [0.175, 0.175, -0.15]


def test_without_feedback_a_query_stays_as_it_is() -> None:
    """Nothing is added."""
    query = (Term(TermKind.TEXT, text="boat"),)
    assert with_feedback(query, [], []) == query
    assert with_feedback((), [], []) == ()
