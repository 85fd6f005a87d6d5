"""Favourites, stars, tags, captions and albums, changed in the page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Album, Open, serving
from tests.browser.reading import look_for, settled, shown
from tests.browser.test_accessibility import serious
from tests.patience import until
from tests.service.colours import ColourLibrary
from vasari.api.service.security.auth import create_key
from vasari.retrieval.catalog.records import KeyLimits


@pytest.fixture
def own(album: Album, tmp_path: Path) -> Iterator[tuple[str, dict[str, int], ColourLibrary]]:
    """A service over a copy of the album, which a test may change: its address, ids by name, the library."""
    shutil.copytree(album[0], tmp_path / "library")
    library = ColourLibrary.open(tmp_path / "library", create=True)
    with serving(tmp_path / "library", library) as address:
        yield address, album[1], library


def viewed(page: Page, item: int) -> Locator:
    page.locator(f'.tile[data-id="{item}"] .tile-open').click()
    viewer = page.locator("#viewer")
    expect(viewer.get_by_role("button", name="Favourite")).to_be_visible()
    return viewer


@pytest.mark.parametrize("width", [1280, 390])
def test_what_people_say_is_changed_in_the_viewer(open_page: Open, own: Any, width: int) -> None:
    """Heart, stars, tags and captions are kept at once, and shown in the grid and after a reload."""
    address, ids, library = own
    page = open_page(address, width=width, height=844)
    item = max(ids.values())
    viewer = viewed(page, item)
    viewer.get_by_role("button", name="Favourite").click()
    expect(viewer.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    viewer.get_by_role("button", name="4 stars").click()
    expect(viewer.locator('.star[aria-pressed="true"]')).to_have_count(4)
    for word in ("sea", "boat"):
        viewer.get_by_placeholder("Add a tag").fill(word)
        viewer.get_by_placeholder("Add a tag").press("Enter")
        expect(viewer.get_by_role("list", name="Tags")).to_contain_text(word)
    viewer.get_by_role("button", name="Remove sea").click()
    expect(viewer.get_by_role("list", name="Tags")).to_have_text("boat")
    viewer.get_by_label("In your words").fill("our boat\nat noon")
    viewer.get_by_role("button", name="Save").click()
    expect(viewer.locator(".captions")).to_contain_text("at noon")
    known = library.items([item])[item]
    assert known.attributes["favourite"] is True
    assert known.attributes["rating"] == 4
    assert known.tags == ("boat",)
    assert [said.text for said in known.captions] == ["our boat", "at noon"]
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(page.locator(f'.tile[data-id="{item}"]')).to_have_class(re.compile("favourite"))
    expect(page).not_to_have_url(re.compile("picture="))  # Escape goes back, which a reload would cut off
    page.reload()
    expect(page.locator(f'.tile[data-id="{item}"]')).to_have_class(re.compile("favourite"))


def test_what_is_being_written_is_not_lost_to_an_answer(open_page: Open, own: Any) -> None:
    """Changes asked for at once are all made and shown; a caption that is begun meanwhile stays."""
    address, ids, library = own
    page = open_page(address)
    item = max(ids.values())
    viewer = viewed(page, item)
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route("**/v1/annotate", hold_the_first)
    with page.expect_request("**/v1/annotate"):
        viewer.get_by_role("button", name="Favourite").click()
    viewer.get_by_role("button", name="3 stars").click()
    viewer.get_by_label("In your words").fill("not yet done")
    with page.expect_request("**/v1/annotate"):
        held[0].continue_()
    expect(viewer.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    expect(viewer.locator('.star[aria-pressed="true"]')).to_have_count(3)
    expect(viewer.get_by_label("In your words")).to_have_value("not yet done")
    known = library.items([item])[item]
    assert (known.attributes["favourite"], known.attributes["rating"]) == (True, 3)


def test_keys_mark_the_picture_that_is_shown(open_page: Open, own: Any) -> None:
    """f and 1 to 5, 0 takes the stars back; while typing they are letters."""
    address, ids, library = own
    page = open_page(address)
    item = max(ids.values())
    viewer = viewed(page, item)
    page.keyboard.press("5")
    expect(viewer.locator('.star[aria-pressed="true"]')).to_have_count(5)
    page.keyboard.press("f")
    expect(viewer.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("0")
    expect(viewer.locator('.star[aria-pressed="true"]')).to_have_count(0)
    viewer.get_by_placeholder("Add a tag").press_sequentially("f1")
    assert viewer.get_by_placeholder("Add a tag").input_value() == "f1"
    assert dict(library.catalog.annotations.user_attributes([item])[item]) == {"favourite": True}


def test_albums_are_made_filled_and_opened(open_page: Open, own: Any) -> None:
    """An album begun from a picture has an address of its own; it is renamed and forgotten, its picture stays."""
    address, ids, _ = own
    page = open_page(address)
    item = max(ids.values())
    viewer = viewed(page, item)
    viewer.get_by_placeholder("Add to an album").fill("Elba")
    viewer.get_by_placeholder("Add to an album").press("Enter")
    expect(viewer.get_by_role("list", name="Albums")).to_have_text("Elba")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Albums").click()
    albums = page.get_by_role("dialog", name="Albums")
    expect(albums).to_contain_text("Elba")
    assert serious(page) == []
    albums.get_by_role("button", name=re.compile("^Elba")).click()
    expect(page.locator(".tile")).to_have_count(1)
    assert page.url.endswith("?album=Elba")
    assert shown(page) == [item]
    page.go_back()
    expect(page.get_by_role("dialog", name="Albums")).to_be_visible()
    albums.get_by_role("button", name="Rename Elba").click()
    albums.get_by_label("New name of Elba").fill("Corsica")
    page.keyboard.press("Enter")
    expect(albums).to_contain_text("Corsica")
    albums.get_by_role("button", name="Forget Corsica").click()
    albums.get_by_role("button", name="Forget", exact=True).click()
    expect(albums).not_to_contain_text("Corsica")
    page.keyboard.press("Escape")
    expect(page.locator(f'.tile[data-id="{item}"]')).to_be_visible()


def test_an_album_without_pictures_is_called_empty(open_page: Open, own: Any) -> None:
    """It is no filter that leaves nothing; all pictures are a click away."""
    address, _, library = own
    library.catalog.albums.create("Later")
    page = open_page(f"{address}/?album=Later")
    expect(page.get_by_role("heading", name="This album is empty")).to_be_visible()
    page.get_by_role("button", name="Show all pictures").click()
    expect(page.locator(".tile").first).to_be_visible()
    assert "album" not in page.url


def test_a_search_is_saved_and_found_again(open_page: Open, own: Any) -> None:
    """Words and filters come back as they were; a filter alone is an album that stays live."""
    address, ids, library = own
    page = open_page(f"{address}/?tag=holiday")
    look_for(page, "red")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Albums").click()
    albums = page.get_by_role("dialog", name="Albums")
    albums.get_by_label("New album").fill("Red holidays")
    albums.get_by_role("button", name="Make").click()
    expect(albums).to_contain_text("Red holidays")
    page.goto(f"{address}/?tag=holiday&view=albums")
    albums.get_by_label("New album").fill("Holidays")
    albums.get_by_role("button", name="Make").click()
    expect(albums.get_by_role("button", name=re.compile("^Holidays"))).to_contain_text("2")
    page.goto(f"{address}/?view=albums")
    albums.get_by_role("button", name=re.compile("^Red holidays")).click()
    settled(page)
    expect(page.locator(".chip")).to_have_text("red")
    assert set(shown(page)) == {ids["blue-0"], ids["blue-1"]}
    library.catalog.annotations.set_tags(ids["green-0"], ["holiday"])
    page.goto(f"{address}/?album=Holidays")
    expect(page.locator(".tile")).to_have_count(3)


def test_those_who_may_only_look_change_nothing(open_page: Open, own: Any) -> None:
    """Without the right to write the viewer shows what people said, and offers no way to change it."""
    address, ids, library = own
    _, key = create_key(library.catalog, "reader", ["search"])
    library.catalog.annotations.set_tags(max(ids.values()), ["sea"])
    page = open_page(address)
    page.get_by_role("textbox", name="Key").fill(key)
    page.keyboard.press("Enter")
    page.locator(f'.tile[data-id="{max(ids.values())}"] .tile-open').click()
    expect(page.locator("#viewer").get_by_role("list", name="Tags")).to_have_text("sea")
    expect(page.locator(".annotations")).to_be_hidden()


def test_a_shared_link_shows_its_album_and_nothing_else(open_page: Open, own: Any) -> None:
    """It needs nothing but itself; the key leaves the address, and no way leads to other pictures or to changes."""
    address, ids, library = own
    album = library.catalog.albums.create("Elba").id
    library.catalog.albums.add(album, [ids["blue-0"], ids["red-0"]])
    _, key = create_key(library.catalog, "link", ["search"], KeyLimits(filter='album = "Elba"'))
    page = open_page(f"{address}/#key={key}")
    expect(page.locator(".tile")).to_have_count(2)
    assert page.url == f"{address}/"
    assert set(shown(page)) == {ids["blue-0"], ids["red-0"]}
    expect(page.get_by_role("button", name="Albums")).to_be_hidden()
    look_for(page, "green")
    assert set(shown(page)) <= {ids["blue-0"], ids["red-0"]}
    page.goto(f"{address}/?picture={ids['green-0']}")
    expect(page.locator("#viewer")).to_contain_text("not in the library")


def link_made(page: Page) -> str:
    """Ask for a link in the open dialog; the link."""
    sharing = page.get_by_role("dialog", name=re.compile("^Share"))
    sharing.get_by_role("button", name="Make a link").click()
    expect(sharing.locator(".links li")).to_have_count(1)
    return sharing.locator(".command code").inner_text()


def test_an_album_is_shared_from_the_page(open_page: Open, own: Any) -> None:
    """The link shows it to others until it is ended; without a key of one's own the page says what makes one."""
    address, ids, library = own
    library.catalog.albums.add(library.catalog.albums.create("Elba").id, [ids["blue-0"]])
    page = open_page(f"{address}/?view=albums")
    page.get_by_role("button", name="Share Elba").click()
    sharing = page.get_by_role("dialog", name="Share Elba")
    sharing.get_by_role("button", name="Make a link").click()
    expect(sharing.get_by_role("alert")).to_contain_text("vasari keys create me --scope admin")
    _, key = create_key(library.catalog, "me", ["admin"])
    until(lambda: httpx.get(f"{address}/v1/session").status_code == 401)  # the service has read it
    page = open_page(f"{address}/?view=albums#key={key}", width=390, height=844)
    page.get_by_role("button", name="Share Elba").click()
    link = link_made(page)
    assert serious(page) == []
    visitor = open_page(link)
    expect(visitor.locator(".tile")).to_have_count(1)
    assert shown(visitor) == [ids["blue-0"]]
    expect(visitor.get_by_role("button", name="Share…")).to_be_hidden()
    page.get_by_role("button", name="End").click()
    expect(page.locator(".links li")).to_have_count(0)
    visitor = open_page(link)
    expect(visitor.get_by_role("textbox", name="Key")).to_be_visible()


