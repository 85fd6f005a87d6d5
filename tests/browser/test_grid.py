"""The pictures: how they come, what they tell, and how one moves among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.album import TWINS
from tests.browser.conftest import Open, Served, serving
from tests.browser.reading import look_for, scroll_through, search_bodies, settled, shown
from tests.service.colours import ColourLibrary
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource


def test_a_fresh_page_shows_the_timeline(page: Page, served: Served) -> None:
    """Nothing was asked for yet, and there are pictures, the latest taken first."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Timeline")
    assert shown(page)[0] == served.ids["red-0-copy"]
    expect(page.locator(".told")).to_have_text(f"{len(served.ids)} pictures")


def test_results_are_there_before_their_pictures(open_page: Open, served: Served) -> None:
    """Tiles have their place and their shape while not one picture has come."""
    page = open_page("about:blank")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/thumbnail*", hold)
    page.goto(served.address, wait_until="domcontentloaded")
    tile = page.locator(".tile").first
    expect(tile).to_be_attached()
    expect(page.locator("img.there")).to_have_count(0)
    item = page.request.get(f"{served.address}/v1/items/{served.ids['red-0-copy']}").json()
    before = tile.bounding_box()
    assert before is not None
    assert abs(before["width"] / before["height"] - item["width"] / item["height"]) < 0.05
    for route in held:
        route.continue_()
    page.unroute("**/thumbnail*")
    expect(page.locator("img.there").first).to_be_visible()
    assert tile.bounding_box() == before


SHIFTS = """new PerformanceObserver(list => {
  for (const {value} of list.getEntries()) window.shifted = (window.shifted ?? 0) + value;
}).observe({type: 'layout-shift', buffered: true})"""


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_while_the_page_fills(open_page: Open, served: Served, width: int) -> None:
    """Neither the first pictures nor the pages that scrolling adds shift anything that is shown."""
    page = open_page("about:blank", width=width)
    page.add_init_script(SHIFTS)
    page.goto(f"{served.address}/?q=red")
    expect(page.locator("img.there").first).to_be_visible()
    page.get_by_role("button", name="Show less alike ones").click()
    page.mouse.move(width / 2, 500)
    scroll_through(page, len(served.ids))
    assert page.evaluate("window.shifted ?? 0") < 0.01


_BLURRED = """() => [...document.querySelectorAll('.tile img.there')].filter(image => {
  const [width, height] = [image.offsetWidth * devicePixelRatio, image.offsetHeight * devicePixelRatio];
  return image.naturalWidth < Math.max(width, height * image.naturalWidth / image.naturalHeight) - 2;
}).map(image => image.src)"""


@pytest.mark.parametrize(("width", "density"), [(1280, 1), (390, 3)])
def test_thumbnails_are_as_large_as_their_tiles(
    open_page: Open, tmp_path: Path, width: int, density: float
) -> None:
    """No picture is drawn up, whatever its shape and however fine the screen."""
    for name, size in {"wide": (2600, 600), "tall": (600, 2600), "usual": (1800, 1200)}.items():
        Image.new("RGB", size, (200, 30, 30)).save(tmp_path / f"{name}.jpg")
    with ColourLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path]))
    with serving(tmp_path / "library") as address:
        page = open_page(address, width=width, device_scale_factor=density)
        expect(page.locator("img.there")).to_have_count(3)
        assert page.evaluate(_BLURRED) == []
        page.context.close()


def test_thumbnails_are_small_webp_that_browsers_keep(page: Page) -> None:
    """A thumbnail is WebP, and its address may be cached for ever."""
    source = page.locator(".tile img").first.evaluate("image => image.currentSrc || image.src")
    answer = page.request.get(source)
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert page.locator(".tile img").nth(12).get_attribute("loading") == "lazy"


def test_a_thumbnail_that_was_refused_is_asked_for_again(open_page: Open, served: Served) -> None:
    """A busy service turns a picture away once; the page asks again."""
    page = open_page("about:blank")
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=429, headers={"Retry-After": "1"})

    page.route("**/thumbnail*", refuse_once)
    page.goto(served.address)
    expect(page.locator(".tile img").first).to_have_class("there")
    expect(page.locator("img.there")).not_to_have_count(0)
    assert refused


def test_more_pictures_come_as_one_scrolls(page: Page, served: Served) -> None:
    """All that a search ranks come, each once, page after page."""
    look_for(page, "red")
    page.get_by_role("button", name="Show less alike ones").click()
    expect(page.locator(".tile").nth(20)).to_be_attached()
    page.mouse.move(600, 500)
    scroll_through(page, len(served.ids))
    assert len(set(shown(page))) == len(served.ids)


_LATE = """async () => {
  const { Results } = await import('/scripts/results.js');
  const answers = [];
  const fetchPage = () => new Promise((answer) => answers.push(answer)); // ends, although it was given up
  const results = new Results(document.createElement('div'), document.createElement('div'), {
    fetchPage, deepest: () => 100, folds: () => false, report: () => {}, chosen: () => false,
  });
  const fixed = { uri: 'a.jpg', captions: [], score: 0.5, width: 3, height: 2, thumbnail: null };
  const page = (...ids) => ({ hits: ids.map((id) => ({ id, ...fixed })), total: ids.length });
  const searches = [results.start(), results.start()];
  answers[0](page(1, 2, 3));
  await searches[0];
  answers[1](page(3));
  await searches[1];
  return results.hits.map(({ id }) => id);
}"""


def test_an_answer_that_comes_as_another_search_begins_is_not_shown(page: Page) -> None:
    """Neither in the place of what was asked for last nor before it."""
    assert page.evaluate(_LATE) == [3]


