"""Judgments over HTTP: thumbs on hits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.conftest import Live, Serve, Served
from vasari.api.client.client import Client
from vasari.api.service.security.auth import create_key
from vasari.retrieval.catalog.records import KeyLimits
from vasari.retrieval.errors import NotFoundError


def judge(served: Served, **body: Any) -> Any:
    return served.client.post("/v1/judgments", json=body)


def listed(served: Served, **params: Any) -> list[tuple[int, int, str]]:
    answer = served.client.get("/v1/judgments", params=params).json()
    return [(one["item"], one["grade"], one["who"]) for one in answer["judgments"]]


def test_thumbs_are_given_changed_and_taken_back(served: Served) -> None:
    """By the query as it was searched for, with its filter."""
    red, blue = served.ids["red"], served.ids["blue"]
    assert judge(served, query="something red", items=[red, blue, red]).json() == {"judged": 2}
    assert judge(served, query="something red", items=[blue], grade=0).json() == {"judged": 1}
    assert judge(served, query="something red", items=[red], grade=3, filter="width > 1").json() == {
        "judged": 1
    }
    assert sorted(listed(served, query="something red")) == sorted([(red, 1, "local"), (blue, 0, "local")])
    (narrowed,) = served.client.get(
        "/v1/judgments", params={"query": "something red", "filter": "width > 1"}
    ).json()["judgments"]
    assert (narrowed["grade"], narrowed["filter"], narrowed["modality"]) == (3, "width > 1", "image")
    answer = served.client.get("/v1/judgments", params={"limit": 1, "offset": 2}).json()
    assert (len(answer["judgments"]), answer["total"]) == (1, 3)
    gone = served.client.delete("/v1/judgments", params={"query": "something red", "item": blue})
    assert gone.json() == {"withdrawn": 1}
    assert listed(served, query="something red") == [(red, 1, "local")]
    assert served.client.delete("/v1/judgments", params={"query": "something red"}).json() == {"withdrawn": 1}
    assert served.client.delete("/v1/judgments", params={"query": "something red"}).json() == {"withdrawn": 0}
    assert len(listed(served)) == 1


@pytest.mark.parametrize("odd", ["itme=1", "item=1&item=2", "query=blue", "Item=1"])
def test_a_misspelt_parameter_takes_nothing_back(served: Served, odd: str) -> None:
    """The judgments of all items were taken back, where one was named in a way that the service does not know."""
    red, blue = served.ids["red"], served.ids["blue"]
    served.client.post("/v1/judgments", json={"query": "red", "items": [red, blue]})
    refused = served.client.delete(f"/v1/judgments?query=red&{odd}")
    assert refused.status_code == 422
    assert repr(odd.partition("=")[0]) in refused.json()["detail"]
    assert len(listed(served)) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": "red", "items": [10**9]}, 404),
        ({"query": " ", "items": [1]}, 422),
        ({"query": "red", "items": []}, 422),
        ({"query": "red", "items": [1], "grade": 11}, 422),
        ({"query": "red", "items": [1], "grade": -1}, 422),
        ({"query": "red +", "items": [1], "grade": 1, "filter": "rating >="}, 400),
        ({"query": "- -", "items": [1]}, 400),
    ],
)
def test_what_is_no_judgment_is_refused(served: Served, body: dict[str, Any], status: int) -> None:
    """And nothing of it is kept."""
    ids = [served.ids["red"] if item == 1 else item for item in body["items"]]
    assert judge(served, **{**body, "items": ids}).status_code == status
    assert listed(served) == []


def test_who_judges_is_the_key(serve: Serve) -> None:
    """By its name; a key takes back what it said, not what others did, and one that only searches gives no thumbs."""
    served = serve()
    catalog, red = served.library.catalog, served.ids["red"]
    headers = {}
    for name, scopes in (("ada", ["search", "write"]), ("bob", ["search", "write"]), ("cyd", ["search"])):
        headers[name] = {"Authorization": f"Bearer {create_key(catalog, name, scopes)[1]}"}
    served.service.doorkeeper.forget()
    body = {"query": "red", "items": [red]}
    assert served.client.post("/v1/judgments", json=body, headers=headers["ada"]).status_code == 200
    assert served.client.post("/v1/judgments", json=body, headers=headers["bob"]).status_code == 200
    assert served.client.post("/v1/judgments", json=body, headers=headers["cyd"]).status_code == 403
    gone = served.client.delete("/v1/judgments", params={"query": "red"}, headers=headers["ada"])
    assert gone.json() == {"withdrawn": 1}
    told = served.client.get("/v1/judgments", headers=headers["cyd"]).json()["judgments"]
    assert [one["who"] for one in told] == ["bob"]


def test_a_key_that_sees_a_part_judges_that_part_and_is_told_its_own_words(serve: Serve) -> None:
    """What others searched for, or what lies outside, it is not told, and outside it changes nothing."""
    served = serve()
    catalog, red, blue = served.library.catalog, served.ids["red"], served.ids["blue"]
    catalog.annotations.set_tags(red, ["family"])
    catalog.judgments.judge("secret", {red: 1, blue: 1}, "ada")
    catalog.judgments.judge("red", {blue: 1}, "kin")
    _, key = create_key(catalog, "kin", ["search", "write"], KeyLimits(filter="tag:family"))
    served.service.doorkeeper.forget()
    header = {"Authorization": f"Bearer {key}"}
    outside = served.client.post("/v1/judgments", json={"query": "red", "items": [red, blue]}, headers=header)
    assert outside.status_code == 404
    inside = served.client.post("/v1/judgments", json={"query": "red", "items": [red]}, headers=header)
    assert inside.json() == {"judged": 1}
    told = served.client.get("/v1/judgments", headers=header).json()
    assert ([one["item"] for one in told["judgments"]], told["total"]) == ([red], 1)
    gone = served.client.delete("/v1/judgments", params={"query": "red"}, headers=header)
    assert gone.json() == {"withdrawn": 1}
    assert {(one.item, one.who) for one in catalog.judgments.all()} == {
        (red, "ada"),
        (blue, "ada"),
        (blue, "kin"),
    }


def test_the_client_judges(live: Live) -> None:
    """It gives thumbs, reads them and takes them back."""
    red = live.ids["red"]
    with Client(live.url) as client:
        assert client.judge("red", [red], 2, filter="width > 1") == 1
        (said,) = client.judgments("red", filter="width > 1")
        assert (said.item, said.grade, said.who) == (red, 2, "local")
        assert said in client.judgments()
        with pytest.raises(NotFoundError):
            client.judge("red", [10**9])
        assert client.withdraw("red") == 0
        assert client.withdraw("red", red, filter="width > 1") == 1


def test_hits_are_more_like_these_and_less_like_those(served: Served) -> None:
    """By ids beside the query, or without one; an item that is not there is not found."""
    red, blue, green = (served.ids[name] for name in ("red", "blue", "green"))

    def found(**body: Any) -> list[int]:
        return [
            hit["id"] for hit in served.client.post("/v1/search", json={**body, "limit": 50}).json()["hits"]
        ]

    plain = found(query="green")
    more = found(query="green", more=[blue])
    assert more.index(blue) < plain.index(blue)
    assert found(more=[red])[0] == red
    assert found(query="green", less=[green]).index(green) >= plain.index(green)
    assert served.client.post("/v1/search", json={"query": "green", "more": [10**9]}).status_code == 404
    assert served.client.post("/v1/search", json={"query": "", "more": [red]}).status_code == 400


def test_two_settings_are_compared_over_what_was_judged(served: Served) -> None:
    """As the command does: figures with interval and p, and what each setting finds for a query that changed."""
    nothing = served.client.post("/v1/compare", json={"a": "default", "b": "default"})
    assert (nothing.status_code, "no query was judged" in nothing.json()["detail"]) == (400, True)
    for colour in ("red", "blue", "green", "yellow", "white", "black"):
        judge(served, query=colour, items=[served.ids[colour]])
        judge(served, query=colour, items=[served.ids["orange"]], grade=0)
    judge(served, query="violet", items=[served.ids["red"]], grade=0)
    found = served.client.post("/v1/compare", json={"a": "default", "b": "literally"}).json()
    assert (found["queries"], found["without_right"], found["verdict"]) == (6, 1, "no difference shown")
    assert found["figures"]["success@1"]["a"] == 1.0
    assert found["changed"] == []
    judge(served, query="item:1", items=[served.ids["orange"]])
    changed = served.client.post(
        "/v1/compare", json={"a": "default", "b": "diversify=0", "measure": "mAP"}
    ).json()
    assert changed["measure"] == "mAP"
    assert served.client.post("/v1/compare", json={"a": "default", "b": "colour"}).status_code == 400
    assert served.client.post("/v1/compare", json={"a": "default", "b": "space=x"}).status_code == 404
    assert served.client.post("/v1/compare", json={"a": "a", "b": "b", "measure": "F1"}).status_code == 422