def test_a_search_is_shared_as_what_it_finds(open_page: Open, own: Any) -> None:
    """What words find well becomes an album, and that is shared; a filter alone stays live."""
    address, ids, library = own
    _, key = create_key(library.catalog, "me", ["admin"])
    page = open_page(f"{address}/?q=blue&tag=holiday#key={key}")
    page.get_by_role("button", name="Share…").click()
    page.get_by_role("dialog", name="Share a search").get_by_role("button", name="Make").click()
    visitor = open_page(link_made(page))
    expect(visitor.locator(".tile")).to_have_count(2)
    assert set(shown(visitor)) == {ids["blue-0"], ids["blue-1"]}
    page.goto(f"{address}/?tag=holiday")
    page.get_by_role("button", name="Share…").click()
    page.get_by_role("dialog", name="Share a search").get_by_label("New album").fill("Holidays")
    page.keyboard.press("Enter")
    visitor = open_page(link_made(page))
    expect(visitor.locator(".tile")).to_have_count(2)
    library.catalog.annotations.set_tags(ids["green-0"], ["holiday"])
    visitor.reload()
    expect(visitor.locator(".tile")).to_have_count(3)
    saved = {album.name: (album.query, album.filter) for album in library.catalog.albums.all()}
    assert saved == {"blue": (None, None), "Holidays": (None, 'tag in ("holiday")')}
