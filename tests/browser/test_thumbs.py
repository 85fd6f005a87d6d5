"""Thumbs on the pictures found: kept as judgments, and searched by."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Album, Open
from tests.browser.reading import look_for, search_bodies, shown
from tests.browser.test_accessibility import serious
from tests.service.colours import ColourLibrary


def give(page: Page, place: int, thumb: str) -> None:
    tile = page.locator(".tile").nth(place)
    tile.hover()
    with page.expect_response(
        lambda answer: "/v1/judgments" in answer.url and answer.request.method != "GET"
    ):
        tile.locator(f".thumb.{thumb}").click()


def test_thumbs_are_kept_and_come_back_with_the_search(
    open_page: Open, own: tuple[str, ColourLibrary]
) -> None:
    """Right and wrong, by the query as it was typed; the same thumb again takes it back."""
    address, library = own
    page = open_page(address)
    look_for(page, "blue")
    ids = shown(page)
    give(page, 0, "up")
    give(page, 1, "down")
    give(page, 2, "up")
    expect(page.locator("#thumbs")).to_contain_text("2 right, 1 wrong")
    give(page, 2, "up")
    expect(page.locator("#thumbs")).to_have_text(
        "1 right, 1 wrongMore like these, less like thoseCompare settings"
    )
    said = library.catalog.judgments.all()
    assert {(one.query, one.item, one.grade, one.who) for one in said} == {
        ("blue", ids[0], 1, "local"),
        ("blue", ids[1], 0, "local"),
    }
    assert serious(page) == []
    page.reload()
    expect(page.locator(".tile .thumb.up").first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#thumbs")).to_contain_text("1 right, 1 wrong")
    look_for(page, "red")
    expect(page.locator("#thumbs")).to_be_hidden()
    expect(page.locator('.thumb[aria-pressed="true"]')).to_have_count(0)


def test_the_same_thumbs_are_searched_by_at_once(open_page: Open, own: tuple[str, ColourLibrary]) -> None:
    """More like these, less like those; it is a place one goes back from, and a new search begins without."""
    page = open_page(own[0])
    look_for(page, "blue")
    ids = shown(page)
    give(page, 1, "up")
    give(page, 0, "down")
    bodies = search_bodies(page)
    page.get_by_role("button", name="More like these, less like those").click()
    expect(page.get_by_role("button", name="Search without thumbs")).to_be_visible()
    expect(page.locator(f'.tile[data-id="{ids[1]}"] .thumb.up')).to_have_attribute("aria-pressed", "true")
    assert (bodies[-1]["more"], bodies[-1]["less"]) == ([ids[1]], [ids[0]])
    assert f"more={ids[1]}&less={ids[0]}" in page.url
    page.get_by_role("button", name="Search without thumbs").click()
    expect(page.get_by_role("button", name="More like these, less like those")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Search without thumbs")).to_be_visible()
    look_for(page, "red")
    expect(page.locator("#thumbs")).to_be_hidden()
    assert "more=" not in page.url


def test_a_picture_is_judged_by_key_and_in_the_viewer(
    open_page: Open, own: tuple[str, ColourLibrary]
) -> None:
    """Plus and minus on the picture in focus; the viewer's thumbs are the same."""
    page = open_page(own[0])
    look_for(page, "blue")
    page.locator(".tile-open").first.focus()
    with page.expect_response(
        lambda answer: "/v1/judgments" in answer.url and answer.request.method == "POST"
    ):
        page.keyboard.press("-")
    expect(page.locator(".tile .thumb.down").first).to_have_attribute("aria-pressed", "true")
    page.locator(".tile-open").first.click()
    thumb = page.locator("#viewer .thumb.down")
    expect(thumb).to_have_attribute("aria-pressed", "true")
    with page.expect_response(
        lambda answer: "/v1/judgments" in answer.url and answer.request.method == "POST"
    ):
        page.locator("#viewer .thumb.up").click()
    expect(page.locator(".tile .thumb.up").first).to_have_attribute("aria-pressed", "true")
    expect(thumb).to_have_attribute("aria-pressed", "false")


def test_two_settings_stand_side_by_side(
    open_page: Open, own: tuple[str, ColourLibrary], album: Album
) -> None:
    """The verdict, the figures, and the pictures of both for a query that changed, which leads to that search."""
    address, library = own
    ids = album[1]
    for colour in ("red", "blue", "green", "yellow", "white", "black"):
        library.catalog.judgments.judge(colour, {ids[f"{colour}-0"]: 1}, "local")
    page = open_page(f"{address}/?view=compare")
    compare = page.locator("#compare")
    compare.get_by_label("Setting B").fill("colour")
    compare.get_by_role("button", name="Compare", exact=True).click()
    expect(compare.get_by_role("status")).to_contain_text(
        "'colour' is nothing that a search can be asked with"
    )
    compare.get_by_label("Setting B").fill("diversify=0")
    compare.get_by_role("button", name="Compare", exact=True).click()
    expect(compare.get_by_role("status")).to_contain_text("6 queries")
    expect(compare.locator("caption")).to_have_text("A: default. B: diversify=0.")
    expect(compare.get_by_role("rowheader", name="nDCG@10")).to_be_visible()
    expect(compare.locator(".compared-query").first.locator(".compared-side")).to_have_count(2)
    assert serious(page) == []
    words = compare.locator(".compared-query .link").first
    query = words.inner_text()
    words.click()
    expect(compare).to_be_hidden()
    expect(page.locator(".chip-name")).to_have_text(query)
