"""The search box: words, weights, pictures; and the address that keeps them."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Served
from tests.browser.reading import chips, is_search, look_for, search_bodies, searched, settled, shown
from tests.service.colours import picture
from vasari.retrieval.search.query import parse_query

QUERIES = (
    "a red boat",
    "2:boat - people",
    '2:"a red boat" + sunset',
    "boat + item:7 - .5:item:9",
    "- fog + boat",
    "the dog's ball",
    '"a - b" + "c + d"',
    r'say "a \"quoted\" word" + back\ slash',
    "3:house by the sea 2:tree",
    "红船 - 雪",
    'red "no entry" sign - "a hat"',
    "l'été d'Anna + 5\" nail",
    '1:"2:3 ratio"',
    "photo “no entry” + „Eingang“ - «sortie»",
    "「出口」 2:“a red boat” “unclosed",
    '1:"a “b” c"',
)


def test_what_is_typed_is_read_as_the_service_reads_it(page: Page) -> None:
    """The page's grammar gives the same terms as `vasari.retrieval.search.query`, and writes what it can read again."""
    for query in QUERIES:
        expected = [
            {key: value for key, value in (("text", term.text), ("item", term.item)) if value is not None}
            | {"weight": term.weight}
            | ({"quoted": True} if term.quoted else {})
            for term in parse_query(query)
        ]
        read = page.evaluate("async q => (await import('/scripts/query.js')).parse(q)", query)
        again = page.evaluate(
            "async q => { const m = await import('/scripts/query.js'); return m.parse(m.format(m.parse(q))); }",
            query,
        )
        assert read == expected, query
        assert again == expected, query


def test_words_become_weighted_and_negative_chips(page: Page) -> None:
    """`2:red - people` is two chips, one of which counts twice and the other away."""
    bodies = search_bodies(page)
    look_for(page, "2:red - people")
    assert chips(page) == ["2× red", "− people"]
    assert bodies[-1]["terms"] == [{"text": "red", "weight": 2}, {"text": "people", "weight": -1}]
    expect(page.locator("#query")).to_have_value("")


def test_quoted_words_that_are_nowhere_are_told(page: Page) -> None:
    """The library is not called empty, and a click searches without the quotes."""
    look_for(page, '"lost anchor" red')
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.locator("#notes")).to_contain_text(
        "nothing that was searched has “lost anchor” in its captions"
    )
    with page.expect_response(is_search):
        page.get_by_role("button", name="Search without the quotes").click()
    settled(page)
    assert chips(page) == ["lost anchor", "red"]
    expect(page.locator(".tile").first).to_be_visible()


def test_commands_in_a_refusal_are_set_apart(open_page: Open, served: Served) -> None:
    """And their backticks are not shown."""
    page = open_page(f"{served.address}/?q=red&group=zzzzzz")
    expect(page.locator(".message code")).to_have_text("vasari fields")


def test_the_best_match_comes_first(page: Page, served: Served) -> None:
    """A word finds the pictures of its colour, and they stand first."""
    look_for(page, "green")
    green = {item for name, item in served.ids.items() if name.startswith("green")}
    assert set(shown(page)[: len(green)]) == green


def test_words_are_searched_for_while_they_are_typed(page: Page) -> None:
    """Results come without Enter, and no chip is made."""
    bodies = search_bodies(page)
    page.locator("#query").press_sequentially("blue")
    searched(page, bodies, [{"text": "blue", "weight": 1}])
    expect(page.locator(".told")).to_contain_text("ms")
    assert chips(page) == []


def test_a_chip_can_be_weighed_anew_and_removed(page: Page) -> None:
    """The slider changes the weight and searches again; the cross takes the term away."""
    look_for(page, "red + blue")
    bodies = search_bodies(page)
    page.get_by_role("button", name="blue, weight 1").click()
    slider = page.get_by_role("slider", name="Weight")
    expect(slider).to_be_focused()
    for _ in range(8):
        slider.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(page.locator(".chip.away")).to_have_text("−blue")
    settled(page)
    assert bodies[-1]["terms"] == [{"text": "red", "weight": 1}, {"text": "blue", "weight": -1}]
    page.get_by_role("button", name="Remove blue").click()
    expect(page.locator(".chip")).to_have_count(1)
    assert chips(page) == ["red"]


