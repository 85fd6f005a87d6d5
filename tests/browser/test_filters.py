"""Filters: what can be chosen, how many pictures each choice has, and what is left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Served
from tests.browser.reading import look_for, search_bodies, settled, shown


@pytest.fixture
def panel(page: Page) -> Locator:
    """The open filter panel."""
    page.keyboard.press("f")
    panel = page.locator("#filters")
    expect(panel.get_by_role("button", name="X100V")).to_be_visible()
    return panel


def test_each_choice_tells_how_many_pictures_it_leaves(page: Page, panel: Locator) -> None:
    """The count beside a camera is the number of pictures that choosing it leaves."""
    choice = panel.get_by_role("button", name="X100V")
    count = int(choice.locator(".count").inner_text())
    choice.click()
    expect(choice).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".told")).to_have_text(f"{count} pictures")
    expect(page.locator(".filter-count")).to_have_text("1")


@pytest.mark.parametrize(
    ("choice", "belongs"),
    [
        ("2023", lambda path: "/2023/" in path),
        ("sea", lambda path: "/2022/sea/" in path),
        ("holiday", lambda path: "blue-0" in path or "blue-1" in path),
    ],
)
def test_a_year_a_folder_and_a_tag(
    page: Page, panel: Locator, served: Served, choice: str, belongs: object
) -> None:
    """Choosing one leaves the pictures of that year, folder or tag, and no others."""
    assert callable(belongs)
    paths = [str(path) for path in served.pictures.rglob("*.jpg")]
    panel.get_by_role("button", name=choice).first.click()
    expect(page.locator(".told")).to_have_text(f"{sum(map(belongs, paths))} pictures")


def test_years_are_listed_newest_first(panel: Locator) -> None:
    """By number, not by how many pictures each has."""
    years = panel.locator(".years .choice-name")
    expect(years).to_have_text(["2024", "2023", "2022"])


def test_a_range_of_dates(page: Page, panel: Locator) -> None:
    """Both ends belong to the range."""
    page.get_by_label("Taken from").fill("2022-06-11")
    page.get_by_label("Taken to").fill("2022-06-12")
    expect(page.locator(".filter-count")).to_have_text("2")
    expect(page.locator(".told")).to_have_text("5 pictures")


def test_words_of_captions(page: Page, panel: Locator, served: Served) -> None:
    """Words that captions hold, and whether there is a caption at all."""
    page.get_by_label("Caption").fill("all red")
    red = sum(name.startswith("red") for name in served.ids)
    expect(page.locator(".told")).to_have_text(f"{red} pictures")
    page.get_by_label("Caption").fill("")
    without = panel.get_by_role("button", name="Without")
    count = without.locator(".count").inner_text()
    without.click()
    expect(page.locator(".told")).to_have_text(f"{count} pictures")


def test_filters_narrow_a_search_and_can_be_reset(page: Page, panel: Locator) -> None:
    """A search with a filter finds what both allow; Reset brings all back, and the address forgets it."""
    look_for(page, "green")
    bodies = search_bodies(page)
    panel.get_by_role("button", name="X100V").click()
    expect(page.locator(".filter-count")).to_have_text("1")
    settled(page)
    assert bodies[-1]["filter"] == 'camera in ("X100V")'
    assert 0 < len(shown(page)) < 40
    assert "camera=X100V" in page.url
    panel.get_by_role("button", name="Reset").click()
    expect(page.locator(".filter-count")).to_have_text("")
    assert "camera" not in page.url


def test_filters_that_leave_nothing_say_so(page: Page, panel: Locator) -> None:
    """An empty answer offers to reset the filters."""
    page.get_by_label("Caption").fill("nothing like it")
    expect(page.get_by_role("heading", name="The filters leave nothing")).to_be_visible()
    page.get_by_role("button", name="Reset the filters").click()
    expect(page.locator(".tile").first).to_be_visible()
