"""Two settings side by side over the same judged searches: every figure compared, and the queries that changed most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vasari.retrieval.domain import ItemId
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.compare import Comparison, compare
from vasari.retrieval.evaluation.graded import MEASURES
from vasari.retrieval.evaluation.judgments import Found, JudgedSearch, figures_of, groups_of

MEASURE = "nDCG@10"
SHOWN = 10  # items of each answer, and queries that changed most


@dataclass(frozen=True, slots=True)
class Change:
    """A query that the two settings answer differently: its figure by each, and the first items of each."""

    search: JudgedSearch
    first: float
    second: float
    first_items: tuple[ItemId, ...]
    second_items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What a comparison shows; `measure` is the figure that decides it, chosen before anybody looked."""

    names: tuple[str, str]
    measure: str
    queries: int
    comparisons: Mapping[str, Comparison]
    changed: tuple[Change, ...]

    @property
    def decisive(self) -> Comparison:
        """The comparison by the measure that was chosen."""
        return self.comparisons[self.measure]

    def as_json(self) -> dict[str, Any]:
        """The contract's fields."""
        first, second = self.names
        return {
            "a": first,
            "b": second,
            "measure": self.measure,
            "queries": self.queries,
            "verdict": self.decisive.verdict,
            "figures": {name: _comparison_fields(one) for name, one in self.comparisons.items()},
            "changed": [_change_fields(one) for one in self.changed],
        }


def side_by_side(
    searches: Sequence[JudgedSearch],
    first: Sequence[Found],
    second: Sequence[Found],
    names: tuple[str, str],
    measure: str = MEASURE,
    most: int = SHOWN,
) -> SideBySide:
    """Compare what two settings found for the same searches; `most` is how many changed queries are told.

    Raises UsageError for a measure that is none.
    """
    if measure not in MEASURES:
        raise UsageError(f"{measure!r} is no figure: there are {', '.join(MEASURES)}")
    figures = figures_of(searches, first), figures_of(searches, second)
    groups = groups_of(searches)
    comparisons = {
        name: compare([one[name] for one in figures[0]], [one[name] for one in figures[1]], groups)
        for name in MEASURES
    }
    changed = [
        Change(search, a[measure], b[measure], _head(before), _head(after))
        for search, a, b, before, after in zip(searches, *figures, first, second, strict=True)
        if not math.isclose(a[measure], b[measure], abs_tol=1e-9)
    ]
    changed.sort(key=lambda one: -abs(one.second - one.first))
    return SideBySide(names, measure, len(searches), comparisons, tuple(changed[:most]))


def _head(found: Found) -> tuple[ItemId, ...]:
    return tuple(item for item, _ in found[:SHOWN])


def _comparison_fields(one: Comparison) -> dict[str, Any]:
    return {
        "a": one.first,
        "b": one.second,
        "difference": one.difference,
        "interval": list(one.interval),
        "p": one.p,
        "detectable": one.detectable,
        "verdict": one.verdict,
    }


def _change_fields(one: Change) -> dict[str, Any]:
    return {
        "query": one.search.query,
        "filter": one.search.request.filter,
        "a": one.first,
        "b": one.second,
        "a_items": list(one.first_items),
        "b_items": list(one.second_items),
        "right": list(one.search.right),
    }
