"""Bodies are weighed before they are parsed, and what is wrong with them is told in a few words."""

from __future__ import annotations

import base64
import gzip
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.colours import picture
from tests.service.conftest import Serve, Served
from vasari.api.service.middleware.body_memory import HeldBodies
from vasari.api.service.request_bodies import DEEPEST, MOST_VALUES, ShapeError, check_shape
from vasari.api.service.schemas.fields import picture_bytes
from vasari.api.service.schemas.models import ClassifyBody
from vasari.api.service.schemas.search import SearchBody
from vasari.api.service.security.auth import create_key
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.retrieval.errors import OverloadedError

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_of_usual_shape_passes(value: object) -> None:
    """Whatever the strings hold: quotes, backslashes and brackets in them are letters."""
    for ascii_only in (True, False):
        check_shape(json.dumps(value, ensure_ascii=ascii_only, indent=1).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * (DEEPEST + 1), "nested deeper than"),
        (b'{"a":' * 100_000, "nested deeper than"),
        (b"[" + b"1," * MOST_VALUES + b"1,1]", "more than 50,000 values"),
        (b"{" + b'"a":1,' * MOST_VALUES + b"}", "more than 50,000 values"),
        (b'"' + b'\\"' * (2 * MOST_VALUES), "more than 50,000 values"),
        (b'{"limit":' + b"9" * 401 + b"}", "more than 400 digits"),
        (b"1" * 3_000_000, "more than 400 digits"),
    ],
)
def test_json_of_absurd_shape_is_refused(text: bytes, words: str) -> None:
    """Before it is parsed, whether or not it is JSON at all."""
    with pytest.raises(ShapeError, match=words):
        check_shape(text)


def test_json_may_begin_with_a_byte_order_mark(served: Served) -> None:
    """As PowerShell's `Out-File -Encoding utf8` writes it."""
    answered = served.client.post("/v1/search", content=b'\xef\xbb\xbf{"query": "red"}')
    assert answered.status_code == 200


@pytest.mark.parametrize("path", ["/v1/search", "/knn-service", "/v1/embeddings"])
def test_a_wrong_body_is_told_in_a_few_words(served: Served, path: str) -> None:
    """Nobody is sent back what was sent: not the names of ten thousand unknown keys, nor one of a megabyte."""
    for body in (
        {f"key {number} {'x' * 100}": 1 for number in range(10_000)},
        {"k" * 1_000_000: 1, "num_images": "x" * 1_000_000},
        {"terms": [{"y" * 1_000_000: 1}] * 9, "ids": "z" * 1_000_000},
    ):
        answer = served.client.post(path, json=body)
        assert answer.status_code in (400, 422)
        assert len(answer.content) < 20_000
    query = served.client.post("/v1/search", json={"query": "x", "filter": "width > 1 and " * 280 + "= ="})
    assert query.status_code == 400
    assert len(query.content) < 4000
    assert query.json()["query"][query.json()["column"] :]


def test_the_event_loop_is_free_while_a_large_body_is_read(served: Served) -> None:
    """A body of more than a few kilobytes is parsed and validated in a thread of the pool for bodies."""
    assert served.service.depths["bodies"] == 0
    data = base64.b64encode(picture((1, 2, 3), side=256, kind="BMP")).decode()
    assert served.client.post("/v1/search", json={"terms": [{"image": data}]}).status_code == 200
    spaced = "\n".join(data[start : start + 76] for start in range(0, len(data), 76))
    assert served.client.post("/v1/search", json={"terms": [{"image": spaced}]}).status_code == 200


def test_forms_have_few_and_small_parts_in_utf8(served: Served) -> None:
    """Too many parts, one too large, one that is no plain JSON, and encodings that take minutes to decode."""
    files = {"image": picture("red")}

    def status(**options: object) -> int:
        return served.client.post("/v1/search", files=files, **options).status_code  # type: ignore[arg-type]

    assert status(data={"limit": "1"}) == 200
    assert status(data={f"field {number}": "x" for number in range(300)}) == 400
    assert status(data={"query": "x" * 2_000_000}) == 400
    assert status(data={"request": "[" * 1000}) == 400
    body = b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n' + b"x-a" * 1000 + b"\r\n--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; charset=punycode; boundary=b"}
    assert served.client.post("/v1/search", content=body, headers=kind).status_code == 415


