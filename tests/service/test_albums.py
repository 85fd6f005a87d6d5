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


def opened_by(served: Served, key: str) -> set[int]:
    """What a link's visitor sees; empty for one whose key opens nothing."""
    answer = served.client.get("/v1/items", headers={"Authorization": f"Bearer {key}"})
    return {item["id"] for item in answer.json().get("items", [])}


def test_an_album_is_shared_by_links_that_end(serve: Serve) -> None:
    """A link opens at once, follows what is put into the album and its name, and ends by hand or with the album."""
    served = serve()
    red, blue = served.ids["red"], served.ids["blue"]
    until = "2101-01-31T00:00:00Z"
    album = served.client.post("/v1/albums", json={"name": 'My "best"'}).json()["id"]
    shares = f"/v1/albums/{album}/shares"
    refused = served.client.post(shares, json={"expires_at": until})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:vasari:problem:own-key-first")
    assert refused.json()["command"] == "vasari keys create me --scope admin"
    assert served.library.catalog.keys.all() == []

    _, key = create_key(served.library.catalog, "me", ["admin"])
    served.service.doorkeeper.forget()
    served.client.headers["Authorization"] = f"Bearer {key}"
    served.client.post(f"/v1/albums/{album}/items", json={"add": [red]})
    assert served.client.post(shares, json={"expires_at": "2001-01-31T00:00:00Z"}).status_code == 400
    links = [served.client.post(shares, json={"expires_at": until}).json() for _ in range(2)]
    assert opened_by(served, links[0]["key"]) == {red}
    served.client.patch(f"/v1/albums/{album}", json={"name": "Flags"})
    served.client.post(f"/v1/albums/{album}/items", json={"add": [blue]})
    assert opened_by(served, links[0]["key"]) == {red, blue}
    listed = served.client.get(shares).json()["shares"]
    assert [one["id"] for one in listed] == [link["id"] for link in links]
    assert {one["expires_at"] for one in listed} == {until}
    assert all("key" not in one for one in listed)

    other = served.client.post("/v1/albums", json={"name": "Other"}).json()["id"]
    assert served.client.delete(f"/v1/albums/{other}/shares/{links[0]['id']}").status_code == 404
    assert served.client.delete(f"{shares}/{links[0]['id']}").status_code == 204
    assert opened_by(served, links[0]["key"]) == set()
    assert opened_by(served, links[1]["key"]) == {red, blue}
    served.client.delete(f"/v1/albums/{album}")
    again = served.client.post("/v1/albums", json={"name": "Flags"}).json()["id"]
    served.client.post(f"/v1/albums/{again}/items", json={"add": [red]})
    assert opened_by(served, links[1]["key"]) == set()


def test_a_search_for_words_is_shared_as_what_it_finds_now(serve: Serve) -> None:
    """Frozen, it is an album by hand of its good matches, which a link may show; the search itself is refused."""
    served = serve()
    _, key = create_key(served.library.catalog, "me", ["admin"])
    served.client.headers["Authorization"] = f"Bearer {key}"
    until = {"expires_at": "2101-01-31T00:00:00Z"}
    reds = {"name": "Reds", "query": "red"}
    live = served.client.post("/v1/albums", json=reds).json()
    refused = served.client.post(f"/v1/albums/{live['id']}/shares", json=until)
    assert (refused.status_code, "search for words" in refused.json()["detail"]) == (400, True)
    good = served.client.post("/v1/search", json={"query": "red", "min_relevance": 0.8, "limit": 1000}).json()
    found = {hit["id"] for hit in good["hits"]}
    assert served.ids["red"] in found
    assert served.ids["blue"] not in found
    frozen = served.client.post("/v1/albums", json=reds | {"name": "Reds of today", "frozen": True}).json()
    assert (frozen["query"], frozen["filter"], frozen["count"]) == (None, None, len(found))
    link = served.client.post(f"/v1/albums/{frozen['id']}/shares", json=until).json()
    assert opened_by(served, link["key"]) == found
    some = {"name": "Two", "filter": f"id in ({served.ids['red']}, {served.ids['blue']})", "frozen": True}
    assert served.client.post("/v1/albums", json=some).json()["count"] == 2
    for nothing in ({"query": "red", "filter": "rating > 4"}, {"filter": "rating > 4"}, {}):
        answer = served.client.post("/v1/albums", json={"name": "None", "frozen": True, **nothing})
        assert answer.status_code == 400, nothing
    assert "None" not in [one["name"] for one in served.client.get("/v1/albums").json()["albums"]]


def test_links_are_made_by_those_who_may_make_keys(serve: Serve) -> None:
    """Writing is not enough to let others in, or to shut them out."""
    served = serve()
    album = served.library.catalog.albums.create("Flags").id
    _, key = create_key(served.library.catalog, "writer", ["search", "write"])
    headers = {"Authorization": f"Bearer {key}"}
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/1")):
        answer = served.client.request(method, f"/v1/albums/{album}/shares{path}", json={}, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:vasari:problem:scope")
