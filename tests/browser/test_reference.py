"""The API's reference at /docs."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import Open, Served
from tests.patience import LONG


def test_the_reference_shows_every_operation(open_page: Open, served: Served) -> None:
    """Redoc draws all of the document under the content policy, from this service alone, dark where the system is."""
    document = httpx.get(f"{served.address}/openapi.json", timeout=LONG).json()
    page = open_page(f"{served.address}/docs", scheme="dark")
    operations = page.locator("#reference [id*='/operation/']")
    expect(operations).to_have_count(sum(len(methods) for methods in document["paths"].values()))
    expect(page.locator("#reference h1")).to_contain_text(document["info"]["version"])
    fetched = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [address for address in fetched if not address.startswith(served.address)] == []
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(23, 21, 19)"
