"""Work in the background: indexing with its progress, and the map of the collection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open, Served, serving
from tests.browser.reading import PATIENCE


def test_a_first_folder_is_indexed_from_the_page(open_page: Open, served: Served, tmp_path: Path) -> None:
    """An empty library says so; indexing a folder shows its progress, and the pictures come by themselves."""
    with serving(tmp_path / "library", roots=[served.pictures]) as address:
        page = open_page(address)
        expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
        page.get_by_role("button", name="Index a folder").click()
        page.get_by_label("Index a folder of the machine").fill(str(served.pictures))
        page.get_by_role("button", name="Index", exact=True).click()
        job = page.locator(".job")
        expect(job).to_contain_text("Indexing")
        expect(job).to_contain_text(f"{len(served.ids)} added")
        expect(page.locator(".tile").first).to_be_attached()
        page.keyboard.press("Escape")
        expect(page.locator(".told")).to_have_text(f"{len(served.ids)} pictures")
        page.context.close()


def test_progress_is_shown_as_it_is_told(page: Page) -> None:
    """A job that others started shows up at the top of the page, with how far it is."""
    job = {
        "id": 99,
        "kind": "index",
        "state": "running",
        "params": {},
        "progress": {"phase": "indexing", "done": 250, "total": 1000, "failed": 0, "images_per_second": 12.4},
    }
    stream = f"event: progress\ndata: {json.dumps(job)}\n\n"
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"jobs": [job]}))
    page.route(
        "**/v1/jobs/99/events", lambda route: route.fulfill(body=stream, content_type="text/event-stream")
    )
    page.get_by_role("button", name="Background work", exact=True).click()
    page.keyboard.press("Escape")
    work = page.locator(".work")
    expect(work).to_contain_text("Indexing: 250 of 1,000, 12 a second")
    assert work.locator("progress").evaluate("bar => bar.value / bar.max") == 0.25
    # The panel covers none of the buttons.
    page.get_by_role("button", name="Background work", exact=True).click(trial=True)
    page.get_by_role("button", name="Help and keys").click(trial=True)


def test_a_folder_that_may_not_be_indexed_is_refused_with_the_command(page: Page) -> None:
    """What cannot be done from the page is offered for the terminal, without settings or numbers of errors."""
    page.get_by_role("button", name="Background work", exact=True).click()
    page.get_by_label("Index a folder of the machine").fill("/etc")
    page.get_by_role("button", name="Index", exact=True).click()
    complaint = page.locator("#jobs").get_by_role("alert")
    expect(complaint.locator("code")).to_contain_text("vasari index /etc")
    expect(complaint.get_by_role("button", name="Copy")).to_be_visible()
    expect(complaint).not_to_contain_text("VASARI_")
    page.get_by_label("Index a folder of the machine").fill("Pictures")
    page.get_by_role("button", name="Index", exact=True).click()
    expect(complaint).to_contain_text("from the beginning")


@pytest.fixture
def mapped(page: Page, served: Served) -> Page:
    """The page with the map drawn."""
    with page.expect_response(f"{served.address}/v1/map") as found:
        page.get_by_role("button", name="Likeness map").click()
    plane = page.locator("#likeness")
    if found.value.status == 404:
        plane.locator(".map-empty button").click()
    all_of_them = plane.get_by_text(f"{len(served.ids)} pictures")
    expect(all_of_them).to_be_visible()
    return page


_PLACES = """async ([points, width, height]) => {
  const {View, spread} = await import('/scripts/plane.js');
  const view = new View();
  view.resize(width, height);
  return spread(points).map(({x, y}) => view.project(x, y));
}"""


def _a_picture_on_it(mapped: Page, served: Served) -> tuple[float, float]:
    """Where a picture lies on the map, in pixels of the window."""
    box = mapped.locator(".map-canvas").bounding_box()
    assert box is not None
    points = mapped.request.get(f"{served.address}/v1/map").json()["points"]
    x, y = mapped.evaluate(_PLACES, [points, box["width"], box["height"]])[0]
    return box["x"] + x, box["y"] + y


def test_the_map_shows_a_picture_where_one_points(mapped: Page, served: Served) -> None:
    """Hovering shows the picture, clicking opens it."""
    mapped.mouse.move(*_a_picture_on_it(mapped, served))
    expect(mapped.locator(".map-preview img")).to_be_visible()
    mapped.mouse.down()
    mapped.mouse.up()
    expect(mapped.locator("#viewer")).to_be_visible()


def _comes_to_differ(canvas: Locator, before: bytes) -> bytes:
    """What the map shows once that is no longer what it showed before."""
    for _ in range(PATIENCE // 100):
        now = canvas.screenshot()
        if now != before:
            return now
        canvas.page.wait_for_timeout(100)
    raise AssertionError("the map stays as it was")


def _comes_to_rest(canvas: Locator) -> bytes:
    """What the map shows once its pictures are there."""
    before = canvas.screenshot()
    canvas.page.wait_for_load_state("networkidle")
    while (now := canvas.screenshot()) != before:
        before = now
    return now


def test_the_map_can_be_zoomed_and_dragged(mapped: Page, served: Served) -> None:
    """The wheel zooms in on what is under the pointer, and dragging moves what is seen, without opening a picture."""
    canvas = mapped.locator(".map-canvas")
    x, y = _a_picture_on_it(mapped, served)
    mapped.mouse.move(x, y)
    expect(mapped.locator(".map-preview img")).to_be_visible()
    whole = _comes_to_rest(canvas)
    mapped.mouse.wheel(0, -400)
    _comes_to_differ(canvas, whole)
    closer = _comes_to_rest(canvas)
    mapped.mouse.down()
    mapped.mouse.move(x - 60 if x > 640 else x + 60, y)
    mapped.mouse.up()
    _comes_to_differ(canvas, closer)
    expect(mapped.locator("#viewer")).to_be_hidden()


def test_the_map_is_walked_by_keys(mapped: Page) -> None:
    """Arrows go from picture to picture and name them; Enter opens one; plus zooms."""
    canvas = mapped.locator(".map-canvas")
    canvas.focus()
    canvas.press("ArrowRight")
    expect(mapped.locator("#announcer")).not_to_be_empty()
    said = mapped.locator("#announcer").inner_text()
    canvas.press("+")
    canvas.press("ArrowLeft")
    expect(mapped.locator("#announcer")).not_to_have_text(said)
    canvas.press("Enter")
    expect(mapped.locator("#viewer")).to_be_visible()
    mapped.keyboard.press("Escape")
    expect(mapped.locator("#likeness")).to_be_visible()
