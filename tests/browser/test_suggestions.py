"""The box suggests while one types, and shows what was understood."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open, serving
from tests.browser.reading import look_for, search_bodies, settled
from tests.service.colours import ColourLibrary, make_library, picture


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over eight colours, of which two were taken in May 2018, one with Anna in Lisbon."""
    base = tmp_path_factory.mktemp("dated")
    ids = make_library(base / "library", base / "pictures")
    with ColourLibrary.open(base / "library") as library:
        say = library.catalog.annotations.set_attributes
        say(ids["red"], {"taken": "2018-05-12T10:00:00", "person": ["Anna"], "city": "Lisbon"})
        say(ids["green"], {"taken": "2018-05-20T10:00:00"})
        library.catalog.annotations.set_tags(ids["blue"], ["lighthouse"])
    with serving(base / "library") as address:
        yield address


@pytest.fixture
def box(open_page: Open, dated: str) -> Page:
    """The page with its pictures."""
    opened = open_page(dated)
    expect(opened.locator(".tile").first).to_be_visible()
    return opened


def test_what_was_understood_is_a_chip_that_is_taken_back(box: Page) -> None:
    """The date is shown beside the filters; one click makes it words again, another a date."""
    bodies = search_bodies(box)
    look_for(box, "red in May 2018")
    expect(box.locator(".tile")).to_have_count(2)
    chip = box.locator(".wish.understood")
    expect(chip).to_have_text("date May 2018")
    chip.get_by_role("button").click()
    expect(box.locator(".tile")).to_have_count(8)
    assert bodies[-1]["as_words"] == ["May 2018"]
    expect(box.locator(".wish.as-words")).to_have_text("“May 2018” as words")
    box.go_back()
    expect(box.locator(".tile")).to_have_count(2)
    box.go_forward()
    settled(box)
    box.get_by_role("button", name="Understand “May 2018” again").click()
    expect(box.locator(".wish.understood")).to_be_visible()
    expect(box.locator(".wish.as-words")).to_have_count(0)


def test_a_corrected_word_is_a_chip_that_is_taken_back(box: Page) -> None:
    """What the service put right stands beside the filters; one click has the word searched for as it is typed."""

    def correct(route: Route) -> None:
        answer = route.fetch()
        kept = "rde" in ((route.request.post_data_json or {}).get("as_words") or [])
        route.fulfill(
            response=answer,
            json=answer.json() | {"corrections": [] if kept else [{"text": "rde", "word": "red"}]},
        )

    box.route("**/v1/search", correct)
    bodies = search_bodies(box)
    look_for(box, "rde")
    chip = box.locator(".wish.understood")
    expect(chip).to_have_text("spelling rde → red")
    chip.get_by_role("button", name="Search for “rde” as words").click()
    expect(box.locator(".wish.as-words")).to_have_text("“rde” as words")
    expect(chip).to_have_count(0)
    assert bodies[-1]["as_words"] == ["rde"]


def test_names_are_suggested_and_become_filters(box: Page) -> None:
    """Typing shows names with counts; the keyboard chooses one, which narrows the search."""
    box.locator("#query").fill("red li")  # at once: what is suggested for its beginning would come in between
    options = box.get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.first).to_contain_text("lighthouse")
    expect(options.nth(1)).to_contain_text("Lisbon")
    box.keyboard.press("ArrowDown")
    box.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    box.keyboard.press("Enter")
    expect(box.locator(".wish-name")).to_have_text(["Lisbon"])
    expect(box.locator("#query")).to_have_value("red")
    expect(box.locator(".tile")).to_have_count(1)
    expect(box.get_by_role("listbox")).to_be_hidden()


def test_a_click_chooses_and_escape_closes(box: Page) -> None:
    """The line keeps the focus and what was typed before the name."""
    box.locator("#query").press_sequentially("ann")
    box.get_by_role("option", name="Anna").click()
    expect(box.locator(".wish-name")).to_have_text(["Anna"])
    expect(box.locator("#query")).to_be_focused()
    box.locator("#query").press_sequentially("li")
    expect(box.get_by_role("listbox")).to_be_visible()
    box.keyboard.press("Escape")
    expect(box.get_by_role("listbox")).to_be_hidden()
    expect(box.locator("#query")).to_have_value("li")


def test_recent_searches_come_back_and_are_forgotten(box: Page) -> None:
    """An empty line offers what was searched for, on this browser alone."""
    look_for(box, "blue - red")
    box.get_by_role("button", name="Clear the search").click()
    box.locator("#query").blur()
    box.locator("#query").focus()
    box.get_by_role("option", name="blue - red").click()
    expect(box.locator(".chip")).to_have_count(2)
    box.get_by_role("button", name="Clear the search").click()
    box.get_by_role("option", name="Forget recent searches").click()
    box.locator("#query").blur()
    box.locator("#query").focus()
    expect(box.get_by_role("listbox")).to_be_hidden()


def test_a_picture_is_a_recent_search_too(open_page: Open, dated: str) -> None:
    """Also in another tab; only the latest are kept, and forgetting forgets the pictures themselves."""
    page = open_page(dated)
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": picture("green")}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator(".chip img")).to_be_visible()
    other = page.context.new_page()
    other.goto(dated)
    expect(other.locator(".tile").first).to_be_visible()
    other.locator("#query").focus()
    option = other.get_by_role("option", name="mine.png")
    expect(option.locator("img")).to_be_visible()
    option.click()
    expect(other.locator(".chip-name")).to_have_text(["mine.png"])
    expect(other.locator(".tile").first).to_be_visible()
    other.evaluate(_KEEP_MANY)
    assert other.evaluate(_KEPT) == [24, False, True]
    other.get_by_role("button", name="Clear the search").click()
    other.get_by_role("option", name="Forget recent searches").click()
    other.wait_for_function(f"({_KEPT})().then(([count]) => count === 0)")
    page.context.close()


_KEEP_MANY = """async () => {
  const {keepPicture} = await import('/scripts/keeping.js');
  for (let n = 0; n < 24; n += 1) {
    keepPicture({image: 'A'.repeat(n + 1), name: `${n}`});
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}"""
_KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open('vasari', 1);
  opening.onsuccess = () => {
    const asked = opening.result.transaction('pictures').objectStore('pictures').getAll();
    asked.onsuccess = () => {
      const names = asked.result.map(({name}) => name);
      resolve([names.length, names.includes('mine.png'), names.includes('23')]);
      opening.result.close();
    };
  };
})"""


def test_quoted_words_are_asked_for(box: Page) -> None:
    """They stand in quotes on their chip and must occur."""
    bodies = search_bodies(box)
    look_for(box, 'red "lighthouse"')
    assert [term.get("quoted", False) for term in bodies[-1]["terms"]] == [True, False]
    expect(box.locator(".chip-name")).to_have_text(["“lighthouse”", "red"])
    expect(box.locator(".tile")).to_have_count(1)