def test_backspace_makes_the_last_chip_words_again(page: Page) -> None:
    """In an empty line, Backspace takes the last term back to be changed."""
    look_for(page, "red + 2:blue")
    page.locator("#query").press("Backspace")
    expect(page.locator("#query")).to_have_value('2:"blue"')
    assert chips(page) == ["red"]


def test_the_address_keeps_the_search(page: Page, open_page: Open) -> None:
    """A search can be opened again by its address, and the back button leads to the one before."""
    look_for(page, "red - people")
    look_for(page, "blue")
    again = open_page(page.url)
    expect(again.locator(".chip")).to_have_count(3)
    assert chips(again) == ["red", "− people", "blue"]
    page.go_back()
    expect(page.locator(".chip")).to_have_count(2)


def test_a_chosen_picture_is_searched_by(page: Page, served: Served) -> None:
    """A file from the disk becomes a chip with its own small picture."""
    bodies = search_bodies(page)
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": picture("green")}
    )
    expect(page.locator(".chip img")).to_be_visible()
    expect(page.locator(".tile").first).to_have_attribute("data-id", _ids(served, "green"))
    assert chips(page) == ["mine.png"]
    assert base64.b64decode(bodies[-1]["terms"][0]["image"]) == picture("green")


_GIVE = """([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], 'given.png', {type: 'image/png'}));
  const usual = {bubbles: true, cancelable: true};
  const events = kind === 'paste'
    ? [new ClipboardEvent('paste', {clipboardData: transfer, ...usual})]
    : ['dragover', 'drop'].map(name => new DragEvent(name, {dataTransfer: transfer, ...usual}));
  for (const event of events) document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_dropped_or_pasted_picture_is_searched_by(page: Page, served: Served, kind: str) -> None:
    """A picture given anywhere on the page finds pictures like it."""
    page.evaluate(_GIVE, [kind, base64.b64encode(picture("violet")).decode()])
    expect(page.locator(".chip")).to_have_text("given.png")
    expect(page.locator(".tile").first).to_have_attribute("data-id", _ids(served, "violet"))
    expect(page.locator(".veil")).to_be_hidden()


def test_similar_pictures_are_one_click_away(page: Page, served: Served) -> None:
    """The button on a picture searches by it, and leaves it out itself."""
    bodies = search_bodies(page)
    look_for(page, "blue")
    first = shown(page)[0]
    page.locator(".tile").first.hover()
    page.locator(".tile-similar").first.click()
    expect(page.locator(".chip img")).to_be_visible()
    settled(page)
    assert bodies[-1]["terms"] == [{"item": first, "weight": 1}]
    expect(page.locator(f'.tile[data-id="{first}"]')).to_have_count(0)
    expect(page.locator(".tile").first).to_have_attribute("data-id", _ids(served, "blue"))


def _ids(served: Served, colour: str) -> re.Pattern[str]:
    """Any id of this colour."""
    ids = [str(item) for name, item in served.ids.items() if name.startswith(colour)]
    return re.compile(f"^({'|'.join(ids)})$")


def test_good_matches_stand_by_date(open_page: Open, served: Served) -> None:
    """The latest first, undated ones last, and only those that match well; one step back the best come first."""
    page = open_page(f"{served.address}/?q=red")
    settled(page)
    expect(page.locator(".tile").first).to_be_visible()
    best = shown(page)
    with page.expect_response(is_search):
        page.get_by_role("switch", name="By date").click()
    settled(page)
    expect(page.get_by_text("These were the good matches.")).to_be_visible()
    dated = shown(page)
    assert dated != best
    assert set(dated) == set(best)
    taken = [
        page.request.get(f"{served.address}/v1/items/{item}").json()["attributes"].get("taken", "")
        for item in dated
    ]
    assert taken == sorted(taken, reverse=True)
    assert "dated=1" in page.url
    page.go_back()
    settled(page)
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.get_by_role("switch", name="By date")).to_have_attribute("aria-checked", "false")
