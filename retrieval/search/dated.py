"""Chronological order of good matches: the best of them, by when they were taken, the latest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vasari.retrieval.domain import Item, ItemId, Order, SearchRequest

MOST = 1000  # of the best that are put in order
GOOD = 0.8  # relevance of a good match: it beats the best one of four in five unrelated queries


def with_good_ones(request: SearchRequest) -> SearchRequest:
    """The request by date leaves out what is no good match, unless it says what is."""
    if request.order is Order.BEST or request.min_relevance is not None:
        return request
    return replace(request, min_relevance=GOOD)


def by_date(
    ranked: Sequence[tuple[ItemId, float]], items: Mapping[ItemId, Item]
) -> list[tuple[ItemId, float]]:
    """Those that are still there in chronological order, the latest first; what says no date comes last."""
    there = sorted((one for one in ranked if one[0] in items), key=lambda one: one[0])
    return sorted(there, key=lambda one: _taken(items[one[0]]), reverse=True)


def _taken(item: Item) -> str:
    """An ISO 8601 moment, whose text sorts as it does."""
    taken = item.attributes.get("taken")
    return taken if isinstance(taken, str) else ""
