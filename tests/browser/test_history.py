"""The back button: what was opened closes, what was looked for comes back, and an address brings it all again."""

from __future__ import annotations

import base64
import re

from playwright.sync_api import Page, expect

from tests.browser.album import FOLDERS
from tests.browser.conftest import Open, Served
from tests.browser.reading import chips, look_for, settled, shown
from tests.patience import until
from tests.service.colours import picture


def test_going_back_closes_the_viewer_and_stays_on_the_page(page: Page, served: Served) -> None:
    """Back leads from a picture to where one was, forward opens it again, and a reload keeps it open."""
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 900)
    until(lambda: page.evaluate("scrollY") == 900)
    page.locator(".tile-open").nth(14).click()
    viewer = page.locator("#viewer")
    expect(viewer).to_be_visible()
    name, there = viewer.locator("h2").inner_text(), page.evaluate("scrollY")
    page.go_back()
    expect(viewer).to_be_hidden()
    expect(page).to_have_url(f"{served.address}/")
    until(lambda: page.evaluate("scrollY") == there)
    expect(page.locator(".tile-open").nth(14)).to_be_focused()
    page.go_forward()
    expect(viewer.locator("h2")).to_have_text(name)
    page.reload()
    expect(viewer.locator("h2")).to_have_text(name)
    expect(viewer.get_by_role("button", name="Next picture")).to_be_enabled()
    until(lambda: page.evaluate("scrollY") == there)


def test_what_was_closed_leaves_no_place_behind(page: Page, served: Served) -> None:
    """Escape and the cross go back as well: the next step back leads out of the page, not into the viewer."""
    length = page.evaluate("history.length")
    for close in ("Escape", "cross"):
        page.locator(".tile-open").first.click()
        page.keyboard.press("ArrowRight")
        expect(page).to_have_url(re.compile(r"picture=\d+"))
        if close == "Escape":
            page.keyboard.press("Escape")
        else:
            page.locator("#viewer").get_by_role("button", name="Close").click()
        expect(page).to_have_url(f"{served.address}/")
        assert page.evaluate("history.length") == length + 1  # the one that could be opened again


def test_a_picture_that_came_by_its_address_closes_to_the_search(open_page: Open, served: Served) -> None:
    """An address that somebody sent opens the picture; closing it shows the search that it belongs to."""
    page = open_page(f"{served.address}/?q=red&picture={served.ids['red-3']}")
    expect(page.locator("#viewer h2")).to_have_text("red-3.jpg")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page).to_have_url(f"{served.address}/?q=red")
    assert chips(page) == ["red"]


def test_map_help_and_work_close_by_going_back(page: Page) -> None:
    """Each has an address, and a picture opened on the map closes to the map."""
    for key, dialog in (("m", "Places"), ("l", "Likeness"), ("?", "Searching")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
        page.reload()
        expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("dialog", name=dialog)).to_be_hidden()
    page.get_by_role("button", name="Background work", exact=True).click()
    page.keyboard.press("Escape")
    page.keyboard.press("m")  # at once: the browser may still be going back
    expect(page.get_by_role("dialog", name="Places")).to_be_visible()
    expect(page).to_have_url(re.compile("view=places$"))


def test_each_search_filter_and_picture_is_a_step(page: Page, served: Served) -> None:
    """Typing is one step, a filter one, a search by a picture one; going back takes them in turn."""
    page.locator("#query").press_sequentially("bl", delay=300)
    page.locator("#query").press_sequentially("ue")
    expect(page).to_have_url(f"{served.address}/?q=blue")
    settled(page)
    blue = shown(page)
    page.keyboard.press("Escape")
    page.go_back()
    page.go_back()
    expect(page).to_have_url(f"{served.address}/")
    expect(page.locator("#query")).to_have_value("")
    page.go_forward()
    expect(page.locator(".chip")).to_have_text("blue")
    page.locator("#filters-toggle").click()
    page.locator("#filters").get_by_role("button", name="2023").first.click()
    expect(page.locator("#active")).to_contain_text("2023")
    page.locator(".tile").first.hover()
    page.locator(".tile-similar").first.click()
    expect(page.locator(".chip img")).to_be_visible()
    page.go_back()
    expect(page.locator(".chip")).to_have_text("blue")
    page.go_back()
    expect(page.locator("#active")).to_be_hidden()
    settled(page)
    assert shown(page) == blue


def test_a_dropped_picture_has_an_address_in_its_browser(page: Page, open_page: Open) -> None:
    """Back, forward, a reload and another tab have a dropped picture; elsewhere, its address says what is missing."""
    look_for(page, "red")
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": picture("green")}
    )
    expect(page.locator(".chip")).to_have_count(2)
    settled(page)
    found, address = shown(page), page.url
    assert base64.b64encode(picture("green")).decode() not in address
    page.go_back()
    expect(page.locator(".chip")).to_have_count(1)
    page.go_forward()
    expect(page.locator(".chip img")).to_be_visible()
    page.reload()
    expect(page.locator(".chip img")).to_be_visible()
    settled(page)
    assert chips(page) == ["red", "mine.png"]
    assert shown(page) == found
    another_day = page.context.new_page()
    another_day.goto(address)
    expect(another_day.locator(".chip img")).to_be_visible()
    elsewhere = open_page(address)
    expect(elsewhere.get_by_role("heading", name="The picture is gone")).to_be_visible()


def test_a_filter_is_never_in_force_unseen(open_page: Open, served: Served) -> None:
    """A year's ends stand in the fields of the dates, and what an address says that no field can show is no filter."""
    page = open_page(
        f"{served.address}/?from=2023&to=2023-02&camera=X100V&folder=/{FOLDERS[2022]}&view=filters"
    )
    expect(page.get_by_label("Taken from")).to_have_value("2023-01-01")
    expect(page.get_by_label("Taken to")).to_have_value("2023-02-28")
    wishes = page.locator("#active li")
    expect(wishes).to_have_text(["from 2023-01-01", "until 2023-02-28", "sea", "X100V", "Reset"])
    page.get_by_label("Taken from").fill("")
    page.get_by_role("button", name="Remove the filter until 2023-02-28").click()
    page.get_by_role("button", name="Remove the filter sea").click()
    expect(wishes).to_have_text(["X100V"])
    assert page.url.endswith("/?camera=X100V&view=filters")
    page.goto(f"{served.address}/?from=banana&to=2023-02-31&captioned=maybe&caption=+")
    expect(page.locator(".told")).to_have_text(f"{len(served.ids)} pictures")
    expect(page.locator("#active")).to_be_hidden()
    expect(page.locator(".filter-count")).to_be_empty()


def test_an_item_that_is_gone_is_told_of_as_such(open_page: Open, served: Served) -> None:
    """Neither a picture nor a search by one that was removed offers to try again."""
    gone = "This picture is not in the library any more"
    page = open_page(f"{served.address}/?picture=999999")
    expect(page.locator("#viewer").get_by_role("alert")).to_contain_text(gone)
    expect(page.locator("#viewer").get_by_role("button", name="Similar")).to_be_hidden()
    page.goto(f"{served.address}/?q=item:999999")
    expect(page.get_by_role("heading", name=gone)).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.get_by_role("button", name="Start anew").click()
    expect(page.locator(".tile").first).to_be_visible()