def test_a_packed_body_is_refused_as_such(served: Served) -> None:
    """And not as JSON that cannot be read; one that says that it is not packed is read."""
    body = b'{"query": "red"}'
    kind = {"Content-Type": "application/json"}
    packed = served.client.post(
        "/v1/search", content=gzip.compress(body), headers={**kind, "Content-Encoding": "gzip"}
    )
    assert (packed.status_code, packed.headers["accept-encoding"]) == (415, "identity")
    assert "'gzip'" in packed.json()["detail"]
    plain = served.client.post("/v1/search", content=body, headers={**kind, "Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_a_large_form_is_taken_apart_in_a_thread(served: Served) -> None:
    """Nobody else waits meanwhile; and megabytes of almost-boundaries, which would take seconds, are refused."""
    before = set(threading.enumerate())
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + picture("red")
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    for more, status in ((b" " * 100_000, 200), (b"\r\n--ba" * 1000, 400)):
        sent = body + more + b"\r\n--b--\r\n"
        assert served.client.post("/v1/search", content=sent, headers=kind).status_code == status
    assert "vasari-bodies" in {thread.name for thread in set(threading.enumerate()) - before}


def test_a_request_has_few_pictures(served: Served) -> None:
    """However they come, more than 32 pictures of one request are refused by their number."""
    image = base64.b64encode(picture("red")).decode()
    term = {"terms": [{"image": image}] * 17}
    for path, body in (
        ("/v1/embeddings", {"input": [image] * 33, "modality": "image"}),
        ("/v1/rerank", {"query": "red", "documents": [{"image": image}] * 33}),
        ("/v1/search/batch", {"requests": [term, term]}),
    ):
        answer = served.client.post(path, json=body)
        assert answer.status_code == 422
        assert "a request has at most 32 pictures" in answer.text


def test_equal_pictures_of_a_request_are_embedded_once(served: Served) -> None:
    """Thirty-two times the same picture is one picture for the model."""
    image = base64.b64encode(picture((9, 90, 190))).decode()
    answer = served.client.post("/v1/embeddings", json={"input": [image] * 32, "modality": "image"}).json()
    assert served.library.model.image_batches == [1]
    assert len({str(entry["embedding"]) for entry in answer["data"]}) == 1
    assert [entry["index"] for entry in answer["data"]] == list(range(32))


def test_large_bodies_wait_for_one_another() -> None:
    """Small bodies are always taken; of the large ones no more than the memory for them allows."""
    bodies = HeldBodies(1_000_000)
    first = bodies.take(60_000, 0) + bodies.take(600_000, 60_000)
    assert first == bodies.held == 660_000
    with pytest.raises(OverloadedError) as refused:
        bodies.take(400_000, 0)
    assert refused.value.retry_after > 0
    assert bodies.take(60_000, 0) == 0
    bodies.give_back(first)
    assert bodies.take(400_000, 0) == 400_000


def test_rates_count_cost() -> None:
    """What costs more takes more off the bucket; what costs more than it holds leaves a debt."""
    now = 0.0
    rates = RateLimiter(10, 100, lambda: now)
    assert rates.take("a", 60) == 0
    assert rates.take("a", 60) == pytest.approx(2.0)
    assert rates.take("b", 400) == 0  # the bucket was full
    assert rates.take("b") == pytest.approx(30.1)
    now = 31.0
    assert rates.take("b") == 0


def test_what_requests_cost() -> None:
    """A plain search 1; a second stage, pictures and labels more."""
    assert SearchBody.model_validate({"query": "a boat"}).cost() == 1
    assert SearchBody.model_validate({"query": "a boat", "rerank": {"top": 256}}).cost() == 65
    assert SearchBody.model_validate({"terms": [{"image": "YWJj"}]}).cost() == 5
    assert ClassifyBody.model_validate({"item": 1, "labels": ["boat"] * 1000}).cost() > 400


def test_costly_requests_use_a_key_s_rate_up(serve: Serve) -> None:
    """Two searches with a second stage take what a hundred plain ones may; then the key is told to wait."""
    served = serve(rate_per_second=0.01, rate_burst=100)
    _, key = create_key(served.library.catalog, "one", ["search"])
    mine = {"Authorization": f"Bearer {key}"}
    costly = {"query": "red", "rerank": {"top": 256, "deadline_ms": None}}
    statuses = [
        served.client.post("/v1/search", json=costly, headers=mine).status_code,
        served.client.post("/v1/search", json=costly, headers=mine).status_code,
        *(
            served.client.post("/v1/search", json={"query": "red"}, headers=mine).status_code
            for _ in range(3)
        ),
    ]
    assert statuses == [200, 429, 200, 200, 200]


def test_labels_times_templates_are_bounded(served: Served) -> None:
    """A thousand labels with a hundred templates are refused in one line before anything is embedded."""
    body = {
        "item": served.ids["red"],
        "labels": [f"thing {number}" for number in range(1000)],
        "templates": [f"view {number} of {{}}" for number in range(100)],
    }
    answer = served.client.post("/v1/classify", json=body)
    assert (answer.status_code, served.library.model.text_batches) == (400, [])
    assert "100,000 texts" in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


@given(st.binary(min_size=1, max_size=40), st.sampled_from(["", "\n", " "]), st.integers(0, 50))
def test_base64_of_any_length_is_read(data: bytes, white: str, place: int) -> None:
    """With white space anywhere; what has letters behind its end is none."""
    encoded = base64.b64encode(data).decode()
    assert picture_bytes(encoded[:place] + white + encoded[place:]) == data
    with pytest.raises(ValueError, match="no base64"):
        picture_bytes(f"{encoded}=AAAA")


def test_long_base64_is_read_in_pieces() -> None:
    """A picture of some megabytes comes out whole."""
    data = bytes(range(256)) * 10_000
    assert picture_bytes(base64.b64encode(data).decode()) == data
