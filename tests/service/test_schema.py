"""The OpenAPI document holds what it says, for requests that nobody would think of."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.patience import LONG
from tests.service.colours import picture
from tests.service.conftest import Live, Served
from vasari.retrieval.vectors.index import IndexKind

SNAPSHOT = Path(__file__).with_name("openapi.json")
EXAMPLES = int(os.environ.get("VASARI_SCHEMA_EXAMPLES", "3"))  # requests drawn for each operation


def test_the_openapi_document_is_the_one_agreed_upon(served: Served) -> None:
    """A change of the API shows in the snapshot; VASARI_WRITE_SNAPSHOTS=1 writes it anew."""
    document = json.dumps(
        served.client.get("/openapi.json").json(), indent=1, sort_keys=True, ensure_ascii=False
    )
    if os.environ.get("VASARI_WRITE_SNAPSHOTS"):
        SNAPSHOT.write_text(document + "\n", encoding="utf-8")
    assert SNAPSHOT.read_text(encoding="utf-8") == document + "\n"


def test_every_kind_of_index_can_be_asked_for(served: Served) -> None:
    """`index_kind` of a job takes what `vasari rebuild --kind` takes."""
    body = served.client.get("/openapi.json").json()["components"]["schemas"]["JobBody"]
    (kinds,) = (form["enum"] for form in body["properties"]["index_kind"]["anyOf"] if "enum" in form)
    assert set(kinds) == set(IndexKind) - {IndexKind.EXACT}


def test_every_operation_is_described(served: Served) -> None:
    """Each has a name, words about it, and its problems."""
    document = served.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            if path not in ("/livez", "/readyz"):
                problem = operation["responses"]["429"]["content"]["application/problem+json"]
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_examples_fit_their_schemas(served: Served) -> None:
    """The examples of bodies are answered, unless they name a picture that is none."""
    document = served.client.get("/openapi.json").json()
    for name, path in (
        ("SearchBody", "/v1/search"),
        ("SearchBatchBody", "/v1/search/batch"),
        ("KnnBody", "/knn-service"),
        ("MarqoBody", "/indexes/default/search"),
    ):
        (example,) = document["components"]["schemas"][name]["examples"]
        assert served.client.post(path, json=example).status_code == 200, name


CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def test_no_request_breaks_the_service(live: Live) -> None:
    """Requests drawn from the schema get the answers that the schema promises, and never a failure."""
    schema = schemathesis.openapi.from_url(f"{live.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 25
    for operation in operations:
        if not operation.path.endswith("/events"):  # streams, tested with the jobs
            _try(operation)


def _try(operation: Any) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, timeout=LONG)

    attempt()


POSTS = (
    "/v1/search",
    "/v1/search/batch",
    "/v1/items",
    "/v1/match",
    "/v1/classify",
    "/v1/caption",
    "/v1/ask",
    "/v1/locate",
    "/v1/detect",
    "/v1/embeddings",
    "/v1/rerank",
    "/knn-service",
    "/indexes/default/search",
    "/metadata",
    "/v1/jobs",
)


def test_five_hundred_malformed_bodies_are_refused_politely(served: Served) -> None:
    """Damaged JSON, forms and pictures: always a problem document, never a failure of the service."""
    drawn = random.Random(5)
    good = json.dumps(
        {"query": "red", "limit": 3, "terms": [{"text": "a", "weight": 1.5}], "kind": "index"}
    ).encode()
    for number in range(500):
        path = drawn.choice(POSTS)
        damaged = _damage(drawn.choice([good, picture("red", 16), b'{"image": "' + good[:20] + b'"}']), drawn)
        match number % 4:
            case 0:
                response = served.client.post(
                    path, content=damaged, headers={"Content-Type": "application/json"}
                )
            case 1:
                response = served.client.post(path, files={"image": ("a.png", damaged, "image/png")})
            case 2:
                kind = drawn.choice(
                    ["multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "a/b", ""]
                )
                response = served.client.post(path, content=damaged, headers={"Content-Type": kind})
            case _:
                response = served.client.post(
                    path, data={"request": damaged.decode("latin-1"), "limit": "NaN"}
                )
        assert response.status_code < 500, (number, path, damaged, response.text)
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code


def _damage(data: bytes, drawn: random.Random) -> bytes:
    """`data` with some bytes changed, removed or doubled."""
    damaged = bytearray(data)
    for _ in range(drawn.randint(1, 8)):
        place = drawn.randrange(len(damaged) or 1)
        match drawn.randrange(3):
            case 0:
                damaged[place : place + 1] = bytes([drawn.randrange(256)])
            case 1:
                del damaged[place : place + drawn.randint(1, 10)]
            case _:
                damaged[place:place] = damaged[place : place + drawn.randint(1, 40)]
    return bytes(damaged) or b"x"
