"""HTTP as RFC 9110 has it: methods, ranges, headers and numbers that are wrong."""

from __future__ import annotations

import json

from tests.patience import LONG
from tests.service.colours import picture
from tests.service.conftest import Live, Served

READS = (
    "/", "/docs", "/docs/docs.css", "/openapi.json", "/livez", "/readyz", "/v1/session", "/v1/status", "/v1/facets",
    "/v1/items", "/v1/models", "/v1/models/default", "/indices-list", "/nothing", "/v1/items/{red}",
    "/v1/items/{red}/thumbnail", "/v1/items/{red}/original", "/v1/items/{red}/similar", "/v1/items/999", "/v1/search",
)  # fmt: skip


def test_head_is_get_without_the_body(served: Served) -> None:
    """Status and headers are those of GET, on every address that can be looked at (RFC 9110, 9.3.2)."""
    for pattern in READS:
        path = pattern.format(**served.ids)
        got, head = served.client.get(path), served.client.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b""
        for name in ("content-type", "etag", "cache-control", "allow", "content-security-policy"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)


def test_head_of_an_event_stream_ends(live: Live) -> None:
    """A stream that would go on is not waited for, and the connection serves the next request."""
    import httpx

    with httpx.Client(base_url=live.url, timeout=LONG) as client:
        job = client.post("/v1/jobs", json={"kind": "map"}).json()["id"]
        head = client.head(f"/v1/jobs/{job}/events")
        assert (head.status_code, head.headers["content-type"][:17]) == (200, "text/event-stream")
        assert client.get("/livez").status_code == 200


METHODS = [
    ("GET", "/v1/search", "OPTIONS, POST"),
    ("PUT", "/v1/items/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ("DELETE", "/v1/items", "GET, HEAD, OPTIONS, POST"),
    ("POST", "/", "GET, HEAD, OPTIONS"),
    ("TRACE", "/livez", "GET, HEAD, OPTIONS"),
    ("BREW", "/docs", "GET, HEAD, OPTIONS"),
]  # fmt: skip


def test_a_wrong_method_is_told_the_right_ones(served: Served) -> None:
    """405 with Allow where the address has other methods, 404 where there is no such address."""
    for method, path, allow in METHODS:
        refused = served.client.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allow)
        assert refused.headers["content-type"] == "application/problem+json"
        asked = served.client.options(path)
        assert (asked.status_code, asked.headers["allow"]) == (204, allow)
        assert served.client.request(method, "/nothing").status_code == 404


HEADERS = [
    ("Origin", "http://[", 403),
    ("Origin", "http://[::1", 403),
    ("Host", "[", 421),
    ("Host", "127.0.0.1:99999999999999999999999", 421),
    ("X-Deadline-Ms", "1e400", 400),
    ("X-Deadline-Ms", "-5", 400),
    ("X-Deadline-Ms", "NaN", 400),
    ("X-Deadline-Ms", "1_000", 400),
    ("Content-Length", "9" * 5000, 400),
    ("Content-Length", "+3", 400),
    ("Content-Type", "multipart/form-data; boundary=", 400),
    ("Content-Type", "multipart/form-data", 400),
    ("Content-Type", "\xff", 415),
]  # fmt: skip


def test_headers_that_are_none_are_refused_in_words(served: Served) -> None:
    """A malformed header is the caller's mistake, with a line that says so; never a failure of the service."""
    for name, value, status in HEADERS:
        headers = {b"Content-Type": b"application/json", name.encode(): value.encode("latin-1")}
        refused = served.client.post("/v1/search", content=b'{"query": "red"}', headers=headers)
        assert refused.status_code == status
        assert refused.json()["detail"]


NUMBERS = [
    "1_3", "%205", "+5", "%2B5", "٣", "1e400", "NaN", "-1", "1.5", "true", "0x1", str(2**70), "9" * 5000,
]  # fmt: skip


def test_a_number_is_written_in_digits(served: Served) -> None:
    """What Python would also take for a number ("1_3" for 13) is refused, wherever a number is asked for."""
    for number in NUMBERS:
        for path in (
            "/v1/items/{}",
            "/v1/items/{}/thumbnail",
            "/v1/jobs/{}",
            "/v1/items?limit={}",
            "/v1/items?offset={}",
        ):
            refused = served.client.get(path.format(number))
            assert refused.status_code == 422, path
            assert "\n" not in refused.json()["detail"]
        assert served.client.get(f"/v1/items/1/thumbnail?side={number}").status_code in (400, 422)


FIELDS = [
    '"limit": -1', '"limit": 1e400', '"limit": NaN', '"limit": true', '"limit": "1_0"', '"offset": 1e30',
    '"offset": 1000000000000000000000000000000', '"terms": [{"item": "1_3"}]', '"terms": [{"item": 1e19}]',
    '"terms": [{"item": 1, "weight": 1e400}]', '"min_relevance": NaN', '"diversify": Infinity',
    '"rerank": {"deadline_ms": NaN}', '"rerank": {"deadline_ms": -1}', '"rerank": {"top": 1e9}',
]  # fmt: skip


