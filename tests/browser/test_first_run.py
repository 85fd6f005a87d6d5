"""A library's first hour: indexing from the page, and what it offers where a model is not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Served, serving
from tests.browser.reading import look_for, settled, shown
from tests.service.colours import ColourLibrary
from tests.speed import pretend
from vasari.retrieval.models.ports import ModelKind


@pytest.fixture
def bare(album: tuple[Path, dict[str, int], Path], tmp_path: Path) -> Iterator[str]:
    """A service over a copy of the album on whose machine is neither reranker nor captioner."""
    shutil.copytree(album[0], tmp_path / "library")
    library = ColourLibrary.open(tmp_path / "library")
    library.models.absent = {ModelKind.RERANKER, ModelKind.CAPTIONER, ModelKind.ANSWERER}
    with serving(library.root, library) as address:
        yield address


def test_a_folder_in_the_home_is_indexed_and_pictures_come_meanwhile(
    open_page: Open, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be set for that; broken files are counted in words."""
    home = tmp_path / "home"
    (home / "Pictures").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for path in list(served.pictures.rglob("*.jpg"))[:6]:
        (home / "Pictures" / path.name).write_bytes(path.read_bytes())
    (home / "Pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    with serving(tmp_path / "library") as address:
        page = open_page(address)
        expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
        expect(page.locator("#toolbar")).to_be_hidden()  # there is nothing to filter or order
        page.get_by_role("button", name="Index a folder").click()
        panel = page.locator("#jobs")
        expect(panel).to_contain_text(f"Folders in {home} can be indexed from here.")
        page.get_by_label("Index a folder of the machine").fill("~/Pictures")
        page.keyboard.press("Enter")
        expect(panel.locator(".job")).to_contain_text(
            "6 added; 1 could not be read: vasari failures tells which"
        )
        page.go_back()
        expect(panel).to_be_hidden()
        expect(page.locator(".tile")).to_have_count(6)
        expect(page.locator("#toolbar")).to_be_visible()
        page.context.close()


def test_pictures_are_shown_while_a_job_adds_them(open_page: Open, served: Served) -> None:
    """The first that are committed stand there before the job has ended."""
    page = open_page("about:blank")
    page.route("**/v1/timeline?*", lambda route: route.fulfill(json={"months": [], "total": 0}))
    page.goto(served.address)
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    page.unroute("**/v1/timeline?*")
    progress = {"phase": "indexing", "done": 58, "total": 1000, "failed": 0}
    job = {"id": 99, "kind": "index", "state": "running", "params": {}, "progress": progress}
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"jobs": [job]}))
    page.route("**/v1/jobs/99/events", lambda route: route.abort())
    page.get_by_role("button", name="Background work", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator(".work")).to_contain_text("58 of 1,000")


def test_where_nothing_may_be_indexed_the_command_stands(open_page: Open, served: Served) -> None:
    """No form that would be refused: the command to be copied."""
    page = open_page("about:blank")
    page.route("**/v1/abilities", lambda route: route.fulfill(json={"abilities": {}, "index_roots": []}))
    page.goto(f"{served.address}/?view=work")
    expect(page.locator("#jobs").get_by_text("vasari index ~/Pictures")).to_be_visible()
    expect(page.get_by_label("Index a folder of the machine")).to_be_hidden()


def test_an_absent_model_is_told_and_takes_nothing_away(bare: str, open_page: Open) -> None:
    """Switches say what brings their model; an address that asks for it finds what is found without."""
    page = open_page(bare)
    look_for(page, "red")
    found = shown(page)
    switch = page.get_by_role("switch", name="Rerank")
    expect(switch).to_have_attribute("aria-disabled", "true")
    switch.click(force=True)
    notes = page.locator("#notes")
    expect(notes).to_contain_text("vasari models pull colour-reranker")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert shown(page) == found
    notes.get_by_role("button", name="Take this note away").click()
    expect(notes).to_be_hidden()
    page.locator(".tile-open").first.click()
    expect(page.locator(".asking")).to_contain_text("vasari models pull colour-answerer")
    expect(page.get_by_label("Ask this picture")).to_be_hidden()
    page.goto(f"{bare}/?q=red&rerank=1")
    settled(page)
    expect(page.locator(".told")).to_contain_text("not reranked")
    expect(notes).to_contain_text("vasari models pull colour-reranker")
    assert shown(page) == found
    switch.click(force=True)  # what is on can be turned off
    expect(switch).to_have_attribute("aria-checked", "false")


