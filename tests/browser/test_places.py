"""The map of places: clusters that split as one looks closer, a box that is a filter, and no request to elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, serving
from tests.browser.reading import shown
from tests.browser.test_accessibility import serious
from tests.service.colours import ColourLibrary, make_library
from vasari.api.service.app import WEB

# SHA-256 of npm's file.
WORLD_ATLAS_2_0_2 = "04342cdc1e3016bcd7db1630de95684d67b79fe3c8c460321e87aef469502394"
PLACES = {
    "red": (48.137, 11.575, "Munich"),
    "green": (48.26, 11.434, "Dachau"),
    "blue": (-33.857, 151.215, "Sydney"),
    "white": (-16.8, 179.9, None),
    "black": (48.1371, 11.5751, "Munich"),
}


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, int]]]:
    """A service over eight colours, of which five say where they were taken; and the ids."""
    root = tmp_path_factory.mktemp("placed")
    ids = make_library(root / "library", root / "pictures")
    with ColourLibrary.open(root / "library") as library:
        for name, (latitude, longitude, city) in PLACES.items():
            told = {"latitude": latitude, "longitude": longitude, **({"city": city} if city else {})}
            library.catalog.annotations.set_attributes(ids[name], told)
    with serving(root / "library") as address:
        yield address, ids


def test_the_countries_are_the_published_ones() -> None:
    """The vendored file is that of world-atlas; its licence lies beside."""
    countries = WEB / "world" / "countries-50m.json"
    assert hashlib.sha256(countries.read_bytes()).hexdigest() == WORLD_ATLAS_2_0_2
    assert "Michael Bostock" in countries.with_name("LICENSE").read_text("utf-8")


def test_places_split_as_one_looks_closer(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """A click on many goes nearer; on those of one spot, shows them; on one, opens it."""
    address, ids = placed
    page = open_page(address)
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("m")
    page.get_by_role("button", name=re.compile("^3 pictures, Munich")).click()
    page.get_by_role("button", name="1 picture, Dachau").click()
    viewer = page.locator("#viewer")
    expect(viewer.get_by_role("heading", name="green.png")).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    page.get_by_role("button", name="2 pictures, Munich").click()
    expect(page.locator("#places")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(2)
    assert set(shown(page)) == {ids["red"], ids["black"]}
    expect(page.locator("#active")).to_contain_text("in a box of the map")
    page.go_back()
    expect(page.locator("#places")).to_be_visible()
    page.go_back()
    expect(page.locator(".tile")).to_have_count(8)


def test_a_box_that_is_drawn_is_a_filter(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """It is in the address and among the filters, shown when the map is opened again, and taken back there."""
    address, ids = placed
    page = open_page(f"{address}/?view=places")
    mark = page.get_by_role("button", name="1 picture, Sydney")
    expect(mark).to_be_visible()
    box = mark.bounding_box()
    assert box is not None
    page.get_by_role("button", name="Draw a box").click()
    page.mouse.move(box["x"] - 10, box["y"] - 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.move(box["x"] + box["width"] + 10, box["y"] + box["height"] + 10)
    page.mouse.up()
    expect(page.locator("#places")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(1)
    assert shown(page) == [ids["blue"]]
    assert "place=-" in page.url
    page.reload()
    expect(page.locator(".tile")).to_have_count(1)
    page.keyboard.press("m")
    expect(page.locator(".place-box")).to_be_visible()
    page.get_by_role("button", name="Everywhere").click()
    expect(page.locator(".tile")).to_have_count(8)


def test_a_box_across_the_date_line(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """West of it and east of it are one box; an address that names none is no filter."""
    address, ids = placed
    page = open_page(f"{address}/?place=-60,170,0,-170")
    expect(page.locator(".tile")).to_have_count(1)
    assert shown(page) == [ids["white"]]
    expect(page.get_by_title("60° S to 0° N, 170° E to 170° W")).to_be_visible()
    for wrong in ("95,0,99,1", "1,2,3", "south", "10,0,5,1"):
        page.goto(f"{address}/?place={wrong}")
        expect(page.locator(".tile")).to_have_count(8)


def test_the_keyboard_moves_the_map(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """Plus and minus zoom, arrows pan, and what is seen can be shown without drawing."""
    address, ids = placed
    page = open_page(f"{address}/?view=places&place=47,11,49,12")
    expect(page.locator(".place-mark").first).to_be_visible()
    told = page.locator("#places .aside")
    expect(told).to_have_text("3 of 5 pictures with a place")
    plane = page.locator("#places .places")
    plane.focus()
    page.keyboard.press("ArrowRight")
    ring = plane.evaluate("plane => getComputedStyle(plane, '::after').borderTopWidth")
    assert ring == "2px"  # above the countries, which cover an outline
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(told).to_have_text("0 of 5 pictures with a place")
    expect(page.get_by_role("button", name="Show these")).to_be_disabled()
    for _ in range(12):
        page.keyboard.press("-")
    expect(told).to_have_text(re.compile("[45] of 5 pictures"))
    page.get_by_role("button", name="Show these").click()
    expect(page.locator(f'.tile[data-id="{ids["blue"]}"]')).to_be_visible()
    assert "place=" in page.url


def test_filters_narrow_the_map(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """What other filters leave out is not on it; where nothing is left, that is said."""
    address, _ = placed
    page = open_page(f"{address}/?view=places&filter=latitude+>+48+and+latitude+<+48.2")
    expect(page.locator("#places .aside")).to_have_text("2 of 2 pictures with a place")
    expect(page.get_by_role("button", name="2 pictures, Munich")).to_be_visible()
    expect(page.locator(".place-mark")).to_have_count(1)
    page.goto(f"{address}/?view=places&filter=id+<+0")
    expect(
        page.locator("#places").get_by_text("None of these pictures says where it was taken.")
    ).to_be_visible()


def test_the_countries_are_drawn(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """Land is where land is, also east of 180°, where Russia goes on; the sea is empty."""
    page = open_page("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{placed[0]}/?view=places")
    page.wait_for_function(
        "() => { const c = document.querySelector('.world');"
        " return c.width && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean); }"
    )
    look = """async () => {
      const {countriesPath, project} = await import('/scripts/world.js');
      const path = countriesPath(await (await fetch('/world/countries-50m.json')).json());
      const context = document.createElement('canvas').getContext('2d');
      return Object.fromEntries([["Munich", 11.6, 48.1], ["Sahara", 10, 25], ["Atlantic", -40, 40],
        ["Pacific", -140, 10],
        ["Chukotka", 182.5, 67], ["Antarctica", 40, -80], ["Hudson Bay", -85, 60]].map(
        ([name, ...place]) => [name, context.isPointInPath(path, ...project(...place), "nonzero")]));
    }"""
    land = page.evaluate(look)
    sea = {"Atlantic", "Pacific", "Hudson Bay"}
    assert {name for name, there in land.items() if not there} == sea
    assert all(url.startswith(placed[0]) for url in asked)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_map_has_no_serious_findings(
    open_page: Open, placed: tuple[str, dict[str, int]], width: int, scheme: str
) -> None:
    """With clusters on it, wide and narrow."""
    page = open_page(f"{placed[0]}/?view=places", width=width, height=844, scheme=scheme)
    expect(page.locator(".place-mark").first).to_be_visible()
    assert serious(page) == []


def test_the_likeness_map_has_its_old_address(open_page: Open, placed: tuple[str, dict[str, int]]) -> None:
    """`view=map` meant the map of likeness before there was one of places."""
    page = open_page(f"{placed[0]}/?view=map")
    expect(page.get_by_role("dialog", name="Likeness")).to_be_visible()