def test_the_end_of_a_ranking_is_said(open_page: Open, served: Served) -> None:
    """A search goes down to the last rank that the service computes, and says how to see others."""
    page = open_page(f"{served.address}/?q=red")
    expect(page.locator(".tile").first).to_be_visible()
    depths: list[int] = []

    def answer(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        depths.append(body["offset"] + body["limit"])
        ranks = range(body["offset"], body["offset"] + body["limit"], 100)  # enough to tell them apart
        fixed = {"uri": "a.jpg", "captions": [], "score": 0.5, "width": 3, "height": 2, "thumbnail": None}
        hits = [{"id": rank + 1, **fixed} for rank in ranks]
        route.fulfill(json={"hits": hits, "total": 12_500, "took_ms": 1, "reranked": False})

    page.route("**/v1/search", answer)
    page.evaluate("history.replaceState({y: 0, shown: 10000}, '')")  # as if somebody had scrolled there
    page.reload()
    expect(page.locator("#foot")).to_contain_text("the 100 nearest of 12,500 pictures")
    assert max(depths) == 10_000, depths
    page.locator("#foot").get_by_role("button", name="Filters").click()
    expect(page.locator("#filters")).to_be_visible()


def test_scores_are_shown_when_asked_for(page: Page) -> None:
    """The switch shows each picture's score, and the address remembers it."""
    look_for(page, "red")
    score = page.locator(".tile-score").first
    assert score.evaluate("label => getComputedStyle(label).opacity") == "0"
    page.get_by_role("switch", name="Scores").click()
    expect(score).to_have_css("opacity", "1")
    assert score.inner_text() in ("very good", "good")
    assert "scores=1" in page.url


def test_reranking_is_a_switch(page: Page) -> None:
    """With it, the service is asked for its second stage, and the page tells that it took place."""
    look_for(page, "red")
    bodies = search_bodies(page)
    page.get_by_role("switch", name="Rerank").click()
    expect(page.locator(".told")).to_contain_text("reranked")
    assert bodies[-1]["rerank"]["top"] > 0
    expect(page.get_by_role("switch", name="Rerank")).to_have_attribute("aria-checked", "true")


def test_duplicates_can_be_hidden(page: Page, served: Served) -> None:
    """Of two nearly equal pictures, one is shown."""
    twins = {served.ids[name] for name in TWINS}
    look_for(page, "red")
    assert twins <= set(shown(page))
    page.get_by_role("switch", name="Hide duplicates").click()
    settled(page)
    expect(page.locator(", ".join(f'.tile[data-id="{item}"]' for item in twins))).to_have_count(1)


def test_the_keyboard_is_enough(page: Page) -> None:
    """/ goes to the box, arrows to and among the pictures, Enter opens one, Esc comes back to it, ? lists the keys."""
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_contain_text("ms")
    settled(page)
    page.keyboard.press("ArrowDown")
    tiles = page.locator(".tile-open")
    expect(tiles.nth(0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.getBoundingClientRect().top")
    above = tiles.nth(1).bounding_box()
    assert above is not None
    assert below > above["y"]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tile-open:focus")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Searching")).to_be_visible()


def test_a_phone_has_room_for_everything(open_page: Open, served: Served) -> None:
    """At 390 pixels nothing is wider than the screen, and filters and viewer fit it."""
    page = open_page(
        f"{served.address}/?q=red+-+people", width=390, height=844, has_touch=True, is_mobile=True
    )
    expect(page.locator(".tile").first).to_be_visible()
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 390
    page.get_by_role("button", name="Filters", exact=False).first.click()
    expect(page.locator("#filters")).to_be_visible()
    assert page.evaluate(wide) <= 390
    page.get_by_role("button", name="Close the filters").click()
    page.locator(".tile-open").first.click()
    expect(page.locator(".about")).to_be_visible()
    about = page.locator(".about").bounding_box()
    stage = page.locator(".stage").bounding_box()
    assert about is not None
    assert stage is not None
    assert about["width"] == 390
    assert about["y"] >= stage["y"] + stage["height"] - 1


def test_one_of_each_stack(open_page: Open, tmp_path: Path) -> None:
    """The switch folds stacks to one picture with a number, the address remembers it, and the number unfolds it."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate(("a", "b", "c", "d")):
        Image.new("RGB", (60, 40), (250, 20 + 10 * number, 20)).save(photos / f"{name}.png")
    with ColourLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([photos]))
        ids = {Path(item.uri).stem: item.id for item in library.items(range(1, 5)).values()}
        library.catalog.stacks.make([ids["a"], ids["b"]])
        for name, product in {"b": "P 1", "c": "P 1", "d": "P 1", "a": "P 2"}.items():
            library.catalog.annotations.set_attributes(ids[name], {"product": product})
    with serving(tmp_path / "library") as address:
        page = open_page(f"{address}/?q=red")
        expect(page.locator(".tile")).to_have_count(4)
        page.get_by_role("switch", name="Stacks").click()
        expect(page.locator(".tile")).to_have_count(3)
        assert "group=stack" in page.url
        expect(page.locator(".tile-members")).to_have_text(["2"])
        page.reload()
        page.locator(".tile-members").click()
        expect(page.locator(".tile")).to_have_count(2)
        assert set(shown(page)) == {ids["a"], ids["b"]}
        expect(page.get_by_role("switch", name="Stacks")).to_have_attribute("aria-checked", "false")
        page.go_back()
        expect(page.locator(".tile")).to_have_count(3)
        page.goto(f"{address}/?q=red&group=product")
        expect(page.locator(".tile")).to_have_count(2)
        expect(page.get_by_role("switch", name="By product")).to_have_attribute("aria-checked", "true")
        page.locator(".tile-members").click()
        expect(page.locator(".tile")).to_have_count(3)
        assert set(shown(page)) == {ids["b"], ids["c"], ids["d"]}
