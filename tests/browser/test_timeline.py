"""The timeline: months of pictures from end to end, however many there are, and the scrubber along its edge."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open, Served
from tests.browser.reading import is_search, settled, shown
from tests.browser.test_accessibility import serious
from tests.browser.test_grid import SHIFTS
from tests.patience import until

MANY = 100_000
MONTHS = 240  # from 2024-12 backwards
PIXEL = b64decode("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vv9UAA=")


def _month(place: int) -> str:
    number = 2024 * 12 + 11 - place
    return f"{number // 12}-{number % 12 + 1:02}"


def _timeline() -> dict[str, Any]:
    counts = [MANY // MONTHS + (place % 7 - 3) * 60 for place in range(MONTHS)]
    counts[-1] += MANY - sum(counts)
    months = [
        {
            "month": _month(place),
            "count": count,
            "by_file": 0,
            "shapes": b64encode(bytes((place * 31 + item * 57) % 200 + 20 for item in range(count))).decode(),
        }
        for place, count in enumerate(counts)
    ]
    return {"total": MANY, "months": months}


def _hits(route: Route) -> None:
    asked = parse_qs(urlsplit(route.request.url).query)
    assert asked["order"] == ["taken"]
    start = int(asked["offset"][0])
    ranks = range(start, min(MANY, start + int(asked["limit"][0])))
    fixed = {"uri": "a.jpg", "captions": [], "tags": [], "attributes": {}, "width": 3, "height": 2}
    items = [{"id": rank + 1, **fixed, "thumbnail": f"/v1/items/{rank + 1}/thumbnail?v=0"} for rank in ranks]
    route.fulfill(json={"items": items, "total": MANY})


@pytest.fixture
def many(open_page: Open, served: Served, request: pytest.FixtureRequest) -> Page:
    """The page over a hundred thousand pictures that the service is said to have."""
    width, height = getattr(request, "param", (1280, 800))
    page = open_page("about:blank", width=width, height=height)
    timeline = _timeline()
    page.route("**/v1/timeline*", lambda route: route.fulfill(json=timeline))
    page.route("**/v1/items?*", _hits)
    page.route("**/thumbnail*", lambda route: route.fulfill(body=PIXEL, content_type="image/webp"))
    page.add_init_script(SHIFTS)
    page.goto(served.address)
    expect(page.locator(".tile[data-id='1']")).to_be_visible()
    return page


NODES = "document.getElementsByTagName('*').length"


def test_months_have_headings(open_page: Open, served: Served) -> None:
    """The latest first; what says no date of its own stands where its file's date has it, and that is said."""
    page = open_page(served.address, height=3000)
    headings = page.locator(".month")
    expect(headings).to_have_count(4)
    assert [text.partition("\n")[0] for text in headings.all_inner_texts()][1:] == [
        "June 2024", "June 2023", "June 2022",
    ]  # fmt: skip
    expect(headings.first).to_contain_text("1, all by file date")
    assert shown(page)[0] == served.ids["red-0-copy"]
    assert serious(page) == []


def test_filters_narrow_the_timeline(page: Page) -> None:
    """Its months are those of the pictures that are left, and one comes back to all."""
    page.keyboard.press("f")
    page.locator(".choice", has_text="2023").first.click()
    expect(page.locator(".month")).to_have_count(1)
    expect(page.locator(".told")).to_have_text("19 pictures")
    page.go_back()
    expect(page.locator(".told")).to_have_text("58 pictures")


def test_a_search_takes_its_place_and_gives_it_back(page: Page) -> None:
    """Going back from a search leads to where one was among the months."""
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 900)
    until(lambda: page.evaluate("scrollY === 900 && history.state?.y === 900"))  # the place is noted
    page.keyboard.press("/")
    page.keyboard.type("red")
    with page.expect_response(is_search):
        page.keyboard.press("Enter")
    settled(page)
    expect(page.locator("#timeline")).to_be_hidden()
    expect(page.get_by_role("slider", name="Date")).to_be_hidden()
    page.go_back()
    expect(page.locator("#timeline")).to_be_visible()
    settled(page)
    until(lambda: abs(page.evaluate("scrollY") - 900) <= 2)
    expect(page.locator("#results .tile")).to_have_count(0)


@pytest.mark.parametrize("many", [(1280, 800), (390, 844)], indirect=True)
def test_a_hundred_thousand_pictures_scroll_from_end_to_end(many: Page) -> None:
    """Few of them are in the page at any time, none moves what is shown, and the last is there."""
    height = many.evaluate("document.documentElement.scrollHeight")
    assert height > 1_000_000
    assert many.evaluate(NODES) <= 1500
    for part in (0.2, 0.21, 0.55, 0.8, 1):
        many.evaluate("y => scrollTo({top: y, behavior: 'instant'})", part * height)
        many.wait_for_function(
            "top => scrollY > top - 2 && [...document.querySelectorAll('.tile')].some((tile) => {"
            " const at = tile.getBoundingClientRect(); return at.bottom > 0 && at.top < innerHeight; })",
            arg=min(part * height, height - 2 * 844),
        )
        expect(many.locator(".awaited")).to_have_count(0)
        assert many.locator(".tile").count() > 8
        assert many.evaluate(NODES) <= 1500
    expect(many.locator(f".tile[data-id='{MANY}']")).to_be_visible()
    assert many.evaluate("document.documentElement.scrollHeight") == height
    assert many.evaluate("window.shifted ?? 0") < 0.01


def test_the_scrubber_leads_through_the_years(many: Page) -> None:
    """By hand and by key; it says which month is shown."""
    scrubber = many.get_by_role("slider", name="Date")
    expect(scrubber).to_have_attribute("aria-valuetext", "December 2024")
    box = scrubber.bounding_box()
    assert box is not None
    many.mouse.move(box["x"] + 20, box["y"] + 5)
    many.mouse.down()
    many.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=5)
    many.mouse.up()
    expect(scrubber).to_have_attribute("aria-valuetext", re.compile("201[34]$"))
    expect(many.locator(".awaited")).to_have_count(0)
    scrubber.press("Home")
    expect(scrubber).to_have_attribute("aria-valuetext", "December 2024")
    scrubber.press("ArrowDown")
    expect(scrubber).to_have_attribute("aria-valuetext", "November 2024")
    scrubber.press("PageDown")
    expect(scrubber).to_have_attribute("aria-valuetext", "November 2023")
    assert serious(many) == []


def test_arrows_go_through_all_that_is_there(many: Page) -> None:
    """Beyond what is in the page too; the viewer goes on to the neighbours."""
    many.keyboard.press("ArrowDown")
    expect(many.locator(".tile[data-id='1'] .tile-open")).to_be_focused()
    for _ in range(14):
        many.keyboard.press("ArrowDown")
    expect(many.locator(".tile-open:focus")).to_have_count(1)
    assert many.evaluate("scrollY") > 800
    here = many.evaluate("Number(document.activeElement.closest('.tile').dataset.id)")
    many.keyboard.press("ArrowRight")
    expect(many.locator(f".tile[data-id='{here + 1}'] .tile-open")).to_be_focused()
    many.keyboard.press("ArrowLeft")
    many.keyboard.press("ArrowUp")
    until(lambda: many.evaluate("Number(document.activeElement.closest('.tile')?.dataset.id)") < here)
