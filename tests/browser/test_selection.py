"""Many pictures at once: how they are chosen, what can be done with them, and how it is taken back."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Album, Open, Served, serving
from tests.browser.reading import look_for, shown
from tests.browser.test_accessibility import serious
from tests.service.colours import ColourLibrary
from vasari.retrieval.domain import Modality

# What can be undone can be undone for as long as a test takes.
_UNHURRIED = """const real = setTimeout;
globalThis.setTimeout = (act, pause, ...given) => real(act, pause === 8000 ? 1e9 : pause, ...given)"""


def unhurried(open_page: Open, address: str) -> Page:
    """The page, on which an offer to undo stays."""
    page = open_page("about:blank")
    page.add_init_script(_UNHURRIED)
    page.goto(address)
    return page


def chosen(page: Page) -> list[int]:
    ids: list[int] = page.locator(".tile.chosen").evaluate_all(
        "tiles => tiles.map(tile => Number(tile.dataset.id))"
    )
    return ids


def check(page: Page, place: int) -> None:
    tile = page.locator(".tile").nth(place)
    tile.hover()
    tile.locator(".tile-check").click()


def test_pictures_are_chosen_by_mark_by_shift_and_by_drawing(page: Page) -> None:
    """While any is chosen a click chooses; shift takes all up to it, and so does a line drawn from a mark."""
    ids = shown(page)
    check(page, 1)
    page.locator(".tile-open").nth(4).click(modifiers=["Shift"])
    expect(page.locator(".tile.chosen")).to_have_count(4)
    assert chosen(page) == ids[1:5]
    page.locator(".tile-open").nth(2).click()
    expect(page.locator(".tile.chosen")).to_have_count(3)
    expect(page.locator(".chosen-count")).to_have_text("3 chosen")
    expect(page.locator("#viewer")).to_be_hidden()
    assert serious(page) == []
    page.keyboard.press("Escape")
    assert chosen(page) == []
    start, end = (page.locator(".tile").nth(place).bounding_box() for place in (1, 3))
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + 30, steps=8)
    page.mouse.up()
    expect(page.locator(".tile.chosen")).to_have_count(3)
    assert chosen(page) == ids[1:4]


def test_keys_choose_too(page: Page) -> None:
    """x the picture with the focus, X all up to it; among results as well."""
    look_for(page, "red")
    page.locator("#query").blur()
    ids = shown(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+X")
    expect(page.locator(".tile.chosen")).to_have_count(4)
    assert chosen(page) == ids[:4]
    page.keyboard.press("Escape")
    assert chosen(page) == []


def test_a_long_press_chooses_on_a_phone(open_page: Open, served: Served) -> None:
    """Then a tap chooses another, and the bar fits the screen."""
    page = open_page(served.address, width=390, height=844, has_touch=True, is_mobile=True)
    expect(page.locator(".tile img.there").first).to_be_visible()
    box = page.locator(".tile").nth(2).bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [place]})
    expect(page.locator(".tile.chosen")).to_have_count(1)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#viewer")).to_be_hidden()
    page.locator(".tile-open").nth(3).tap()
    expect(page.locator(".tile.chosen")).to_have_count(2)
    bar = page.get_by_role("toolbar", name="Chosen pictures").bounding_box()
    assert bar is not None
    assert bar["x"] >= 0
    assert bar["x"] + bar["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_is_said_of_many_can_be_undone(open_page: Open, own: Any) -> None:
    """Favourites, tags and albums of all that are chosen, in one step there and one back."""
    address, library = own
    page = unhurried(open_page, address)
    check(page, 1)
    page.locator(".tile-open").nth(3).click(modifiers=["Shift"])
    expect(page.locator(".tile.chosen")).to_have_count(3)
    ids = chosen(page)
    bar = page.get_by_role("toolbar", name="Chosen pictures")
    bar.get_by_role("button", name="Make favourites").click()
    expect(page.locator(".toast")).to_contain_text("3 made favourites")
    expect(page.locator(".tile.favourite")).to_have_count(3)
    bar.get_by_role("button", name="Tag").click()
    page.locator("dialog[open]").get_by_placeholder("Add a tag").fill("sea")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("3 tagged sea")
    assert library.catalog.filters.matching("favourite and tag:sea", Modality.IMAGE).tolist() == sorted(ids)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_have_text("Undone")
    assert library.catalog.filters.matching("tag:sea", Modality.IMAGE).tolist() == []
    bar.get_by_role("button", name="Add to an album").click()
    page.locator("dialog[open]").get_by_placeholder("Album").fill("Elba")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("3 added to Elba")
    assert library.catalog.albums.named("Elba").count == 3


def test_captions_are_written_for_many(open_page: Open, own: Any) -> None:
    """A sentence about all of them, which can be undone; or one about each by the model, as a job."""
    address, library = own
    page = unhurried(open_page, address)
    check(page, 1)
    page.locator(".tile-open").nth(2).click(modifiers=["Shift"])
    first, second = chosen(page)
    bar = page.get_by_role("toolbar", name="Chosen pictures")
    bar.get_by_role("button", name="Say what they show").click()
    assert serious(page) == []
    page.get_by_role("textbox", name="What do they show?").fill("our house by the sea")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("2 captioned")
    both = library.items([first, second])
    assert all("our house by the sea" in [said.text for said in item.captions] for item in both.values())
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_have_text("Undone")
    assert "our house by the sea" not in str(library.items([first, second]))
    bar.get_by_role("button", name="Say what they show").click()
    page.get_by_role("button", name="Describe each of them").click()
    page.get_by_role("button", name="Background work", exact=True).click()
    expect(page.locator(".job").filter(has_text="Describing")).to_contain_text("2 captioned")
    told = library.items(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    described = [
        item.id for item in told.values() if any(said.text.startswith("something") for said in item.captions)
    ]
    assert sorted(described) == sorted([first, second])


def test_what_brings_a_captioner_is_said(open_page: Open, served: Served) -> None:
    """Where there is none, nothing is offered but the command."""
    page = open_page("about:blank")
    lacking = {"here": False, "model": "blip", "command": "vasari models pull blip"}
    page.route("**/v1/abilities", lambda route: route.fulfill(json={"abilities": {"caption": lacking}}))
    page.goto(served.address)
    check(page, 1)
    page.get_by_role("button", name="Say what they show").click()
    expect(page.get_by_role("button", name="Describe each of them")).to_be_disabled()
    expect(page.locator("dialog[open]").get_by_text("vasari models pull blip")).to_be_visible()


def test_removing_waits_for_second_thoughts(open_page: Open, own: Any) -> None:
    """Nothing is taken out while it can be undone; leaving the page takes it out at once."""
    address, library = own
    page = unhurried(open_page, address)
    total = library.catalog.items.count(Modality.IMAGE)
    check(page, 1)
    (item,) = chosen(page)
    page.get_by_role("button", name="Remove from the library").click()
    expect(page.locator(f'.tile[data-id="{item}"]')).to_have_class(re.compile("leaving"))
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.tile[data-id="{item}"]')).not_to_have_class(re.compile("leaving"))
    assert library.catalog.items.count(Modality.IMAGE) == total
    check(page, 1)
    page.get_by_role("button", name="Remove from the library").click()
    page.reload()
    expect(page.locator(".told")).to_have_text(f"{total - 1} pictures")
    assert library.items([item]) == {}


def test_files_go_to_the_trash_after_a_second_question(open_page: Open, album: Album, tmp_path: Path) -> None:
    """Only where the service says that they may; Cancel at either question changes nothing, and what stays is said."""
    shutil.copytree(album[0], tmp_path / "library")
    library = ColourLibrary.open(tmp_path / "library", create=True)
    with serving(tmp_path / "library", library, trash=True) as address:
        page = open_page(address)
        sent: list[Any] = []

        def answer(route: Route) -> None:
            sent.append(route.request.post_data_json)
            kept = [{"item": sent[-1]["ids"][0], "reason": "its file is not what was indexed"}]
            route.fulfill(json={"removed": 0, "not_found": [], "kept": kept})

        page.route("**/v1/remove", answer)
        check(page, 1)
        (item,) = chosen(page)
        page.get_by_role("button", name="Remove from the library").click()
        asked = page.locator("#removing")
        expect(asked).to_contain_text("Remove 1 from the library?")
        asked.get_by_role("button", name="Move the files to the trash, too").click()
        expect(asked).to_contain_text("Move 1 file to the trash?")
        expect(asked.get_by_role("button", name="Cancel")).to_be_focused()
        assert serious(page) == []
        page.keyboard.press("Enter")
        expect(asked).to_be_hidden()
        assert chosen(page) == [item]
        page.get_by_role("button", name="Remove from the library").click()
        asked.get_by_role("button", name="Move the files to the trash, too").click()
        asked.get_by_role("button", name="Move to the trash").click()
        expect(page.locator(".toast")).to_contain_text("1 to the trash, with their files")
        page.clock.install()
        check(page, 2)
        page.get_by_role("button", name="Make favourites").click()  # which settles what was said before
        expect(page.locator(".toast")).to_contain_text("its file is not what was indexed")
        assert sent == [{"ids": [item], "trash": True}]
        expect(page.locator(f'.tile[data-id="{item}"]')).not_to_have_class(re.compile("leaving"))


def test_a_removal_that_the_last_page_could_not_send_is_made_by_the_next(open_page: Open, own: Any) -> None:
    """A reload finishes what was being removed before it lists, once."""
    address, library = own
    page = unhurried(open_page, address)
    total = library.catalog.items.count(Modality.IMAGE)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.removeprefix(address)))
    check(page, 1)
    (item,) = chosen(page)
    page.get_by_role("button", name="Remove from the library").click()
    page.evaluate("() => { globalThis.fetch = () => Promise.reject(new TypeError('lost')) }")
    page.reload()
    expect(page.locator(".told")).to_have_text(f"{total - 1} pictures")
    assert library.items([item]) == {}
    assert sent.count("/v1/remove") == 1
    page.reload()
    expect(page.locator(".told")).to_have_text(f"{total - 1} pictures")
    assert sent.count("/v1/remove") == 1


def test_what_is_chosen_is_downloaded_and_copied(page: Page, served: Served) -> None:
    """A zip with the very files; their paths, one a line."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    check(page, 1)
    check(page, 2)
    ids = chosen(page)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    assert downloading.value.suggested_filename == "pictures.zip"
    names = {item: name for name, item in served.ids.items()}
    with ZipFile(io.BytesIO(downloading.value.path().read_bytes())) as archive:
        assert archive.namelist() == [f"{names[item]}.jpg" for item in ids]
    page.get_by_role("button", name="Export what is known of them").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="JSON lines").click()
    assert downloading.value.suggested_filename == "pictures.jsonl"
    _header, *rows = map(json.loads, downloading.value.path().read_text().splitlines())
    assert sorted(row["id"] for row in rows) == sorted(ids)
    page.get_by_role("button", name="Copy paths").click()
    expect(page.locator(".toast")).to_contain_text("Paths copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert [Path(line).stem for line in copied.splitlines()] == [names[item] for item in ids]
