"""Programs written for the last release go on: the HTTP API only grows until the next major version."""

from __future__ import annotations

import copy
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.colours import picture
from tests.service.conftest import Served
from tests.service.openapi_changes import breaking

ROOT = Path(__file__).parents[2]
# Named in words since then, as generated clients take one kind of body an operation; the forms are served as before.
FORMS = ("ask", "caption", "classify", "items", "match", "search")


def released() -> list[str]:
    """The versions, newest first."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)


def api_of(version: str) -> dict[str, Any]:
    """The OpenAPI document of a release."""
    packed = ROOT / "tests" / "data" / f"openapi-{version}.json.gz"
    document: dict[str, Any] = json.loads(gzip.decompress(packed.read_bytes()))
    assert document["info"]["version"] == version
    return document


def test_nothing_of_the_last_release_s_api_is_gone(served: Served) -> None:
    """No path, field or value less, no other type, nothing asked for that was not; what is added does not matter."""
    now = served.client.get("/openapi.json").json()
    expected = {f"POST /v1/{name} body multipart/form-data: removed" for name in FORMS}
    assert set(breaking(api_of(released()[0]), now)) == expected


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_taken_where_the_document_names_json(served: Served, name: str) -> None:
    """A form with a file is read at all addresses whose document had forms, and its picture is looked at."""
    sent = served.client.post(f"/v1/{name}", files={"image": ("a.png", b"no picture", "image/png")})
    assert sent.status_code in (400, 422)
    good = {"image": ("a.png", picture("red"), "image/png")}
    answer = served.client.post(f"/v1/{name}", files=good, data={"request": "{}"})
    assert answer.status_code != 415


OPERATION = ("paths", "/v1/search", "post")
QUERY = ("components", "schemas", "SearchBody", "properties")
HIT = ("components", "schemas", "HitAnswer", "properties")
CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "a path": (lambda api: api["paths"].pop("/v1/search"), "POST /v1/search: removed"),
    "a method": (lambda api: api["paths"]["/v1/items/{id}"].pop("delete"), "DELETE .*: removed"),
    "a parameter": (
        lambda api: api["paths"]["/v1/items"]["get"]["parameters"].clear(),
        "query limit: removed",
    ),
    "a field of requests": (lambda api: _at(api, QUERY).pop("limit"), r"body\.limit: removed"),
    "a field of answers": (lambda api: _at(api, HIT).pop("score"), r"200\.hits\[\]\.score: removed"),
    "a type": (lambda api: _at(api, HIT)["score"].update(type="string"), r"score: number became string"),
    "null": (
        lambda api: _at(api, HIT).update(score={"anyOf": [{"type": "number"}, {"type": "null"}]}),
        r"score: number became null",
    ),
    "a requirement": (
        lambda api: _at(api, QUERY[:-1]).update(required=["limit"]),
        r"body\.limit: required now",
    ),
    "a promise": (lambda api: _at(api, HIT[:-1]).update(required=[]), r"score: no longer promised"),
    "a bound": (lambda api: _at(api, QUERY)["limit"].update(maximum=5), r"body\.limit: maximum is 5 now"),
    "a status": (lambda api: _at(api, OPERATION)["responses"].pop("200"), "POST /v1/search 200: removed"),
    "a name": (lambda api: _at(api, OPERATION).update(operationId="seek"), "operationId"),
}


def _at(document: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        document = document[name]
    return document


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_taken_away_or_changed_is_told(what: str) -> None:
    """Each kind of change that breaks a program is found, where it was made."""
    before = api_of(released()[0])
    after = copy.deepcopy(before)
    change, told = CHANGES[what]
    change(after)
    found = breaking(before, after)
    assert any(re.search(told, line) for line in found), found


def test_what_is_added_breaks_nothing() -> None:
    """A path, a parameter, a field on both ways, more than whole numbers: programs go on as they are."""
    before = api_of(released()[0])
    after = copy.deepcopy(before)
    after["paths"]["/v1/more"] = copy.deepcopy(after["paths"]["/v1/items"])
    after["paths"]["/v1/items"]["get"]["parameters"].append(
        {"in": "query", "name": "more", "schema": {"type": "string"}}
    )
    _at(after, QUERY)["more"] = {"type": "boolean"}
    _at(after, QUERY)["limit"]["type"] = "number"
    _at(after, HIT)["more"] = {"type": "string"}
    assert breaking(before, after) == []
    assert breaking(before, before) == []
