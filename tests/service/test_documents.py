"""What the documents say about the service is so."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.service.conftest import Served
from vasari.api.service.settings import ServiceSettings
from vasari.api.settings_page import page
from vasari.retrieval.settings import PREFIX

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def requests() -> list[tuple[str, str, str]]:
    """The ```http blocks: method, path, body."""
    blocks = re.findall(r"^```http\n(\S+) (\S+)\n(.*?)^```", _text("http-api.md"), re.MULTILINE | re.DOTALL)
    return [(method, path, body) for method, path, body in blocks]


def _text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@pytest.mark.parametrize(("method", "path", "body"), requests())
def test_the_requests_shown_are_answered(served: Served, method: str, path: str, body: str) -> None:
    """Each request of docs/http-api.md is answered well."""
    response = served.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert response.is_success, response.text


def test_every_address_is_in_the_document(served: Served) -> None:
    """docs/http-api.md names every operation."""
    text = _text("http-api.md")
    document = served.client.get("/openapi.json").json()
    missing = [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if f"{method.upper()} {path}" not in text and path != "/v1/session"
    ]
    assert missing == []


def test_every_setting_is_in_the_document() -> None:
    """docs/settings.md is what the settings say of themselves: `python -m vasari.api.settings_page` writes it anew."""
    assert _text("settings.md") == page()


def test_every_setting_of_a_page_is_one() -> None:
    """A name that starts as settings do, in documents and in what the program says, is that of a setting."""
    known = {PREFIX + one.name.upper() for one in fields(ServiceSettings)}
    known |= {f"{PREFIX}KEY", f"{PREFIX}COMPLETE"}  # an option of the command line, and the shell's
    pages = [*DOCS.glob("*.md"), ROOT / "README.md", *(ROOT / "api").rglob("*.py")]
    pages += [*(ROOT / "retrieval").rglob("*.py"), *(ROOT / "indexer").rglob("*.py")]
    named = {name for each in pages for name in re.findall(r"VASARI_[A-Z_]*[A-Z]", each.read_text("utf-8"))}
    assert named <= known


def test_every_attack_of_the_table_is_a_test() -> None:
    """The table's last column names tests that exist."""
    named = re.findall(r"\| `(test_\w+)` \|$", _text("operations.md"), re.MULTILINE)
    written = "".join(path.read_text("utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py"))
    assert len(named) > 30
    assert [name for name in named if f"def {name}(" not in written] == []
