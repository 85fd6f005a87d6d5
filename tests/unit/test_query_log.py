"""The query log: what was searched for, kept only where somebody asks for it."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vasari.retrieval.domain import Hit, Item, Modality, SearchRequest, SearchResponse, Term, TermKind
from vasari.retrieval.library.query_log import FILE, OLDER, QueryLog
from vasari.retrieval.search.query import parse_query, written

words = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and text == " ".join(text.split()))
terms = st.one_of(
    st.builds(
        lambda text, weight: Term(TermKind.TEXT, weight, text=text),
        words,
        st.sampled_from([1.0, -1.0, 2.0, 0.5]),
    ),
    st.builds(lambda text: Term(TermKind.TEXT, 1.0, text=text, quoted=True), words),
    st.builds(
        lambda item, weight: Term(TermKind.ITEM, weight, item=item),
        st.integers(1, 99),
        st.sampled_from([1.0, -3.0]),
    ),
)


def asked(
    query: str, *relevances: float | None, offset: int = 0, where: str | None = None
) -> tuple[SearchRequest, SearchResponse]:
    item = Item(1, Modality.IMAGE, "/a.jpg", "h", 1, 1)
    hits = tuple(Hit(item, 0.5, relevance=relevance) for relevance in relevances)
    return SearchRequest(parse_query(query), filter=where, offset=offset), SearchResponse(
        hits, 1, 1.0, "clip"
    )


@given(st.lists(terms, min_size=1, max_size=5))
def test_terms_are_written_as_they_are_read(given_terms: list[Term]) -> None:
    """Whatever signs they hold; each weighted text stands for itself, neighbours do not become one."""
    assert parse_query(written(given_terms)) == tuple(given_terms)


def test_a_search_is_kept_with_what_its_best_hit_matches(tmp_path: Path) -> None:
    """The answer is as it was asked for, and nobody else may read the file."""
    log = QueryLog(tmp_path)
    request, response = asked("un été + 2:item:5", 0.3, 0.9, where="tag:sea")
    assert log.asking(request).relevance
    told = log.noted(request, response)
    assert [hit.relevance for hit in told.hits] == [None, None]
    wanted = SearchRequest(request.terms, relevance=True)
    assert log.noted(wanted, response) is response
    first, _ = log.read()
    assert (first.query, first.filter, first.hits, first.relevance) == (
        "un été + 2:item:5",
        "tag:sea",
        2,
        0.9,
    )
    assert first.is_answered
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert log.clear() == 2
    assert (log.read(), log.clear()) == ([], 0)
    assert list(tmp_path.iterdir()) == []


def test_further_pages_and_pictures_are_no_queries(tmp_path: Path) -> None:
    """Only what was asked in words, once."""
    log = QueryLog(tmp_path)
    for request, response in (asked("item:5", 0.9), asked("boat", 0.9, offset=10)):
        assert log.asking(request) is request
        assert log.noted(request, response) is response
    assert log.read() == []


def test_queries_without_a_good_match_are_counted(tmp_path: Path) -> None:
    """By the last search for them; the most asked first; what cannot be told is no complaint."""
    log = QueryLog(tmp_path)
    for query, *relevances in (
        ("zebra", 0.2),
        ("Zebra", 0.4),
        ("boat", 0.95),
        ("cat", 0.1),
        ("cat", 0.9),
        ("emu",),
        ("dog", None),
    ):
        log.noted(*asked(query, *relevances))
    assert [(query.query, times) for query, times in log.unanswered()] == [("Zebra", 2), ("emu", 1)]


def test_letters_typed_on_the_way_are_one_search(tmp_path: Path) -> None:
    """A page searches while one types; a line that was cut short is passed over."""
    log = QueryLog(tmp_path)
    for query in ("a", "a red", "a red boat", "cat"):
        log.noted(*asked(query, 0.9))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"at": "2026-')
    assert [query.query for query in log.read()] == ["a red boat", "cat"]


def test_a_long_log_is_set_aside_once(tmp_path: Path) -> None:
    """Beyond 16 MiB there is one older file, and both are read and emptied."""
    log = QueryLog(tmp_path)
    line = '{"at": "%s", "query": "%s", "filter": null, "hits": 1, "relevance": null}\n'
    (tmp_path / FILE).write_text(
        line % (datetime(2026, 1, 1, tzinfo=UTC).isoformat(), "x" * (16 * 1024 * 1024))
    )
    log.noted(*asked("boat", 0.9))
    log.noted(*asked("cat", 0.9))
    assert sorted(file.name for file in tmp_path.iterdir()) == [OLDER, FILE]
    assert [query.query[:4] for query in log.read()] == ["xxxx", "boat", "cat"]
    assert log.clear() == 3
