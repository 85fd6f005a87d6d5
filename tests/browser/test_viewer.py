"""The viewer: what is known of a picture, questions to it, and why it matched."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.album import SCRIPT, TRAP
from tests.browser.conftest import Open, Served
from tests.browser.reading import chips, look_for, search_bodies, settled


@pytest.fixture
def viewer(page: Page) -> Locator:
    """The viewer with the best match of "blue" in it."""
    look_for(page, "blue")
    page.locator(".tile-open").first.click()
    viewer = page.locator("#viewer")
    expect(viewer.get_by_text("Details")).to_be_visible()
    return viewer


def test_a_picture_tells_what_is_known_of_it(viewer: Locator, page: Page, served: Served) -> None:
    """Large picture, name, caption, date, size, score; the original is a click away."""
    expect(viewer.locator(".captions")).to_contain_text("all blue")
    for name in ("Score", "Taken", "Size", "Where"):
        expect(viewer.locator("dt", has_text=name).first).to_be_visible()
    expect(viewer.locator("h2")).to_contain_text(".jpg")
    expect(viewer.locator("img.over")).to_have_class("over there")
    original = viewer.get_by_role("link", name="Original").get_attribute("href")
    assert page.request.get(f"{served.address}{original}").headers["content-type"] == "image/jpeg"


def test_one_goes_on_to_the_next_picture(viewer: Locator, page: Page) -> None:
    """The arrows show the neighbours of the grid; closing comes back to the one shown last."""
    first = viewer.locator("h2").inner_text()
    expect(viewer.get_by_role("button", name="Previous picture")).to_be_disabled()
    viewer.get_by_role("button", name="Next picture").click()
    expect(viewer.locator("h2")).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator(".tile-open").nth(1)).to_be_focused()


def test_a_picture_answers_questions(viewer: Locator) -> None:
    """A question gets the model's answer; a description comes on request."""
    viewer.get_by_label("Ask this picture").fill("Which colour is it?")
    viewer.get_by_role("button", name="Ask").click()
    expect(viewer.locator(".answers dt").first).to_have_text("Which colour is it?")
    expect(viewer.locator(".answers dd").first).to_have_text("blue")
    viewer.get_by_role("button", name="Describe it").click()
    expect(viewer.locator(".answers dd").first).to_have_text("something blue, all over")


def test_why_it_matched_is_laid_over_the_picture(viewer: Locator) -> None:
    """The heat map of the query's words covers the picture, fades with the slider, and goes again."""
    expect(viewer.get_by_label("Why it matched")).to_have_value("blue")
    viewer.get_by_role("button", name="Show where").click()
    heat = viewer.get_by_alt_text("Heat map: where “blue” is seen in the picture")
    expect(heat).to_be_visible()
    assert heat.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    frame = viewer.locator(".frame").bounding_box()
    assert heat.bounding_box() == frame
    viewer.get_by_label("Strength").fill("0.2")
    expect(heat).to_have_css("opacity", "0.2")
    viewer.get_by_role("button", name="Hide").click()
    expect(heat).to_have_count(0)


def test_text_in_the_picture_stands_where_it_was_read(open_page: Open, served: Served) -> None:
    """Each line lies over its box, can be selected there, and all of them can be copied."""
    page = open_page(
        f"{served.address}/?picture={served.ids['blue-0']}",
        permissions=["clipboard-read", "clipboard-write"],
    )
    viewer = page.locator("#viewer")
    plate = viewer.locator(".text-layer text", has_text="RE16 TGK")
    expect(plate).to_be_visible()
    frame, box = viewer.locator(".frame").bounding_box(), plate.bounding_box()
    assert frame is not None
    assert box is not None
    scale = frame["width"] / 96
    assert box["x"] - frame["x"] == pytest.approx(10 * scale, abs=2)
    assert box["width"] == pytest.approx(48 * scale, rel=0.05)
    middle = box["y"] + box["height"] / 2 - frame["y"]
    assert middle == pytest.approx(16 * scale, abs=3 * scale)
    plate.dblclick(position={"x": 3, "y": box["height"] / 2})
    assert page.evaluate("String(getSelection())").strip() == "RE16"
    assert viewer.locator(".text-lines li").all_inner_texts() == ["RE16 TGK", "no entry"]
    viewer.get_by_role("button", name="Copy text").click()
    expect(page.locator("#announcer")).to_have_text("Text copied")
    assert page.evaluate("navigator.clipboard.readText()") == "RE16 TGK\nno entry"


def test_a_picture_can_be_added_to_the_search(viewer: Locator, page: Page) -> None:
    """More and less like this picture, beside the words that are there."""
    bodies = search_bodies(page)
    viewer.get_by_role("button", name="Less").click()
    expect(page.locator(".chip")).to_have_count(2)
    settled(page)
    assert bodies[-1]["terms"][0] == {"text": "blue", "weight": 1}
    assert bodies[-1]["terms"][1]["weight"] == -1
    assert chips(page)[1].startswith("−")


def test_a_model_that_fails_says_so_and_no_more(viewer: Locator, page: Page) -> None:
    """An answer that does not come leaves one line in its place."""
    page.route("**/v1/ask", lambda route: route.abort())
    viewer.get_by_label("Ask this picture").fill("Is it?")
    viewer.get_by_role("button", name="Ask").click()
    expect(viewer.locator(".answers .complaint")).to_contain_text("does not answer")


def test_names_and_captions_are_text_and_nothing_else(open_page: Open, served: Served) -> None:
    """Markup in a file's name, a caption, a tag, a camera and an attribute is shown letter by letter, and never run."""
    page = open_page(f"{served.address}")
    page.keyboard.press("f")
    expect(page.locator("#filters").get_by_role("button", name=TRAP)).to_be_visible()
    page.goto(f"{served.address}/?q=item:{served.ids['red-1']}&camera={TRAP}")
    tile = page.locator(f'.tile[data-id="{served.ids[TRAP]}"]')
    tile.locator(".tile-open").click()
    viewer = page.locator("#viewer")
    expect(viewer.locator("h2")).to_have_text(f"{TRAP}.jpg")
    expect(viewer.locator(".captions")).to_contain_text(SCRIPT)
    expect(viewer.get_by_role("list", name="Tags")).to_contain_text(SCRIPT)
    expect(viewer.locator("dd", has_text=SCRIPT)).to_have_count(1)
    page.keyboard.press("s")
    expect(page.locator(".chip")).to_contain_text(SCRIPT)
    assert page.evaluate("window.trapped") is None
    assert page.locator("main script, dialog script, img[src='x']").count() == 0


def test_a_name_cannot_turn_the_letters_around_it(page: Page) -> None:
    """Control characters are shown as what they are; overrides of the writing's direction do nothing."""
    shown = "async text => (await import('/scripts/dom.js')).shown(text)"
    assert page.evaluate(shown, "a\u202egpj.exe\x1b[31m\x9b") == "a\ufffdgpj.exe\u241b[31m\ufffd"
    assert page.evaluate(shown, "שלום 🏳️‍🌈\n日本") == "שלום 🏳️‍🌈\n日本"
