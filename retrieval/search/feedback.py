"""Relevance feedback by Rocchio: the query moved towards what was found right, and a little away from what was wrong.

J. J. Rocchio, Relevance feedback in information retrieval (1971), with the weights of Manning, Raghavan and Schütze,
Introduction to Information Retrieval, section 9.1.1. `python -m benchmarks.feedback` measures it: it finds what is
meant beyond the words, and costs some where just the words are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vasari.retrieval.domain import Term

TOWARDS = 0.35
AWAY = 0.15
MOST = 100  # items on each side


def with_feedback(terms: Sequence[Term], more: Sequence[Term], less: Sequence[Term]) -> tuple[Term, ...]:
    """The terms of a query, and those of pictures or items to be found more like, or less like.

    Each side weighs as one term, however many it has, in proportion to the query, which weighs 1 where it has no terms.
    """
    size = sum(abs(term.weight) for term in terms) or 1.0
    return (*terms, *_shared(more, size * TOWARDS), *_shared(less, -size * AWAY))


def _shared(side: Sequence[Term], weight: float) -> list[Term]:
    return [replace(term, weight=weight / len(side)) for term in side]
