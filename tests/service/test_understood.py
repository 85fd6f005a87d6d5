"""Searches understand what is typed: over HTTP, from Python and on the command line; and the box suggests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.patience import until
from tests.service.conftest import Served
from vasari.api.client import requests
from vasari.retrieval.domain import SearchRequest
from vasari.retrieval.search.query import parse_query


@pytest.fixture
def dated(served: Served) -> Served:
    """Red and green were taken in May 2018, one with Anna in Lisbon; blue says RE 16 in its caption."""
    say = served.library.catalog.annotations.set_attributes
    lisbon = {
        "city": "Lisbon",
        "country": "Portugal",
        "country_code": "PT",
        "latitude": 38.7,
        "longitude": -9.1,
    }
    say(served.ids["red"], {"taken": "2018-05-12T10:00:00", "person": ["Anna"], **lisbon})
    say(served.ids["green"], {"taken": "2018-05-20T10:00:00"})
    say(served.ids["yellow"], {"taken": "2019-01-01T10:00:00", "camera": "X100V"})
    served.client.patch(f"/v1/items/{served.ids['blue']}", json={"captions": ["a van, RE 16 TGK"]})
    return served


def search(served: Served, **body: Any) -> dict[str, Any]:
    response = served.client.post("/v1/search", json={"limit": 8, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def found(served: Served, answer: dict[str, Any]) -> set[str]:
    by_id = {number: name for name, number in served.ids.items()}
    return {by_id[hit["id"]] for hit in answer["hits"]}


def test_a_date_and_a_person_narrow_a_search(dated: Served) -> None:
    """The answer says which filters were read, and `explain` what was embedded."""
    answer = search(dated, query="yellow, May 2018", explain=True)
    assert found(dated, answer) == {"red", "green"}
    assert answer["understood"] == [{"filter": "taken = 2018-05", "text": "May 2018", "kind": "date"}]
    assert answer["explain"]["understood"]["terms"] == [{"text": "yellow", "weight": 1.0}]
    assert found(dated, search(dated, query="Anna in Lissabon")) == {"red"}
    narrowed = search(dated, query="blue May 2018", filter='person = "Anna" or name:"green*"')
    assert found(dated, narrowed) == {"red", "green"}


def test_terms_are_understood_as_a_query_is(dated: Served) -> None:
    """Text terms of weight 1; those with a weight, and what was subtracted, mean their words."""
    assert found(dated, search(dated, terms=[{"text": "blue in May 2018"}])) == {"red", "green"}
    weighed = search(dated, terms=[{"text": "blue in May 2018", "weight": 2.0}])
    assert (weighed["total"], weighed["understood"]) == (8, [])


def test_what_was_understood_is_taken_back(dated: Served) -> None:
    """All of it by `literally`, a part by `as_words`."""
    sentence = "Anna in May 2018"
    assert search(dated, query=sentence, literally=True)["total"] == 8
    answer = search(dated, query=sentence, as_words=["May 2018"])
    assert [read["kind"] for read in answer["understood"]] == ["person"]
    assert found(dated, answer) == {"red"}


def test_a_filter_that_lets_nothing_through_stays_words(dated: Served) -> None:
    """Where no picture was taken in May 2011, that is searched for as words, and a note says so."""
    answer = search(dated, query="red, May 2011", explain=True)
    assert (answer["total"], answer["understood"]) == (8, [])
    assert answer["notes"] == ["nothing here has taken = 2011-05: “May 2011” is searched for as words"]
    assert answer["explain"]["understood"]["terms"] == [{"text": "red, May 2011", "weight": 1.0}]


def test_quoted_words_must_occur(dated: Served) -> None:
    """Only what says them is found, however like the rest it looks; also where they are all there is."""
    assert found(dated, search(dated, query='red "re 16"')) == {"blue"}
    assert found(dated, search(dated, query='"re 16"', literally=True)) == {"blue"}
    assert found(dated, search(dated, terms=[{"text": "van", "quoted": True}])) == {"blue"}
    assert search(dated, query='"no such words"')["hits"] == []


def test_python_and_the_client_ask_the_same(dated: Served) -> None:
    """`Library.search`, and the body that the client sends, are understood alike."""
    for query in ("yellow, May 2018", 'red "re 16"', "Anna"):
        here = dated.library.search(query)
        there = search(dated, **requests.search_body(SearchRequest(parse_query(query), limit=8)))
        assert [hit.item.id for hit in here.hits] == [hit["id"] for hit in there["hits"]]
        assert [read.filter for read in here.understood] == [read["filter"] for read in there["understood"]]


def test_the_box_suggests_what_there_is(dated: Served) -> None:
    """People, tags, places, cameras and folders, by the beginnings of their words, with counts."""
    dated.client.patch(f"/v1/items/{dated.ids['red']}", json={"tags": ["lighthouse"]})

    def suggested(typed: str) -> list[tuple[str, str, str, int]]:
        told = dated.client.get("/v1/suggest", params={"q": typed}).json()["suggestions"]
        return [(one["kind"], one["field"], one["value"], one["count"]) for one in told]

    assert suggested("li") == [("tag", "tag", "lighthouse", 1), ("place", "city", "Lisbon", 1)]
    assert suggested("boats ann") == [("person", "person", "Anna", 1)]
    assert suggested("x100") == [("camera", "camera", "X100V", 1)]
    assert suggested(dated.pictures.name[:3])[0][0] == "folder"
    assert suggested("nothing") == suggested("?") == []


def test_old_suggestions_answer_while_new_ones_are_made(
    dated: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key waits for the names of a library to be read again."""

    def suggested() -> list[str]:
        told = dated.client.get("/v1/suggest", params={"q": "windm"}).json()["suggestions"]
        return [one["value"] for one in told]

    assert suggested() == []
    dated.client.patch(f"/v1/items/{dated.ids['red']}", json={"tags": ["windmill"]})
    monkeypatch.setattr("vasari.api.service.runtime.summaries._SUGGESTED_FOR", 0.0)
    assert suggested() == []
    until(lambda: suggested() == ["windmill"])
