"""What tests read off the page."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, Request, expect

PATIENCE = 120_000  # milliseconds: more than a busy machine takes, and only a failure costs them
STEP = 20  # milliseconds between looks at what a test noted itself


def look_for(page: Page, words: str) -> None:
    """Type into the search box, make it terms, and wait for the answer."""
    page.locator("#query").fill(words)
    with page.expect_response(is_search):
        page.locator("#query").press("Enter")
    settled(page)


def settled(page: Page) -> None:
    """Wait until the page asks for nothing."""
    expect(page.locator("body")).not_to_have_class(re.compile(r"\bsearching\b"))


def searched(page: Page, bodies: list[dict[str, Any]], terms: list[dict[str, Any]]) -> None:
    """Wait until the last of these searches is for these terms, and was answered."""
    for _ in range(PATIENCE // STEP):
        if bodies and bodies[-1]["terms"] == terms:
            break
        page.wait_for_timeout(STEP)
    assert bodies, "nothing was searched for"
    assert bodies[-1]["terms"] == terms
    settled(page)


def is_search(response: Any) -> bool:
    """Whether a response answers a search."""
    return str(response.url).endswith("/v1/search")


def shown(page: Page) -> list[int]:
    """The ids of the pictures in the grid, in order."""
    ids: list[int] = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => Number(tile.dataset.id))")
    return ids


def chips(page: Page) -> list[str]:
    """The terms as the chips show them."""
    return [text.replace("\n", " ").strip() for text in page.locator(".chip").all_inner_texts()]


def search_bodies(page: Page) -> list[dict[str, Any]]:
    """Fills with the body of every search from now on."""
    bodies: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/v1/search"):
            bodies.append(json.loads(request.post_data or "{}"))

    page.on("request", note)
    return bodies


def scroll_through(page: Page, count: int) -> None:
    """Scroll until there are so many pictures."""
    tiles = page.locator(".tile")
    for _ in range(10):
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(100)
        settled(page)
        if tiles.count() == count:
            return
    expect(tiles).to_have_count(count)
