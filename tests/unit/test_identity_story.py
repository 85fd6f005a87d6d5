"""What people write about pictures outlives whatever happens to the files, on both databases."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.grey import GreyLibrary, write_picture
from vasari.indexer.engines.local import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.choice import Reading, choose_source
from vasari.indexer.watch import watch
from vasari.retrieval.domain import Caption, CaptionSource, ItemId, Modality, SearchRequest, Term, TermKind
from vasari.retrieval.settings import Settings

IMAGE = Modality.IMAGE
COUNT = 6


@pytest.fixture
def library(catalog_url: str, tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", Settings(database_url=catalog_url), create=True) as opened:
        yield opened


def run(library: GreyLibrary, *places: Path, allow_removal: int = 0) -> IndexReport:
    source, _ = choose_source(places, Reading(known=lambda _: True))
    return index(library, source, IndexOptions(batch_size=4, allow_removal=allow_removal))


def watch_once(library: GreyLibrary, *places: Path) -> IndexReport:
    """What the watch does when it begins."""
    reports: list[IndexReport] = []
    stop = threading.Event()

    def report(done: IndexReport) -> None:
        reports.append(done)
        stop.set()

    watch(library, lambda: choose_source(places, Reading(known=lambda _: True))[0], report, stop, settle=0.05)
    return reports[0]


def write_about(library: GreyLibrary, item: ItemId) -> None:
    catalog = library.catalog
    catalog.set_tags(item, [f"tag {item}"])
    catalog.set_captions(item, [Caption(f"the story of number {item}")], CaptionSource.USER)
    catalog.set_attributes(item, {"rating": item % 5 + 1})


def told(library: GreyLibrary) -> Mapping[str, tuple[ItemId, Any]]:
    """By the content of the file where it lies now: the item and all that people said of it."""
    return {
        Path(item.uri).read_bytes().hex(): (
            number,
            (item.tags, [said.text for said in item.captions], item.attributes.get("rating")),
        )
        for number, item in library.items(library.catalog.live_ids(IMAGE).tolist()).items()
    }


def every_picture_finds_itself(library: GreyLibrary) -> bool:
    """Vectors and full text are those of the files where they lie now."""
    for number, item in library.items(library.catalog.live_ids(IMAGE).tolist()).items():
        request = SearchRequest((Term(TermKind.IMAGE, image=Path(item.uri)),), limit=1)
        if library.search(request).hits[0].item.id != number:
            return False
        if number not in library.catalog.full_text(f"number {number}", IMAGE, 100):
            return False
    return True


def test_nothing_that_was_written_is_lost_and_ids_stay(library: GreyLibrary, tmp_path: Path) -> None:
    """Unmounted, mounted elsewhere, renamed, swapped, restored with other times: data goes with content."""
    drive = tmp_path / "drive"
    for number in range(COUNT):
        write_picture(drive / f"{number}.png", number)
    (drive / "0.txt").write_text("what the file says")
    assert run(library, drive).added == COUNT
    embedded = library.grey().embedded
    for item in library.catalog.live_ids(IMAGE).tolist():
        write_about(library, item)
    before = told(library)
    assert len(before) == COUNT

    away = drive.rename(tmp_path / "away")
    drive.mkdir()  # unmounted
    for report in (run(library, drive), watch_once(library, drive)):
        assert (report.removed, [w.vanished for w in report.withheld]) == (0, [COUNT])
    drive.rmdir()  # and the mount point is gone, too
    assert run(library, drive).removed == 0
    assert library.catalog.count(IMAGE) == COUNT

    elsewhere = away.rename(tmp_path / "elsewhere")
    assert run(library, drive, elsewhere).moved == COUNT
    assert told(library) == before

    (elsewhere / "0.png").rename(elsewhere / "renamed.png")
    (elsewhere / "0.txt").rename(elsewhere / "renamed.txt")
    (elsewhere / "1.png").rename(elsewhere / "x.png")
    (elsewhere / "2.png").rename(elsewhere / "1.png")  # swapped
    (elsewhere / "x.png").rename(elsewhere / "2.png")
    (elsewhere / "4.png").rename(elsewhere / "5b.png")  # renumbered
    (elsewhere / "3.png").rename(elsewhere / "4.png")
    assert run(library, elsewhere).moved == 5
    assert told(library) == before

    for file in elsewhere.iterdir():  # from a backup, with new times
        shutil.copyfile(file, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)
        os.utime(file, ns=(10**18, 10**18))
    report = run(library, elsewhere)
    assert (report.changed, report.unchanged) == (0, COUNT)
    assert told(library) == before

    backup = shutil.copytree(elsewhere, tmp_path / "backup")
    for file in elsewhere.iterdir():
        file.unlink()
    assert run(library, elsewhere, allow_removal=COUNT).removed == COUNT
    assert (library.catalog.count(IMAGE), library.catalog.count_missing()) == (0, COUNT)
    assert run(library, backup).restored == COUNT
    assert told(library) == before
    assert library.grey().embedded == embedded  # each once, at the very beginning
    assert every_picture_finds_itself(library)


def test_a_folder_that_goes_from_one_root_to_another_takes_its_data_along(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """Roots that are indexed one at a time are one library; in whichever order they are."""
    for number in range(4):
        write_picture(tmp_path / "a" / f"{number}.png", number)
        write_picture(tmp_path / "b" / f"{number}.png", 10 + number)
    run(library, tmp_path / "a")
    run(library, tmp_path / "b")
    for item in library.catalog.live_ids(IMAGE).tolist():
        write_about(library, item)
    before = told(library)
    (tmp_path / "a" / "0.png").rename(tmp_path / "b" / "from a.png")
    run(library, tmp_path / "b")
    assert told(library) == before
    (tmp_path / "a" / "1.png").rename(tmp_path / "b" / "also from a.png")
    run(library, tmp_path / "a")  # missing until the other root is looked at
    run(library, tmp_path / "b")
    assert told(library) == before
    (tmp_path / "a" / "2.png").rename(tmp_path / "x.png")  # swapped across roots
    (tmp_path / "b" / "2.png").rename(tmp_path / "a" / "2.png")
    (tmp_path / "x.png").rename(tmp_path / "b" / "2.png")
    run(library, tmp_path / "a")
    run(library, tmp_path / "b")
    assert told(library) == before
    assert every_picture_finds_itself(library)


def test_a_copy_inherits_what_was_written_about_the_original_that_is_gone(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """A folder is copied to another disk, looked at there, and deleted: that is a move in steps."""
    old, new = tmp_path / "old", tmp_path / "new"
    for number in range(4):
        write_picture(old / f"{number}.png", number)
    run(library, old)
    for item in library.catalog.live_ids(IMAGE).tolist():
        write_about(library, item)
    shutil.copytree(old, new)
    assert run(library, new).added == 4
    own = library.catalog.item_by_uri(str(new / "3.png"))
    assert own is not None
    library.catalog.set_tags(own.id, ["the copy's own"])
    for number in range(1, 4):
        (old / f"{number}.png").unlink()
    assert run(library, old, allow_removal=3).removed == 3
    live = library.items(library.catalog.live_ids(IMAGE).tolist())
    assert {
        Path(item.uri).relative_to(tmp_path).as_posix(): (item.id, item.tags) for item in live.values()
    } == {
        "old/0.png": (1, ("tag 1",)),  # is there, and so is its copy
        "new/0.png": (5, ()),
        "new/1.png": (2, ("tag 2",)),
        "new/2.png": (3, ("tag 3",)),
        "new/3.png": (own.id, ("the copy's own",)),  # which people wrote about itself
    }
    assert library.catalog.missing_items() == [4, 6, 7]
    assert (run(library, new).unchanged, library.grey().embedded) == (4, 8)


def test_a_removed_picture_is_not_brought_back_with_what_was_said(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """What a person took out is gone: the file that is still there is a new picture."""
    write_picture(tmp_path / "p" / "a.png", 1)
    run(library, tmp_path / "p")
    (item,) = library.catalog.live_ids(IMAGE).tolist()
    write_about(library, item)
    library.catalog.delete_items([item])
    assert run(library, tmp_path / "p").added == 1
    (new,) = library.catalog.live_ids(IMAGE).tolist()
    assert (new != item, library.items([new])[new].tags) == (True, ())
    assert library.catalog.count_missing() == 0


def test_what_is_purged_does_not_come_back(library: GreyLibrary, tmp_path: Path) -> None:
    """Missing items are forgotten with all that was said of them, and nothing else is."""
    for number in range(3):
        write_picture(tmp_path / "p" / f"{number}.png", number)
    run(library, tmp_path / "p")
    for item in library.catalog.live_ids(IMAGE).tolist():
        write_about(library, item)
    gone = (tmp_path / "p" / "0.png").rename(tmp_path / "0.png")
    assert run(library, tmp_path / "p").removed == 1
    missing = library.catalog.missing_items()
    assert library.catalog.purge_items([*missing, *library.catalog.live_ids(IMAGE).tolist()]) == 1
    gone.rename(tmp_path / "p" / "0.png")
    assert run(library, tmp_path / "p").added == 1
    assert sorted(len(item.tags) for item in library.items([1, 2, 3, 4]).values()) == [0, 1, 1]
    assert library.catalog.count_missing() == 0
