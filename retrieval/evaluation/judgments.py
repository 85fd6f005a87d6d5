"""Judged searches: requests with the grades of what they should find, how a library answers them, and the figures.

for judged in judged_searches(library.catalog):
    found = library.search(judged.request)
    judged.grades  # {item: grade}; 0 is wrong
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import JudgedQuery
from vasari.retrieval.domain import ItemId, Modality, SearchRequest, SearchResponse
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.embeddings import Report
from vasari.retrieval.evaluation.graded import MEASURES, GradedRanking, figures
from vasari.retrieval.evaluation.metrics import interval
from vasari.retrieval.evaluation.query_files import QueryFile
from vasari.retrieval.evaluation.variants import Variant
from vasari.retrieval.search.query import parse_query

DEPTH = 100  # results that are looked at, or as many as a query has right items
Found = list[tuple[ItemId, float]]
"""What one query found, best first, with the scores of the hits."""


@dataclass(frozen=True, slots=True)
class JudgedSearch:
    """A search, and how right items are for it: 0 is wrong, 1 and more are right."""

    name: str  # the topic of a file, or a number
    query: str  # as typed
    request: SearchRequest
    grades: Mapping[ItemId, int]

    @property
    def right(self) -> tuple[ItemId, ...]:
        """The right items, by rising id."""
        return tuple(sorted(item for item, grade in self.grades.items() if grade > 0))


def judged_searches(catalog: Catalog) -> list[JudgedSearch]:
    """What people judged in a library, by query: the median of their grades for each live item."""
    return [_search(str(number), one) for number, one in enumerate(catalog.judgments.queries(), start=1)]


def named_searches(file: QueryFile, ids: Mapping[str, ItemId]) -> list[JudgedSearch]:
    """The searches of a file, with the items that its names mean; names that mean none are left out."""
    found = []
    for query in file.queries:
        grades = {ids[name]: grade for name, grade in query.grades.items() if name in ids}
        if grades:
            judged = JudgedQuery(query.query, query.filter, Modality.IMAGE, grades)
            found.append(_search(query.name, judged))
    return found


def _search(name: str, judged: JudgedQuery) -> JudgedSearch:
    request = SearchRequest(parse_query(judged.query), modality=judged.modality, filter=judged.filter)
    return JudgedSearch(name, judged.query, request, judged.grades)


def answerable(searches: Iterable[JudgedSearch]) -> tuple[list[JudgedSearch], int]:
    """Searches that have a right item, and how many have none, of which no figure tells anything.

    Raises UsageError where none has.
    """
    known = list(searches)
    found = [search for search in known if search.right]
    if not found:
        what = "no query was judged" if not known else f"none of {len(known)} judged queries has a right item"
        raise UsageError(f"{what}: give thumbs on the page, or `vasari judge QUERY ITEM`")
    return found, len(known) - len(found)


def search_all(
    ask: Callable[[SearchRequest], SearchResponse],
    searches: Sequence[JudgedSearch],
    variant: Variant,
    depth: int = DEPTH,
    report: Report = lambda _done: None,
) -> list[Found]:
    """What each search finds as a variant asks it: its first `depth`, or as many as it has right items."""
    answers = []
    for search in searches:
        request = replace(variant.of(search.request), limit=max(depth, len(search.right)), offset=0)
        answers.append([(hit.item.id, hit.score) for hit in ask(request).hits])
        report(1)
    return answers


def figures_of(searches: Sequence[JudgedSearch], answers: Sequence[Found]) -> list[dict[str, float]]:
    """The figures of each search."""
    return [
        figures(GradedRanking.of([item for item, _ in found], search.grades))
        for search, found in zip(searches, answers, strict=True)
    ]


def averages(
    searches: Sequence[JudgedSearch], each: Sequence[Mapping[str, float]]
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """The means of all figures over the queries, and their 95 % intervals.

    Queries with the same right items (the captions of one picture) are drawn together.
    """
    groups = groups_of(searches)
    values = {name: np.array([one[name] for one in each]) for name in MEASURES}
    means = {name: float(value.mean()) for name, value in values.items()}
    return means, {name: interval(value, groups=groups) for name, value in values.items()}


def groups_of(searches: Sequence[JudgedSearch]) -> list[int]:
    """A number for each search (n,), the same for those with the same right items."""
    places: dict[tuple[ItemId, ...], int] = {}
    return [places.setdefault(search.right, len(places)) for search in searches]
