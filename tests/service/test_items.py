"""Items over HTTP: looking, adding, changing, deleting."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from tests.service.colours import ColourLibrary, picture
from tests.service.conftest import Served


def test_an_item_tells_all_that_is_known(served: Served) -> None:
    """An item has its facts, captions with their source, tags and attributes."""
    answer = served.client.get(f"/v1/items/{served.ids['red']}").json()
    assert answer["uri"] == str(served.pictures / "red.png")
    assert (answer["width"], answer["height"], answer["format"]) == (64, 64, "png")
    assert answer["captions"] == []


def test_no_such_item_is_a_problem(served: Served) -> None:
    """404 as problem+json."""
    response = served.client.get("/v1/items/999999")
    assert response.status_code == 404
    assert response.json()["detail"] == "no item 999999 in this library"


def test_thumbnails_are_small_webp_with_a_tag(served: Served) -> None:
    """A thumbnail is WebP, asked again only by tag, and kept for ever under the address of a hit."""
    address = served.client.get(f"/v1/items/{served.ids['blue']}").json()["thumbnail"]
    response = served.client.get(address)
    assert response.headers["content-type"] == "image/webp"
    assert "immutable" in response.headers["cache-control"]
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.size == (64, 64)
    again = served.client.get(address, headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    unversioned = served.client.get(f"/v1/items/{served.ids['blue']}/thumbnail")
    assert unversioned.headers["cache-control"] == "private, no-cache"


def test_a_thumbnail_that_is_cut_short_is_made_anew(served: Served) -> None:
    """What an interrupted copy left in the library is not served."""
    address = served.client.get(f"/v1/items/{served.ids['blue']}").json()["thumbnail"]
    whole = served.client.get(address).content
    for path in (served.root / "thumbnails").rglob("*.webp"):
        path.write_bytes(path.read_bytes()[:-9])
    assert served.client.get(address).content == whole


def test_removing_and_writing_wait_for_the_same_lease(served: Served) -> None:
    """While another process writes the library, deleting answers as adding does: a conflict that names the job."""
    with ColourLibrary.open(served.root) as other, other.catalog.lease.acquire("vasari index"):
        response = served.client.delete(f"/v1/items/{served.ids['blue']}")
    assert response.status_code == 409
    assert "vasari index" in response.json()["detail"]
    assert served.client.delete(f"/v1/items/{served.ids['blue']}").status_code == 204


def test_items_that_are_removed_at_the_same_time_are_all_removed(served: Served) -> None:
    """Requests of one service do not find each other in the way."""
    ids = list(served.ids.values())
    with ThreadPoolExecutor(len(ids)) as threads:
        answers = list(threads.map(lambda item: served.client.post("/v1/remove", json={"ids": [item]}), ids))
    assert [answer.json() for answer in answers] == [{"removed": 1, "not_found": []}] * len(ids)


def test_a_thumbnail_outlives_its_file(served: Served) -> None:
    """Thumbnails are kept in the library: the second one needs no file."""
    added = served.client.post("/v1/items", files={"image": ("a.png", picture("red"), "image/png")}).json()
    served.client.get(added["thumbnail"])
    kept = list((served.root / "thumbnails").rglob("*.webp"))
    assert [path.name for path in kept] == [f"{added['content_hash']}-320.webp"]


def test_uploads_become_items_that_searches_find(served: Served) -> None:
    """An uploaded picture is stored in the library's folder and found at once, with what was said of it."""
    body = {"captions": ["our flag", {"text": "unsere Fahne", "language": "de"}], "tags": ["holiday"]}
    response = served.client.post(
        "/v1/items",
        data={"request": json.dumps(body)},
        files={"image": ("../../evil.png", picture((0, 255, 255)), "image/png")},
    )
    assert response.status_code == 201, response.text
    item = response.json()
    assert item["uri"].startswith(str(served.root / "uploads"))
    assert item["tags"] == ["holiday"]
    assert [caption["language"] for caption in item["captions"]] == [None, "de"]
    encoded = base64.b64encode(picture((0, 250, 250))).decode()
    found = served.client.post("/v1/search", json={"terms": [{"image": encoded}], "limit": 1}).json()
    assert found["hits"][0]["id"] == item["id"]


def test_the_same_picture_is_one_item(served: Served) -> None:
    """A picture sent twice is answered with the item it already is."""
    body = {"image": base64.b64encode(picture((1, 2, 3))).decode(), "tags": ["one"]}
    first = served.client.post("/v1/items", json=body)
    second = served.client.post("/v1/items", json={**body, "tags": ["two"]})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["tags"] == ["one", "two"]


def test_a_deleted_item_is_gone_with_its_upload(served: Served) -> None:
    """Deleting removes the item from every answer, and an uploaded file from the disk; indexed files stay."""
    added = served.client.post("/v1/items", files={"image": picture((9, 9, 90))}).json()
    for number in (added["id"], served.ids["white"]):
        assert served.client.delete(f"/v1/items/{number}").status_code == 204
        assert served.client.get(f"/v1/items/{number}").status_code == 404
        assert served.client.get(f"/v1/items/{number}/thumbnail").status_code == 404
        assert served.client.delete(f"/v1/items/{number}").status_code == 404
    hits = served.client.post("/v1/search", json={"query": "white", "limit": 100}).json()["hits"]
    assert not {added["id"], served.ids["white"]} & {hit["id"] for hit in hits}
    assert list((served.root / "uploads").rglob("*.png")) == []
    assert (served.pictures / "white.png").is_file()


