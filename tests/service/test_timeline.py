"""The timeline over HTTP."""

from __future__ import annotations

from base64 import b64decode

from tests.service.conftest import Served


def test_months_and_pages_agree(served: Served) -> None:
    """Pages by `order=taken` are the months' items one after the other, under a filter too."""
    catalog = served.library.catalog
    red, blue, white = (served.ids[name] for name in ("red", "blue", "white"))
    catalog.annotations.set_attributes(red, {"taken": "2001-02-03T04:05:06"})
    catalog.annotations.set_attributes(blue, {"taken": "2001-02-03T04:06:00"})
    catalog.annotations.set_attributes(white, {"taken": "2041-01-01"})
    answer = served.client.get("/v1/timeline").json()
    assert answer["total"] == sum(month["count"] for month in answer["months"]) == len(served.ids)
    assert [month["month"] for month in answer["months"]][:: len(answer["months"]) - 1] == [
        "2041-01",
        "2001-02",
    ]
    assert [len(b64decode(month["shapes"])) for month in answer["months"]] == [
        month["count"] for month in answer["months"]
    ]
    everything = served.client.get("/v1/items?order=taken&limit=1000").json()
    ids = [item["id"] for item in everything["items"]]
    assert ids[0] == white
    assert ids[-2:] == [blue, red]
    assert everything["total"] == len(ids)
    page = served.client.get("/v1/items?order=taken&limit=2&offset=1").json()
    assert [item["id"] for item in page["items"]] == ids[1:3]
    old = {"filter": "taken < 2010"}
    assert served.client.get("/v1/timeline", params=old).json()["months"] == [answer["months"][-1]]
    page = served.client.get("/v1/items", params={**old, "order": "taken"}).json()
    assert [item["id"] for item in page["items"]] == [blue, red]
    assert served.client.get("/v1/items?order=size").status_code == 422