def test_parts_of_pictures_are_embedded_from_the_page(bare: str, open_page: Open) -> None:
    """Until then the switch says what does it; second looks are offered where their model is there."""
    page = open_page(f"{bare}/?q=red")
    switch = page.get_by_role("switch", name="Parts")
    expect(switch).to_have_attribute("aria-disabled", "true")
    switch.click(force=True)
    expect(page.locator("#notes")).to_contain_text("vasari index PATH --regions 5")
    page.get_by_role("button", name="Background work", exact=True).click()
    jobs = page.locator("#jobs")
    expect(jobs.get_by_role("button", name="Look ahead for reranking")).to_be_disabled()
    expect(jobs).to_contain_text("vasari models pull colour-reranker")
    jobs.get_by_role("button", name="Embed parts of pictures").click()
    expect(jobs.locator(".job").filter(has_text="Embedding parts")).to_contain_text("58 embedded")
    page.keyboard.press("Escape")
    expect(switch).to_have_attribute("aria-disabled", "false")
    with page.expect_request(lambda asked: asked.url.endswith("/v1/search")) as searched:
        switch.click()
    assert (searched.value.post_data_json or {})["regions"] is True
    settled(page)
    assert shown(page)
    assert "regions=1" in page.url


def test_a_model_that_knows_drawings_only_says_so_before_and_with_a_search(
    open_page: Open, served: Served
) -> None:
    """In the panel where folders are indexed, and above what is found; until it is taken away."""
    page = open_page("about:blank")
    able: dict[str, Any] = {"abilities": {}, "index_roots": ["/home/me"], "drawings_only": True}
    page.route("**/v1/abilities", lambda route: route.fulfill(json=able))
    page.goto(f"{served.address}/?view=work")
    told = "knows drawings, not photos"
    expect(page.locator("#jobs")).to_contain_text(told)
    page.keyboard.press("Escape")
    expect(page.locator("#notes")).to_be_hidden()
    look_for(page, "red")
    expect(page.locator("#notes")).to_contain_text(told)
    page.get_by_role("button", name="Take this note away").click()
    look_for(page, "blue")
    expect(page.locator("#notes")).to_be_hidden()


def test_a_vanished_file_keeps_its_name_and_facts(page: Page) -> None:
    """A picture whose file is gone says so in words, beside what is known of it."""
    page.route("**/thumbnail*", lambda route: route.fulfill(status=404))
    page.locator(".tile-open").first.click()
    viewer = page.locator("#viewer")
    expect(viewer.get_by_text("The file of this picture cannot be read")).to_be_visible()
    expect(viewer.get_by_text("Details")).to_be_visible()


def test_an_empty_library_tells_which_model_suits(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the reader's language, once asked: the models, the choice among them, and what to type."""
    pretend(monkeypatch, tmp_path / "cache")
    monkeypatch.setattr("vasari.api.service.routes.models.physical_memory", lambda: 6 * 10**9)
    with serving(tmp_path / "library") as address:
        page = open_page(address, locale="bn-BD")
        page.get_by_role("button", name="Which model suits me?").click()
        choice = page.locator(".model-choice")
        expect(choice).to_contain_text("asked for in Bengali")
        expect(choice.locator("tr.chosen")).to_contain_text("nllb-siglip-base")
        expect(choice).to_contain_text("vasari models pull nllb-siglip-base --accept-licence")
        expect(choice.locator("tbody tr")).to_have_count(2)
        page.context.close()


def test_a_language_without_figures_is_answered_in_english(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of Basque is told of English; a machine with too little memory is told of that."""
    memory = "vasari.api.service.routes.models.physical_memory"
    pretend(monkeypatch, tmp_path / "cache")
    monkeypatch.setattr(memory, lambda: 6 * 10**9)
    with serving(tmp_path / "library") as address:
        page = open_page(address, locale="eu-ES")
        page.get_by_role("button", name="Which model suits me?").click()
        expect(page.locator(".model-choice")).to_contain_text("asked for in English")
        expect(page.locator(".model-choice tr.chosen")).to_contain_text("Apache-2.0")
        monkeypatch.setattr(memory, lambda: 3 * 10**8)
        page.reload()
        page.get_by_role("button", name="Which model suits me?").click()
        expect(page.locator(".model-choice")).to_contain_text("not enough memory")
        page.context.close()
