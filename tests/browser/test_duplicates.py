"""Duplicates side by side: what differs, which copy is kept; the others leave the library, and stay on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Open, Served, serving
from tests.browser.test_accessibility import serious
from tests.service.colours import ColourLibrary, ids_by_name
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[tuple[str, Path, dict[str, int]]]:
    """A service over two pictures with copies and one without; the pictures' folder, and the ids."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, colour in (("red", (220, 20, 20)), ("blue", (20, 20, 220)), ("green", (20, 160, 20))):
        drawn = np.random.default_rng(len(name))
        grain = np.kron(drawn.integers(-40, 40, (8, 8, 1)), np.ones((16, 16, 3)))
        pixels = np.array(colour) + grain + drawn.integers(-3, 4, (128, 128, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(pictures / f"{name}.png")
    for name, side, quality in (("red-small", 64, 90), ("red-poor", 128, 30), ("blue-poor", 128, 60)):
        whole = Image.open(pictures / f"{name.partition('-')[0]}.png")
        whole.resize((side, side)).save(pictures / f"{name}.jpg", quality=quality)
    with ColourLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([pictures]))
        ids = ids_by_name(library)
        library.catalog.annotations.set_tags(ids["red-small"], ["best of all"])
    with serving(tmp_path / "library") as address:
        yield address, pictures, ids


def test_copies_stand_side_by_side(open_page: Open, copied: tuple[str, Path, dict[str, int]]) -> None:
    """The best first and kept; what differs is marked, what is the same is not; arrows go from group to group."""
    page = open_page(copied[0])
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("a")
    page.get_by_role("button", name="Duplicates").click()
    dialog = page.locator("#duplicates")
    expect(dialog.locator(".aside").first).to_have_text("1 of 2")
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".aside").first).to_have_text("2 of 2")
    page.keyboard.press("ArrowLeft")
    expect(dialog.locator(".aside").first).to_have_text("1 of 2")
    red = dialog.locator(".copy").filter(has_text="red.png")
    if not red.count():
        page.keyboard.press("ArrowRight")
    expect(dialog.locator(".copy")).to_have_count(3)
    expect(dialog.locator(".copy").first).to_contain_text("red.png")
    expect(dialog.get_by_role("checkbox", name="Keep red.png")).to_be_checked()
    expect(dialog.get_by_role("checkbox", name="Keep red-small.jpg")).not_to_be_checked()
    small = dialog.locator(".copy").filter(has_text="red-small.jpg")
    expect(small.locator("dd.differs").filter(has_text="64 × 64")).to_be_visible()
    expect(small.locator("dd.differs").filter(has_text="best of all")).to_be_visible()
    expect(small.locator("dd:not(.differs)").filter(has_text=str(copied[1]))).to_be_visible()
    assert serious(page) == []


def test_the_others_leave_the_library_and_not_the_disk(
    open_page: Open, copied: tuple[str, Path, dict[str, int]]
) -> None:
    """After they were chosen; it can be undone while that is said, and keys choose what is kept."""
    address, pictures, _ = copied
    page = open_page(f"{address}/?view=duplicates")
    dialog = page.locator("#duplicates")
    expect(dialog.locator(".copy").first).to_be_visible()
    if "red.png" not in dialog.inner_text():
        page.keyboard.press("ArrowRight")
    expect(dialog.locator(".copy")).to_have_count(3)
    remove = dialog.get_by_role("button", name=re.compile("^(Remove|Keep one)"))
    expect(remove).to_have_text("Remove 2 from the library")
    page.keyboard.press("1")
    expect(remove).to_have_text("Keep one at least")
    expect(remove).to_be_disabled()
    page.keyboard.press("1")
    dialog.get_by_role("checkbox", name="Keep red-small.jpg").check()
    remove.click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("1 removed from the library; the files stay")
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_be_hidden()
    if "red.png" not in dialog.inner_text():
        page.keyboard.press("ArrowLeft")
    expect(dialog.locator(".copy")).to_have_count(3)
    remove.click()
    with page.expect_response(lambda response: response.url.endswith("/v1/remove")):
        page.reload()
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(5)
    assert len(list(pictures.iterdir())) == 6


def test_where_nothing_is_alike_that_is_said(open_page: Open, served: Served) -> None:
    """Also where a filter leaves one copy of a group."""
    page = open_page(f"{served.address}/?view=duplicates&tag=holiday")
    expect(page.locator("#duplicates")).to_contain_text("No two of these pictures are nearly the same.")
