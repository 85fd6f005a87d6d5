"""axe-core finds nothing serious, wide and narrow, light and dark; themes are followed and can be chosen."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Served
from tests.browser.reading import look_for

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def serious(page: Page) -> list[str]:
    """What axe-core calls serious or critical, with where it is."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['nodes'][0]['target']} {violation['nodes'][0]['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(open_page: Open, served: Served, width: int, scheme: str) -> None:
    """Results with chips and filters, the viewer, the help and the maps."""
    page = open_page(f"{served.address}/?q=2:blue+-+people&scores=1", width=width, height=844, scheme=scheme)
    expect(page.locator(".tile").first).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("f")
    expect(page.locator(".choice").first).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Close the filters").click()
    page.locator(".tile-open").first.click()
    expect(page.locator("#viewer").get_by_text("Details")).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious(page) == []
    page.keyboard.press("Escape")
    for key, name in (("l", "Likeness"), ("m", "Places")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        assert serious(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name=name)).to_be_hidden()


def test_every_picture_and_control_has_a_name(page: Page) -> None:
    """A screen reader hears what a picture shows and how well it matches, and how many were found."""
    look_for(page, "red")
    expect(page.locator(".tile-open").first).to_have_attribute(
        "aria-label", re.compile(r"^all red, (very )?good match$")
    )
    expect(page.locator("#announcer")).to_contain_text("58 pictures")
    expect(page.get_by_role("list", name="Terms of the search")).to_be_visible()


def test_dark_mode_follows_the_system_until_one_is_chosen(open_page: Open, served: Served) -> None:
    """The system's scheme decides; the button overrides it, and the choice is kept."""
    page = open_page(served.address, scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("button", name="Theme: system").click()
    light = page.evaluate(paper)
    assert sum(map(int, light[4:-1].split(","))) > 600 > sum(map(int, dark[4:-1].split(",")))
    page.reload()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    assert page.evaluate(paper) == light