def test_patching_replaces_what_people_say(served: Served) -> None:
    """Tags and captions are replaced, attributes merged; null removes one."""
    address = f"/v1/items/{served.ids['green']}"
    served.client.patch(address, json={"tags": ["b", "a"], "attributes": {"album": "x", "stars": 5}})
    answer = served.client.patch(address, json={"captions": ["grass"], "attributes": {"album": None}}).json()
    assert answer["tags"] == ["a", "b"]
    assert [caption["text"] for caption in answer["captions"]] == ["grass"]
    assert answer["attributes"] == {"stars": 5}
    assert served.client.patch(address, json={"tags": [" "]}).status_code == 422


def test_originals_come_as_they_were_indexed(served: Served) -> None:
    """The original is the file itself."""
    response = served.client.get(f"/v1/items/{served.ids['red']}/original")
    assert response.content == (served.pictures / "red.png").read_bytes()
    assert response.headers["content-type"] == "image/png"
    assert "sandbox" in response.headers["content-security-policy"]


def test_models_answer_about_items_and_uploads(served: Served) -> None:
    """Match, classify, caption, ask and the heat map work on an item and on a picture that is sent."""
    item = {"item": served.ids["red"]}
    sent = {"image": base64.b64encode(picture("blue")).decode()}
    post = served.client.post
    right = post("/v1/match", json={**item, "text": "red"}).json()["score"]
    assert right > 2 * post("/v1/match", json={**item, "text": "blue"}).json()["score"]
    labels = post(
        "/v1/classify", json={**sent, "labels": ["red", "blue"], "templates": ["a {} thing"]}
    ).json()
    assert labels["labels"][0]["label"] == "blue"
    assert post("/v1/caption", json={**sent, "detail": "detailed"}).json() == {
        "caption": "something blue, all over"
    }
    assert post("/v1/ask", json={**item, "question": "Which colour?"}).json() == {"answer": "red"}
    everywhere = {"label": "red", "box": [0, 0, 64, 64]}
    assert post("/v1/locate", json={**item, "phrase": "a red thing"}).json() == {"regions": [everywhere]}
    assert post("/v1/locate", json={**item, "phrase": "a blue thing"}).json() == {"regions": []}
    assert post("/v1/detect", json=item).json() == {"regions": [everywhere]}
    refused = post("/v1/detect", json={**item, "describe": True})
    assert refused.status_code == 501
    assert "`vasari models pull florence-2-base`" in refused.json()["detail"]
    why = served.client.get(f"/v1/items/{served.ids['red']}/why", params={"q": "red"})
    assert why.headers["content-type"] == "image/png"
    assert why.content.startswith(b"\x89PNG")
    assert post("/v1/match", json={**item, **sent, "text": "red"}).status_code == 422


def test_facets_count_what_a_page_filters_by(served: Served) -> None:
    """Folders and tags come with counts, under a filter too, and follow changes."""
    served.client.patch(f"/v1/items/{served.ids['red']}", json={"tags": ["warm"], "captions": ["fire"]})
    served.client.patch(f"/v1/items/{served.ids['orange']}", json={"tags": ["warm", "fruit"]})
    answer = served.client.get("/v1/facets").json()
    assert answer["total"] == 8
    assert answer["folders"] == [{"value": str(served.pictures), "count": 8}]
    assert answer["tags"] == [{"value": "warm", "count": 2}, {"value": "fruit", "count": 1}]
    assert answer["captioned"] == 1
    narrowed = served.client.get("/v1/facets", params={"filter": "tag:fruit"}).json()
    assert (narrowed["total"], narrowed["captioned"]) == (1, 0)
    assert {entry["value"] for entry in narrowed["tags"]} == {"fruit", "warm"}
    served.client.delete(f"/v1/items/{served.ids['orange']}")
    assert served.client.get("/v1/facets").json()["tags"] == [{"value": "warm", "count": 1}]


def test_items_can_be_looked_through(served: Served) -> None:
    """Without a question items come by page, the latest first, narrowed by a filter."""
    first = served.client.get("/v1/items", params={"limit": 3}).json()
    second = served.client.get("/v1/items", params={"limit": 3, "offset": 3}).json()
    numbers = [item["id"] for item in first["items"] + second["items"]]
    assert numbers == sorted(served.ids.values(), reverse=True)[:6]
    assert first["total"] == 8
    served.client.patch(f"/v1/items/{served.ids['red']}", json={"tags": ["warm"]})
    warm = served.client.get("/v1/items", params={"filter": "tag:warm"}).json()
    assert [item["id"] for item in warm["items"]] == [served.ids["red"]]
    slip = served.client.get("/v1/items", params={"filter": "widht > 1"}).json()
    assert "did you mean width?" in slip["detail"]
    known = served.client.get("/v1/fields").json()
    assert "width" in {field["name"] for field in known["fields"]}
    wrong = served.client.get("/v1/items", params={"filter": "tag:"})
    assert (wrong.status_code, wrong.json()["type"]) == (400, "urn:vasari:problem:query")
