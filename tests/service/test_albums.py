"""Albums and changes of many items over HTTP."""

from __future__ import annotations

from typing import Any

from tests.service.conftest import Serve, Served
from vasari.api.service.security.auth import create_key


def listed(served: Served, filter_: str) -> set[int]:
    answer = served.client.get("/v1/items", params={"filter": filter_}).json()
    return {item["id"] for item in answer["items"]}


def test_an_album_from_its_making_to_its_end(served: Served) -> None:
    """It is made, filled, shown, renamed and forgotten, and its pictures stay."""
    red, blue = served.ids["red"], served.ids["blue"]
    response = served.client.post("/v1/albums", json={"name": "Flags"})
    album = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/albums/{album['id']}"
    assert (album["count"], album["query"], album["filter"]) == (0, None, None)
    assert served.client.post("/v1/albums", json={"name": "flags"}).status_code == 400
    address = f"/v1/albums/{album['id']}"
    changed = served.client.post(f"{address}/items", json={"add": [red, blue, 999]}).json()
    assert (changed["changed"], changed["not_found"]) == (2, [999])
    assert listed(served, 'album = "Flags"') == {red, blue}
    (named,) = served.client.get("/v1/albums", params={"item": red}).json()["albums"]
    assert (named["name"], named["count"], named["cover"]) == ("Flags", 2, max(red, blue))
    assert served.client.get("/v1/albums", params={"item": served.ids["white"]}).json() == {"albums": []}
    for undo in changed["undo"]:
        assert served.client.post("/v1/annotate", json=undo).json()["changed"] == 2
    assert served.client.get(address).json()["count"] == 0
    assert served.client.patch(address, json={"name": "Banners"}).json()["name"] == "Banners"
    assert served.client.delete(address).status_code == 204
    assert served.client.get(address).status_code == 404
    assert served.client.post(f"{address}/items", json={"add": [red]}).status_code == 404


def test_a_saved_search_is_counted_as_it_is_now(served: Served) -> None:
    """What its filter accepts changes with the pictures; a filter that cannot be read is refused at once."""
    body = {"name": "Best", "filter": "rating >= 4"}
    best = served.client.post("/v1/albums", json=body).json()
    assert best["count"] == 0
    served.client.post("/v1/annotate", json={"ids": [served.ids["red"]], "attributes": {"rating": 5}})
    assert served.client.get(f"/v1/albums/{best['id']}").json()["count"] == 1
    assert listed(served, "album:best") == {served.ids["red"]}
    response = served.client.post("/v1/albums", json={"name": "x", "filter": "rating >="})
    assert (response.status_code, response.json()["column"]) == (400, 9)
    words = served.client.post("/v1/albums", json={"name": "Reds", "query": "something red"}).json()
    assert words["count"] is None
    response = served.client.post(f"/v1/albums/{best['id']}/items", json={"add": [1]})
    assert response.status_code == 400
    assert "saved search" in response.json()["detail"]


def test_a_change_of_many_is_undone_by_its_answer(served: Served) -> None:
    """Sent back, the bodies of `undo` leave items as they were."""
    ids = list(served.ids.values())

    def said() -> list[Any]:
        items = [served.client.get(f"/v1/items/{item}").json() for item in ids]
        return [(item["tags"], item["attributes"]) for item in items]

    served.client.patch(f"/v1/items/{ids[0]}", json={"tags": ["old"], "attributes": {"rating": 2}})
    before = said()
    body = {
        "ids": ids,
        "add_tags": ["new"],
        "remove_tags": ["old"],
        "attributes": {"favourite": True, "rating": 5},
    }
    answer = served.client.post("/v1/annotate", json=body).json()
    assert answer["changed"] == len(ids)
    assert listed(served, "favourite and tag:new and rating = 5") == set(ids)
    for undo in answer["undo"]:
        assert served.client.post("/v1/annotate", json=undo).status_code == 200
    assert said() == before


def test_those_who_may_only_search_change_nothing(serve: Serve) -> None:
    """Making, filling and changing need the scope `write`; looking does not."""
    served = serve()
    _, key = create_key(served.library.catalog, "reader", ["search"])
    headers = {"Authorization": f"Bearer {key}"}
    for method, path, body in (
        ("POST", "/v1/annotate", {"ids": [1], "add_tags": ["x"]}),
        ("POST", "/v1/albums", {"name": "x"}),
        ("PATCH", "/v1/albums/1", {"name": "x"}),
        ("DELETE", "/v1/albums/1", None),
        ("POST", "/v1/albums/1/items", {"add": [1]}),
    ):
        assert served.client.request(method, path, json=body, headers=headers).status_code == 403, path
    assert served.client.get("/v1/albums", headers=headers).json() == {"albums": []}
