"""Judgments of a catalog: who found which items right for which query."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.catalogs import add
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import Modality, Term, TermKind
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation.judgments import judged_searches


def told(catalog: Catalog, *query: str | None) -> list[tuple[int, int, str]]:
    return [(one.item, one.grade, one.who) for one in catalog.judgments.all(*query)]


def test_who_judges_again_changes_the_judgment(catalog: Catalog) -> None:
    """One query, item and person make one judgment; spaces and forms of letters do not make another query."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert catalog.judgments.judge(" un  été ", {first: 1, second: 0}, "ada", at=at) == 2
    assert catalog.judgments.judge("un e\u0301te\u0301", {first: 3}, "ada") == 1
    assert catalog.judgments.judge("un été", {first: 0}, "bob") == 1
    assert told(catalog, "un été") == [(first, 3, "ada"), (first, 0, "bob"), (second, 0, "ada")]
    kept = catalog.judgments.all("un été", who="ada")[1]
    assert (kept.query, kept.filter, kept.modality, kept.at) == ("un été", None, Modality.IMAGE, at)
    assert catalog.judgments.count() == 3


def test_the_same_words_under_a_filter_are_another_query(catalog: Catalog) -> None:
    """An empty filter is none."""
    (item,) = add(catalog, "/a.jpg")
    catalog.judgments.judge("boat", {item: 1}, "ada")
    catalog.judgments.judge("boat", {item: 0}, "ada", " tag:sea ")
    assert told(catalog, "boat", "") == [(item, 1, "ada")]
    assert told(catalog, "boat", "tag:sea") == [(item, 0, "ada")]
    assert told(catalog, "Boat") == []


def test_people_together_are_a_median(catalog: Catalog) -> None:
    """The lower one of two in the middle; items that are gone do not count, and come back with their file."""
    first, second, third = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg")
    for who, grade in (("ada", 2), ("bob", 0), ("cyd", 1)):
        catalog.judgments.judge("boat", {first: grade}, who)
    catalog.judgments.judge("boat", {second: 1, third: 1}, "ada")
    catalog.judgments.judge("boat", {second: 0}, "bob")
    catalog.judgments.judge("cat -sad", {third: 1}, "bob")
    catalog.items.lose([third])
    (only,) = catalog.judgments.queries()
    assert (only.query, only.grades) == ("boat", {first: 1, second: 0})
    catalog.items.purge([third])
    assert catalog.judgments.count() == 5


def test_judged_queries_are_searches(catalog: Catalog) -> None:
    """With the terms, the filter and the grades, in the order of their words."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    catalog.judgments.judge('item:7 + "no entry"', {first: 0, second: 2}, "ada", "rating >= 4")
    catalog.judgments.judge("boat", {first: 1}, "ada")
    boat, sign = judged_searches(catalog)
    assert (boat.name, boat.query, boat.right) == ("1", "boat", (first,))
    assert boat.request.terms == (Term(TermKind.TEXT, 1.0, text="boat"),)
    assert sign.request.filter == "rating >= 4"
    assert [term.kind for term in sign.request.terms] == [TermKind.ITEM, TermKind.TEXT]
    assert (sign.grades, sign.right) == ({first: 0, second: 2}, (second,))


def test_judgments_are_withdrawn(catalog: Catalog) -> None:
    """Of an item, of a query, of a person, or all; says how many."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    for query in ("boat", "cat"):
        for who in ("ada", "bob"):
            catalog.judgments.judge(query, {first: 1, second: 0}, who)
    assert catalog.judgments.withdraw("boat", ids=[first], who="ada") == 1
    assert catalog.judgments.withdraw("boat", "tag:sea") == 0
    assert catalog.judgments.withdraw("boat") == 3
    assert catalog.judgments.withdraw(ids=[]) == 0
    assert catalog.judgments.withdraw(who="ada") == 2
    assert catalog.judgments.withdraw() == 2
    assert catalog.judgments.count() == 0


def test_what_cannot_be_a_judgment_is_refused_as_a_whole(catalog: Catalog) -> None:
    """Nothing of it is kept."""
    (item,) = add(catalog, "/a.jpg")
    judge = catalog.judgments.judge
    with pytest.raises(NotFoundError, match="no item 999"):
        judge("boat", {item: 1, 999: 1}, "ada")
    for grade in (-1, 11):
        with pytest.raises(UsageError, match="a grade is 0"):
            judge("boat", {item: grade}, "ada")
    for query in ("", " \t"):
        with pytest.raises(UsageError, match="empty query"):
            judge(query, {item: 1}, "ada")
    with pytest.raises(UsageError, match="at most 4096"):
        judge("x" * 4097, {item: 1}, "ada")
    with pytest.raises(UsageError, match="a name"):
        judge("boat", {item: 1}, " ")
    assert catalog.judgments.count() == 0
    judge("b\x00o\udc80at " + "x" * 4000, {item: 1}, "a" * 200)
    assert catalog.judgments.all()[0].query.startswith("bo\ufffdat x")
