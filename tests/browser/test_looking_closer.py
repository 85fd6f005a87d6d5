"""The viewer for looking: enlarged to the original, over the whole screen, one after the other, by the day."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.conftest import Open, Served
from tests.browser.reading import STEP
from tests.browser.test_accessibility import serious
from tests.patience import until


@pytest.fixture
def stage(page: Page) -> Locator:
    """The third picture of the timeline, in the viewer."""
    page.locator(".tile-open").nth(2).click()
    expect(page.locator("#viewer img.over")).to_have_class("over there")
    return page.locator("#viewer .stage")


def scale(stage: Locator) -> float:
    found = re.search(
        r"scale\(([\d.]+)\)", stage.locator(".frame").evaluate("frame => frame.style.transform")
    )
    return float(found[1]) if found else 1.0


def test_the_wheel_leads_into_the_original(stage: Locator, page: Page) -> None:
    """The place under the pointer stays there; the original comes, and dragging moves it, closing nothing."""
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.45
    inside = f"""() => {{
      const box = document.querySelector('.frame').getBoundingClientRect();
      return [({x} - box.x) / box.width, ({y} - box.y) / box.height];
    }}"""
    before = page.evaluate(inside)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    expect(stage).to_have_class(re.compile("zoomed"))
    until(lambda: scale(stage) > 1.5)
    assert page.evaluate(inside) == pytest.approx(before, abs=0.03)
    expect(stage.locator("img.over")).to_have_attribute("src", re.compile("/original"))
    moved = page.evaluate(inside)
    page.mouse.down()
    page.mouse.move(x - 80, y, steps=4)
    page.mouse.up()
    until(lambda: page.evaluate(inside)[0] > moved[0] + 0.02)
    expect(page.locator("#viewer")).to_be_visible()
    page.keyboard.press("z")
    expect(stage).not_to_have_class(re.compile("zoomed"))
    stage.locator(".frame").dblclick()
    until(lambda: scale(stage) > 1.5)
    page.keyboard.press("ArrowRight")
    expect(stage).not_to_have_class(re.compile("zoomed"))


def test_two_fingers_enlarge_on_a_phone(open_page: Open, served: Served) -> None:
    """Pinching out enlarges, as far as makes sense; the page below stays as it is."""
    page = open_page(served.address, width=390, height=844, has_touch=True, is_mobile=True)
    page.locator(".tile-open").nth(2).tap()
    stage = page.locator("#viewer .stage")
    expect(stage.locator("img.over")).to_have_class("over there")
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 30), ("touchMove", 60), ("touchMove", 90), ("touchMove", 110)):
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(stage).to_have_class(re.compile("zoomed"))
    until(lambda: scale(stage) > 1.3)
    assert page.evaluate("visualViewport.scale") == pytest.approx(1, abs=0.01)


def test_a_slideshow_goes_on_by_itself(stage: Locator, page: Page) -> None:
    """Over the whole screen, picture after picture, until it is stopped."""
    before = page.url
    page.keyboard.press("Space")
    expect(stage).to_have_class(re.compile("playing"))
    expect(page).not_to_have_url(before)
    until(lambda: page.evaluate("document.fullscreenElement?.className.includes('stage')"))
    stage.get_by_role("button", name="Slideshow").click()
    expect(stage).not_to_have_class(re.compile("playing"))
    until(lambda: page.evaluate("document.fullscreenElement") is None)
    assert serious(page) == []


def test_the_next_picture_is_at_hand(page: Page) -> None:
    """It is fetched while one looks at this one."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    following = page.locator(".tile").nth(3).get_attribute("data-id")
    page.on("request", note)
    page.locator(".tile-open").nth(2).click()
    while not any(f"/items/{following}/thumbnail" in url and "side=1280" in url for url in asked):
        page.wait_for_timeout(STEP)


def test_what_was_taken_that_day(stage: Locator, page: Page) -> None:
    """A button leads to all pictures of the day."""
    page.locator("#viewer").get_by_role("button", name="That day").click()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#active")).to_contain_text(re.compile(r"20\d\d-06-\d\d"))
    expect(page.locator(".month")).to_have_count(1)
    assert "from=20" in page.url
