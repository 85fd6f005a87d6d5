"""Keys that see a part: what lies outside of it makes no difference to what they are told, whatever they ask."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, NamedTuple

import pytest

from tests.patience import until
from tests.service.colours import SPACE, picture
from tests.service.conftest import Serve, Served
from vasari.api.service.security.auth import create_key
from vasari.retrieval.catalog.records import KeyLimits
from vasari.retrieval.errors import QueryError, UsageError

INSIDE = ("red", "green", "blue")
OUTSIDE = ("yellow", "black", "white", "orange", "violet")
WHOLE = {  # about the library as a whole: refused
    "add_item", "cancel_job", "get_job", "job_events", "list_jobs", "metrics", "start_job", "status",
    "change_album_items", "compare", "create_album", "delete_album", "get_album", "list_albums", "patch_album",
    "list_album_shares", "share_album", "end_album_share",
}  # fmt: skip
OPEN = {"livez", "readyz", "close_session"}  # asked without any key, told alike to everybody


class Probe(NamedTuple):
    """A request; `{in}` and `{out}` in an address are items inside and outside."""

    method: str
    path: str
    json: Any = None


def probes(inside: int, outside: int, others: list[int]) -> dict[str, list[Probe]]:
    """What is asked of each operation."""
    red = b64encode(picture("red")).decode()
    filters = ["tag:secret", "tag:family", 'codename = "x"', "codenam = 1", "not tag:family", "id > 0"]
    filters += ["codename exists", "album:outing", "album:words", "album:nothing", "favourite"]
    items = [inside, outside, 10**6]
    of_item = [f"/v1/items/{item}" for item in items]
    bodies: list[dict[str, Any]] = [
        {"query": "yellow", "limit": 50, "explain": True},
        {"query": "secret", "hybrid": True, "limit": 50},
        {"query": "red", "collapse": True, "limit": 50},
        *(
            {"query": "red", "group_by": name, "limit": 50}
            for name in ("colour", "codename", "attr.codename", "codenam", "stack")
        ),
        {"query": "red", "group_by": "stack", "group_score": "mean", "limit": 50},
        {"query": "red", "diversify": 0.5, "limit": 50},
        {"query": "yellow", "min_relevance": 0.1, "limit": 50, "modality": "text"},
        {"query": "yellow", "rerank": {"top": 20}, "limit": 50},
        {"query": f"item:{outside} + item:{inside}"},
        *({"query": "red", "more": [inside], "less": [item]} for item in items),
        *({"query": f"item:{item}", "exclude_query_items": True} for item in items),
        *({"query": "purple", "min_relevance": least, "limit": 50} for least in (0, 0.3, 0.6, 0.9)),
        *({"terms": [{"item": item}]} for item in items),
        *({"query": "yellow", "filter": text} for text in filters),
        {"query": "yellow with Nobody", "limit": 50, "explain": True},
        {"query": 'yellow "secret"', "limit": 50},
    ]
    documents = [{"query": "red", "documents": [{"item": item}]} for item in items]
    return {
        "search": [Probe("POST", "/v1/search", body) for body in bodies],
        "search_batch": [Probe("POST", "/v1/search/batch", {"requests": [body]}) for body in bodies],
        "get_item": [Probe("GET", path) for path in of_item],
        "similar": [
            Probe("GET", f"{path}/similar?limit=50{more}")
            for path in of_item
            for more in ("", "&collapse=true", "&group_by=colour", "&group_by=codename")
        ],
        "get_stack": [Probe("GET", f"{path}/stack") for path in of_item],
        "stack": [
            Probe("POST", "/v1/stack", {"ids": [inside, outside]}),
            Probe("POST", "/v1/stack", {"ids": [*others, outside]}),
        ],
        "unstack": [Probe("POST", "/v1/unstack", {"ids": [others[0], outside]})],
        "thumbnail": [Probe("GET", f"{path}/thumbnail") for path in of_item],
        "original": [Probe("GET", f"{path}/original") for path in of_item],
        "why": [Probe("GET", f"{path}/why?q=red") for path in of_item],
        "patch_item": [Probe("PATCH", path, {"captions": ["seen"]}) for path in of_item],
        "annotate": [
            *(Probe("POST", "/v1/annotate", {"ids": [item], "attributes": {"rating": 3}}) for item in items),
            Probe("POST", "/v1/annotate", {"ids": [inside], "add_to_albums": [1]}),
            *(Probe("POST", "/v1/annotate", {"ids": [item], "add_captions": ["a"]}) for item in items),
        ],
        "judge": [
            *(Probe("POST", "/v1/judgments", {"query": "red", "items": [item]}) for item in items),
            *(Probe("POST", "/v1/judgments", {"query": "red", "items": [inside], "filter": f}) for f in filters),
        ],
        "list_judgments": [
            *(Probe("GET", f"/v1/judgments{more}") for more in ("", "?query=yellow", "?query=red")),
        ],
        "withdraw_judgments": [
            *(Probe("DELETE", f"/v1/judgments?query=yellow&item={item}") for item in items),
            Probe("DELETE", "/v1/judgments?query=yellow"),
        ],
        "delete_item": [Probe("DELETE", f"/v1/items/{item}") for item in (outside, 10**6)],
        "facets": [
            Probe("GET", "/v1/facets"),
            Probe("GET", "/v1/facets?modality=text"),
            *(Probe("GET", f"/v1/facets?filter={text}") for text in filters),
        ],
        "fields": [Probe("GET", "/v1/fields")],
        "suggest": [Probe("GET", f"/v1/suggest?q={typed}") for typed in ("s", "f", "h", "secret", "hidden l")],
        "understand": [
            Probe("POST", "/v1/understand", {"query": text}) for text in ("shot on Hidden", "secret 2018", "Nobody")
        ],
        "list_items": [
            Probe("GET", "/v1/items?limit=200"),
            Probe("GET", "/v1/items?limit=2&offset=2"),
            *(Probe("GET", f"/v1/items?filter={text}") for text in filters),
        ],
        "download": [Probe("GET", f"/v1/download?ids={item},7000000") for item in items],
        "export": [Probe("GET", f"/v1/export?ids={item},7000000") for item in items],
        "remove_items": [Probe("POST", "/v1/remove", {"ids": [outside, 10**6]})],
        "timeline": [
            Probe("GET", "/v1/timeline"),
            Probe("GET", "/v1/items?order=taken&limit=200"),
            *(Probe("GET", f"/v1/timeline?filter={text}") for text in filters),
        ],
        "list_duplicates": [
            Probe("GET", "/v1/duplicates?limit=200"),
            *(Probe("GET", f"/v1/duplicates?filter={text}") for text in filters),
        ],
        "places": [
            *(Probe("GET", f"/v1/places?zoom={zoom}") for zoom in (0, 20)),
            Probe("GET", "/v1/places?south=40&west=-10&north=60&east=30"),
            *(Probe("GET", f"/v1/places?filter={text}") for text in filters),
        ],
        "abilities": [Probe("GET", "/v1/abilities")],
        "recommend_model": [Probe("GET", "/v1/models/recommend")],
        "map": [Probe("GET", "/v1/map")],
        "duplicates": [
            Probe("POST", "/v1/duplicates", {"image": b64encode(picture(colour)).decode()})
            for colour in ("red", "yellow", (221, 20, 21))
        ],
        "match": [Probe("POST", "/v1/match", {"item": item, "text": "red"}) for item in items],
        "classify": [Probe("POST", "/v1/classify", {"item": item, "labels": ["red", "a"]}) for item in items],
        "caption": [Probe("POST", "/v1/caption", {"item": item}) for item in items],
        "ask": [Probe("POST", "/v1/ask", {"item": item, "question": "which?"}) for item in items],
        "locate": [Probe("POST", "/v1/locate", {"item": item, "phrase": "a thing"}) for item in items],
        "detect": [Probe("POST", "/v1/detect", {"item": item}) for item in items],
        "rerank": [Probe("POST", "/v1/rerank", body) for body in documents],
        "rerank_v2": [Probe("POST", "/v2/rerank", body) for body in documents],
        "knn_service": [
            Probe("POST", "/knn-service", {"text": "yellow", "num_images": 50}),
            Probe("POST", "/knn-service", {"image": red, "num_images": 1, "num_result_ids": 50}),
            Probe("POST", "/knn-service", {"embedding_input": [1.0] * SPACE.dim, "deduplicate": True}),
        ],
        "marqo_search": [
            Probe("POST", "/indexes/default/search", {"q": "yellow", "limit": 50}),
            Probe("POST", "/indexes/default/search", {"q": {"red": 1, "blue": -1}, "searchMethod": "HYBRID"}),
            *(Probe("POST", "/indexes/default/search", {"q": "red", "filter": text}) for text in filters),
        ],
        "metadata": [Probe("POST", "/metadata", {"ids": items})],
        "indices_list": [Probe("GET", "/indices-list")],
        "embeddings": [Probe("POST", "/v1/embeddings", {"input": "red"})],
        "list_models": [Probe("GET", "/v1/models")],
        "get_model": [Probe("GET", "/v1/models/default"), Probe("GET", "/v1/models/secret")],
        "get_session": [Probe("GET", "/v1/session")],
        "open_session": [Probe("POST", "/v1/session")],
    }  # fmt: skip


@pytest.fixture
def narrow(serve: Serve) -> tuple[Served, dict[str, str]]:
    """A service over eight colours, and the header of a key that sees three of them."""
    served = serve()
    catalog = served.library.catalog
    # One more outside, nearly the same as one inside.
    twin = served.client.post(
        "/v1/items", json={"image": b64encode(picture((221, 20, 21), 65)).decode()}
    ).json()["id"]
    served.ids = {**served.ids, "twin": twin}
    for colour in INSIDE:
        catalog.annotations.set_tags(served.ids[colour], ["family"])
    for colour in (*OUTSIDE, "twin"):
        item = served.ids[colour]
        catalog.annotations.set_tags(item, ["secret"])
        catalog.annotations.set_attributes(
            item,
            {
                "codename": "x",
                "camera": "Hidden Lens",
                "person": "Nobody",
                "colour": "any",
                "latitude": 48.1,
                "longitude": 11.5,
                "city": "Hidden",
            },
        )
    for colour, value in zip(INSIDE, ("any", "any", "other"), strict=True):
        catalog.annotations.set_attributes(served.ids[colour], {"colour": value})
    catalog.annotations.set_attributes(served.ids["red"], {"latitude": 48.2, "longitude": 11.6})
    catalog.albums.add(catalog.albums.create("Outing").id, [served.ids["yellow"], served.ids["red"]])
    catalog.albums.create("Words", query="yellow")
    catalog.stacks.make([served.ids["red"], twin])
    for who in ("family", "somebody else"):  # a key of the same name judged what this one does not see
        catalog.judgments.judge("yellow", {served.ids["yellow"]: 1, served.ids["twin"]: 0}, who)
        catalog.judgments.judge("secret red", {served.ids["red"]: 1}, "somebody else", "tag:secret")
    _finish(served, served.client.post("/v1/jobs", json={"kind": "map"}).json()["id"])
    _, key = create_key(catalog, "family", ["search", "write"], KeyLimits(filter="tag:family"))
    served.service.doorkeeper.forget()  # it was asked before there was a key
    return served, {"Authorization": f"Bearer {key}"}


def _finish(served: Served, job: int) -> None:
    until(lambda: served.library.catalog.jobs.get(job).state != "running")  # type: ignore[union-attr]


def _operations(served: Served) -> dict[str, tuple[str, str]]:
    paths = served.client.get("/openapi.json").json()["paths"]
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def _answers(
    served: Served, header: dict[str, str], asked: dict[str, list[Probe]]
) -> dict[tuple[str, str, str], tuple[int, str]]:
    """Status and body by operation, address and what was sent."""
    return {
        (name, probe.path, str(probe.json)): _told(served, header, probe)
        for name, all_of_it in asked.items()
        for probe in all_of_it
    }


def _told(served: Served, header: dict[str, str], probe: Probe) -> tuple[int, str]:
    answer = served.client.request(probe.method, probe.path, json=probe.json, headers=header)
    if answer.headers.get("content-type", "").endswith("json"):
        body = json.dumps(_without_times(answer.json()), sort_keys=True)
    else:
        body = answer.content.hex()
    return answer.status_code, body


def _without_times(body: Any) -> Any:
    if isinstance(body, dict):
        hidden = {"took_ms", "processingTimeMs", "stages_ms", "instance", "updated_at", "at"}
        kept = {name: _without_times(value) for name, value in body.items() if name not in hidden}
        return {name: value for name, value in kept.items() if not (name == "id" and isinstance(value, str))}
    if isinstance(body, list):
        return [_without_times(entry) for entry in body]
    return body


def test_what_lies_outside_makes_no_difference(narrow: tuple[Served, dict[str, str]]) -> None:
    """Every operation answers a narrow key the same, byte for byte, whether there are items outside or not."""
    served, header = narrow
    outside = [served.ids[name] for name in (*OUTSIDE, "twin")]
    asked = probes(served.ids["red"], served.ids["twin"], [served.ids["green"], served.ids["blue"]])
    assert set(asked) | WHOLE | OPEN == set(_operations(served)), (
        "an operation without a decision for narrow keys"
    )

    _answers(served, header, asked)  # which changes an item inside
    before = _answers(served, header, asked)
    assert all(status < 500 for status, _ in before.values())
    assert {name for (name, *_), (status, _) in before.items() if status < 300} == set(asked) - {
        "delete_item"
    }
    served.library.remove(*outside)
    after = _answers(served, header, asked)
    for probe, told in before.items():
        assert told == after[probe], probe
        assert "Hidden Lens" not in told[1]
        assert "codename" not in told[1] or "codename" in str(probe)


def test_what_is_about_the_whole_is_refused(narrow: tuple[Served, dict[str, str]]) -> None:
    """Operations that tell of the library as a whole answer 403, whatever is asked."""
    served, header = narrow
    operations = _operations(served)
    for name in WHOLE:
        method, path = operations[name]
        refused = served.client.request(
            method, path.replace("{id}", "1").replace("{share}", "1"), json={}, headers=header
        )
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:vasari:problem:narrow"), name


def test_an_upload_into_a_part_is_refused_with_the_reason(narrow: tuple[Served, dict[str, str]]) -> None:
    """By the same words whether the picture is there or not; nothing is added, tagged or counted."""
    served, header = narrow
    before = served.client.get("/v1/items", headers=header).json()
    refusals = [
        served.client.post("/v1/items", json={"image": b64encode(sent).decode()}, headers=header).json()
        for sent in (picture("yellow"), picture((1, 2, 3)))
    ]
    assert refusals[0]["detail"] == refusals[1]["detail"]
    assert "let a key without a filter send it" in refusals[0]["detail"]
    assert served.client.get("/v1/items", headers=header).json() == before


def test_an_export_of_a_part_has_nothing_of_the_whole(narrow: tuple[Served, dict[str, str]]) -> None:
    """Neither albums nor stacks nor what others judged: `vasari export` has them, and a key that sees all."""
    served, header = narrow
    address = f"/v1/export?ids={served.ids['red']}"
    _, key = create_key(served.library.catalog, "all", ["search"])
    served.service.doorkeeper.forget()
    _, of_part = map(json.loads, served.client.get(address, headers=header).text.splitlines())
    _, of_all = map(
        json.loads,
        served.client.get(address, headers={"Authorization": f"Bearer {key}"}).text.splitlines(),
    )
    assert (of_part["albums"], of_part["stack"], of_part["judgments"]) == ([], None, [])
    assert of_all["albums"] == ["Outing"]
    assert of_all["stack"] is not None
    assert [said["query"] for said in of_all["judgments"]] == ["secret red"]


def test_a_part_is_searched_in_full(narrow: tuple[Served, dict[str, str]]) -> None:
    """All that lies inside is found, however near what lies outside is, and counted."""
    served, header = narrow
    for query in ("yellow", "red"):
        found = served.client.post("/v1/search", json={"query": query, "limit": 50}, headers=header).json()
        assert {hit["id"] for hit in found["hits"]} == {served.ids[colour] for colour in INSIDE}
        assert found["total"] == len(INSIDE)
    assert served.client.get("/v1/facets", headers=header).json()["tags"] == [{"value": "family", "count": 3}]


def test_a_part_follows_what_people_write(narrow: tuple[Served, dict[str, str]]) -> None:
    """An item that is tagged is seen with the next request, and one that no longer is, is not."""
    served, header = narrow
    item = f"/v1/items/{served.ids['yellow']}"
    assert served.client.get(item, headers=header).status_code == 404
    served.library.catalog.annotations.set_tags(served.ids["yellow"], ["family"])
    assert served.client.get(item, headers=header).status_code == 200
    served.library.catalog.annotations.set_tags(served.ids["yellow"], [])
    assert served.client.get(item, headers=header).status_code == 404


def test_a_filter_whose_attribute_is_gone_shows_nothing(serve: Serve) -> None:
    """A key for an attribute that no item has any more sees nothing, instead of everything or an error."""
    served = serve()
    annotations = served.library.catalog.annotations
    annotations.set_attributes(served.ids["red"], {"client": "acme"})
    _, key = create_key(served.library.catalog, "acme", ["search"], KeyLimits(filter='client = "acme"'))
    header = {"Authorization": f"Bearer {key}"}
    assert served.client.get("/v1/items", headers=header).json()["total"] == 1
    annotations.set_attributes(served.ids["red"], {"client": None})
    assert served.client.get("/v1/items", headers=header).json()["total"] == 0


def test_a_filter_that_cannot_be_read_makes_no_key(serve: Serve) -> None:
    """A mistake in the filter is told when the key is made; an administrator sees all."""
    catalog = serve().library.catalog
    with pytest.raises(QueryError):
        create_key(catalog, "x", ["search"], KeyLimits(filter="tag:"))
    with pytest.raises(UsageError, match="admin"):
        create_key(catalog, "x", ["admin"], KeyLimits(filter="tag:a"))
    assert catalog.keys.all() == []
