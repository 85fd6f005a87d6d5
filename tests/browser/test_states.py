"""What the page says when there is nothing to show: empty, unreachable, busy, closed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open, Served, serving
from tests.browser.reading import look_for, scroll_through, settled, shown
from tests.service.colours import ColourLibrary
from vasari.api.service.security.auth import create_key

# Noted when it is said: a busy machine may look too late.
NOTE_BUSY = """addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  window.toldBusy ||= document.querySelector(".told")?.textContent.includes("busy");
}).observe(document.body, {subtree: true, childList: true, characterData: true}))"""
TOLD_BUSY = "() => window.toldBusy"


def test_no_good_match_is_an_answer(page: Page) -> None:
    """With only good matches asked for, nonsense finds nothing; the nearest can be shown anyway."""
    page.get_by_role("switch", name="Good matches").click()
    look_for(page, "zzgrmpf")
    expect(page.get_by_role("heading", name="No good match")).to_be_visible()
    assert shown(page) == []
    page.get_by_role("button", name="Show the nearest anyway").click()
    expect(page.locator(".tile").first).to_be_visible()


def test_good_matches_come_first_and_the_rest_is_folded(page: Page, served: Served) -> None:
    """How many are good is said, the others come on request; where none is good, the nearest are shown as that."""
    look_for(page, "red")
    good = len(shown(page))
    assert 7 <= good < 20
    expect(page.locator(".told")).to_contain_text(f"{good} good of 58 pictures")
    page.get_by_role("button", name="Show less alike ones").click()
    expect(page.locator(".tile").nth(good)).to_be_attached()
    assert len(set(shown(page))) > good
    page.get_by_role("button", name="Clear the search").click()
    look_for(page, "zzgrmpf")
    expect(page.locator(".told")).to_contain_text("none a good match")
    assert len(shown(page)) > 20


def test_less_alike_pictures_come_after_the_good_ones(page: Page, served: Served) -> None:
    """Good matches end with an offer to go on; what follows them repeats none."""
    page.get_by_role("switch", name="Good matches").click()
    look_for(page, "violet")
    expect(page.locator(".tile").first).to_be_visible()
    good = len(shown(page))
    page.get_by_role("button", name="Show less alike ones").click()
    page.mouse.move(600, 500)
    scroll_through(page, len(served.ids))
    assert 0 < good < len(served.ids)
    assert len(set(shown(page))) == len(served.ids)


def test_a_service_that_is_away_can_be_tried_again(page: Page) -> None:
    """The page says that nobody answers, and searches again on request."""
    page.route("**/v1/search", lambda route: route.abort())
    page.locator("#query").fill("red")
    page.locator("#query").press("Enter")
    expect(page.get_by_role("heading", name="The service cannot be reached")).to_be_visible()
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator("#message")).to_be_empty()


def test_a_busy_service_is_asked_again_by_itself(open_page: Open, served: Served) -> None:
    """After the time that the service names, the page tries once more, and says so meanwhile."""
    page = open_page("about:blank")
    page.add_init_script(NOTE_BUSY)
    page.goto(served.address)
    expect(page.locator(".tile").first).to_be_visible()
    refused: list[str] = []

    def busy(route: Route) -> None:
        if len(refused) == 2:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "1"}, json={"title": "Too many requests"})

    page.route("**/v1/search", busy)
    page.locator("#query").fill("red")
    page.locator("#query").press("Enter")
    page.wait_for_function(TOLD_BUSY)
    expect(page.locator(".told")).to_contain_text("ms")
    assert shown(page)


def test_a_wrong_query_is_explained(page: Page) -> None:
    """What the service says is wrong with it stands where the pictures would."""
    page.locator("#query").fill("0:red")
    page.locator("#query").press("Enter")
    expect(page.get_by_role("heading", name="That cannot be searched for")).to_be_visible()
    expect(page.locator("#message")).to_contain_text("weight 0")


def test_what_is_refused_is_said_in_the_readers_language(open_page: Open, served: Served) -> None:
    """By the problem's name, where all that belongs to it is told; what only the service knows is as it says it."""
    page = open_page(f"{served.address}/?q=red", locale="de-DE")
    expect(page.locator(".tile").first).to_be_visible()
    answer: dict[str, Any] = {}
    page.route("**/v1/search", lambda route: route.fulfill(**answer))
    model = {"model": "big", "command": "vasari models pull big"}
    for status, name, more, said in (
        (403, "narrow", {}, "Dieser Schlüssel zeigt einen Teil der Bibliothek"),
        (503, "model-unavailable", model, "big ist nicht auf dem Rechner des Dienstes: vasari models"),
        (503, "model-unavailable", {}, "in English"),
        (500, "internal", {}, "Dem Dienst ist ein Fehler unterlaufen"),
        (400, "query", {}, "in English"),
    ):
        problem = {"type": f"urn:vasari:problem:{name}", "detail": "in English"} | more
        answer |= {"status": status, "json": problem}
        page.reload()
        expect(page.locator("#message")).to_contain_text(said)


@pytest.fixture
def locked(album: tuple[Path, dict[str, int], Path], tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A service that wants a key, and the key."""
    shutil.copytree(album[0], tmp_path / "library")
    with ColourLibrary.open(tmp_path / "library") as library:
        _, key = create_key(library.catalog, "page", ["search"])
    with serving(tmp_path / "library") as address:
        yield address, key


def test_a_key_is_asked_for_and_kept_for_the_tab(locked: tuple[str, str], open_page: Open) -> None:
    """A wrong key is refused; the right one opens the library, thumbnails included, and is kept for this tab only."""
    address, key = locked
    page = open_page(address)
    dialog = page.get_by_role("dialog", name="This library asks for a key")
    dialog.get_by_label("Key").fill("vasari_wrong")
    dialog.get_by_role("button", name="Open the library").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not known")
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button", name="Open the library").click()
    expect(page.locator("img.there").first).to_be_visible()
    assert page.evaluate("Object.values(sessionStorage)") == [key]
    assert page.evaluate("[...Object.values(localStorage), document.cookie]") == [""]
    expect(page.get_by_role("button", name="Background work")).to_be_hidden()
    page.reload()
    expect(page.locator("img.there").first).to_be_visible()


def test_who_has_no_key_is_told(locked: tuple[str, str], open_page: Open) -> None:
    """Declining leaves a word and a button, and no picture; what is refused later does not ask again."""
    page = open_page("about:blank")
    late: list[Route] = []
    page.route("**/v1/session", lambda route: late.append(route))  # noqa: PLW0108 - playwright marks what it is given
    page.goto(locked[0])
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("heading", name="A key is needed")).to_be_visible()
    with page.expect_response("**/v1/session"):
        late[0].continue_()
    settled(page)
    assert shown(page) == []
    page.unroute("**/v1/session")
    page.get_by_role("button", name="Enter a key").click()
    expect(page.get_by_role("textbox", name="Key")).to_be_focused()