def test_a_body_s_numbers_have_their_range(served: Served) -> None:
    """Negative, endless, huge and not-quite numbers in a search's body are refused with a plain line."""
    for field in FIELDS:
        refused = served.client.post("/v1/search", content=f'{{"query": "red", {field}}}')
        assert refused.status_code == 422
        assert "\n" not in refused.json()["detail"]


def test_a_form_s_fields_may_hold_json(served: Served) -> None:
    """Terms and options of a multipart search are JSON; lists are JSON or repeated; what is neither is said."""
    image = {"image": ("q.png", picture("red"), "image/png")}
    fields = {"terms": '[{"text": "red"}]', "rerank": '{"top": 4, "deadline_ms": null}', "limit": "1"}
    found = served.client.post("/v1/search", data=fields, files=image).json()
    assert ([hit["id"] for hit in found["hits"]], found["reranked"]) == ([served.ids["red"]], True)
    sent = {"image": ("q.png", picture((9, 99, 9)), "image/png")}
    notes = {
        "captions": '[{"text": "Meer", "language": "de"}]',
        "tags": ["a", "b"],
        "attributes": '{"stars": 3}',
    }
    added = served.client.post("/v1/items", data=notes, files=sent).json()
    assert (added["captions"][0]["language"], added["tags"], added["attributes"]) == (
        "de",
        ["a", "b"],
        {"stars": 3},
    )
    for wrong in ({"rerank": "{"}, {"terms": "red"}, {"limit": ["1", "2"]}, {"request": "[]"}):
        refused = served.client.post("/v1/search", data=wrong, files=image)
        assert refused.status_code == 400
        assert f"`{next(iter(wrong))}`" in refused.json()["detail"]


def test_numbers_that_json_does_not_have_are_no_attributes(served: Served) -> None:
    """NaN and infinities in attributes are refused: no database keeps them."""
    for value in ("NaN", "1e400", '{"a": [-Infinity]}'):
        refused = served.client.patch(
            f"/v1/items/{served.ids['red']}", content=f'{{"attributes": {{"x": {value}}}}}'
        )
        assert refused.status_code == 422, value


def test_openai_s_list_of_models(served: Served) -> None:
    """The spaces by name, as OpenAI's clients list models."""
    listed = served.client.get("/v1/models").json()
    assert (listed["object"], [model["id"] for model in listed["data"]]) == ("list", ["colours"])
    assert served.client.get("/v1/models/default").json() == listed["data"][0]
    missing = served.client.get("/v1/models/gpt-4")
    assert missing.status_code == 404
    assert json.loads(missing.text)["error"]["message"]


def test_cohere_s_second_version_answers_as_its_first(served: Served) -> None:
    """`/v2/rerank` takes Cohere's fields of both versions."""
    body = {"model": "x", "query": "red", "documents": ["blue", "red"], "top_n": 1, "priority": 0}
    first, second = (served.client.post(f"/v{n}/rerank", json=body).json()["results"] for n in (1, 2))
    assert first == second
    assert first[0]["index"] == 1


def test_the_page_s_files_come_whole(served: Served) -> None:
    """A `Range` of them is ignored, be it none (RFC 9110, 14.2): no second form of errors."""
    whole = served.client.get("/").content
    for asked in ("bytes=0-9", "bytes=9-0", "bytes=-", "lines=1-2", "bytes=99999999-"):
        part = served.client.get("/", headers={"Range": asked})
        assert (part.status_code, part.content) == (200, whole), asked


def test_ranges_of_an_original(served: Served) -> None:
    """One range comes as 206, one beyond the end is 416, and several, or what is no range, are the whole (RFC 9110)."""
    address = f"/v1/items/{served.ids['red']}/original"
    whole = served.client.get(address)
    size = len(whole.content)
    for asked, status, content in (
        ("bytes=0-9", 206, whole.content[:10]),
        ("bytes=10-", 206, whole.content[10:]),
        ("bytes=-4", 206, whole.content[-4:]),
        (f"bytes=5-{'9' * 18}", 206, whole.content[5:]),
        ("bytes=0-1,4-5", 200, whole.content),
        ("bytes=9-2", 200, whole.content),
        ("bytes=٣-٤".encode().decode("latin-1"), 200, whole.content),
        ("lines=1-2", 200, whole.content),
        (f"bytes={'9' * 5000}-", 200, whole.content),
    ):
        part = served.client.get(address, headers={b"Range": asked.encode("latin-1")})
        assert (part.status_code, part.content) == (status, content), asked
    beyond = served.client.get(address, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    stale = served.client.get(address, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert stale.status_code == 200
    head = served.client.head(address, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(size))
