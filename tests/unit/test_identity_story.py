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
from tests.unit.catalogs import found_by
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.detect import Reading, choose_source
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
    catalog.annotations.set_tags(item, [f"tag {item}"])
    catalog.annotations.set_captions(item, [Caption(f"the story of number {item}")], CaptionSource.USER)
    catalog.annotations.set_attributes(item, {"rating": item % 5 + 1})


def told(library: GreyLibrary) -> Mapping[str, tuple[ItemId, Any]]:
    """By the content of the file where it lies now: the item and all that people said of it."""
    return {
        Path(item.uri).read_bytes().hex(): (
            number,
            (item.tags, [said.text for said in item.captions], item.attributes.get("rating")),
        )
        for number, item in library.items(library.catalog.items.live_ids(IMAGE).tolist()).items()
    }


def every_picture_finds_itself(library: GreyLibrary) -> bool:
    """Vectors and full text are those of the files where they lie now."""
    for number, item in library.items(library.catalog.items.live_ids(IMAGE).tolist()).items():
        request = SearchRequest((Term(TermKind.IMAGE, image=Path(item.uri)),), limit=1)
        if library.search(request).hits[0].item.id != number:
            return False
        if number not in found_by(library.catalog.full_text, f"number {number}"):
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
    for item in library.catalog.items.live_ids(IMAGE).tolist():
        write_about(library, item)
    before = told(library)
    assert len(before) == COUNT

    away = drive.rename(tmp_path / "away")
    drive.mkdir()  # unmounted
    for report in (run(library, drive), watch_once(library, drive)):
        assert (report.removed, [w.vanished for w in report.withheld]) == (0, [COUNT])
    drive.rmdir()  # and the mount point is gone, too
    assert run(library, drive).removed == 0
    assert library.catalog.items.count(IMAGE) == COUNT

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
    assert (library.catalog.items.count(IMAGE), library.catalog.items.count_missing()) == (0, COUNT)
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
    for item in library.catalog.items.live_ids(IMAGE).tolist():
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
    for item in library.catalog.items.live_ids(IMAGE).tolist():
        write_about(library, item)
    shutil.copytree(old, new)
    assert run(library, new).added == 4
    own = library.catalog.items.by_uri(str(new / "3.png"))
    assert own is not None
    library.catalog.annotations.set_tags(own.id, ["the copy's own"])
    for number in range(1, 4):
        (old / f"{number}.png").unlink()
    assert run(library, old, allow_removal=3).removed == 3
    live = library.items(library.catalog.items.live_ids(IMAGE).tolist())
    assert {
        Path(item.uri).relative_to(tmp_path).as_posix(): (item.id, item.tags) for item in live.values()
    } == {
        "old/0.png": (1, ("tag 1",)),  # is there, and so is its copy
        "new/0.png": (5, ()),
        "new/1.png": (2, ("tag 2",)),
        "new/2.png": (3, ("tag 3",)),
        "new/3.png": (own.id, ("the copy's own",)),  # which people wrote about itself
    }
    assert library.catalog.items.missing() == [4, 6, 7]
    assert (run(library, new).unchanged, library.grey().embedded) == (4, 8)


def test_a_removed_picture_is_not_brought_back_with_what_was_said(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """What a person took out is gone: the file that is still there is a new picture."""
    write_picture(tmp_path / "p" / "a.png", 1)
    run(library, tmp_path / "p")
    (item,) = library.catalog.items.live_ids(IMAGE).tolist()
    write_about(library, item)
    library.catalog.items.delete([item])
    assert run(library, tmp_path / "p").added == 1
    (new,) = library.catalog.items.live_ids(IMAGE).tolist()
    assert (new != item, library.items([new])[new].tags) == (True, ())
    assert library.catalog.items.count_missing() == 0


def test_what_is_purged_does_not_come_back(library: GreyLibrary, tmp_path: Path) -> None:
    """Missing items are forgotten with all that was said of them, and nothing else is."""
    for number in range(3):
        write_picture(tmp_path / "p" / f"{number}.png", number)
    run(library, tmp_path / "p")
    for item in library.catalog.items.live_ids(IMAGE).tolist():
        write_about(library, item)
    gone = (tmp_path / "p" / "0.png").rename(tmp_path / "0.png")
    assert run(library, tmp_path / "p").removed == 1
    missing = library.catalog.items.missing()
    assert library.catalog.items.purge([*missing, *library.catalog.items.live_ids(IMAGE).tolist()]) == 1
    gone.rename(tmp_path / "p" / "0.png")
    assert run(library, tmp_path / "p").added == 1
    assert sorted(len(item.tags) for item in library.items([1, 2, 3, 4]).values()) == [0, 1, 1]
    assert library.catalog.items.count_missing() == 0


def words(library: GreyLibrary, file: Path) -> tuple[Any, ...]:
    """What people wrote of the item that a file is."""
    item = library.catalog.items.by_uri(str(file))
    assert item is not None
    return item.tags, [said.text for said in item.captions], item.attributes.get("rating")


def test_words_go_with_content_that_moved_while_another_picture_took_its_name(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """The new picture may be an edit of the old one, and keeps the words; found elsewhere, the old one has them too."""
    place, elsewhere = tmp_path / "a" / "x.png", tmp_path / "b" / "x2.png"
    write_picture(place, 1)
    write_picture(tmp_path / "b" / "other.png", 2)
    run(library, tmp_path / "a")
    write_about(library, 1)
    elsewhere.write_bytes(place.read_bytes())
    write_picture(place, 3)
    assert run(library, tmp_path / "a").changed == 1
    # Of the picture that is there now, as far as one can see.
    library.catalog.annotations.set_tags(1, ["tag 1", "since"])
    library.catalog.annotations.set_captions(1, [Caption("what the table says")], CaptionSource.FILE)
    assert run(library, tmp_path / "b").added == 2
    both = (("since", "tag 1"), ["the story of number 1"], 2)
    assert words(library, elsewhere) == both
    assert (words(library, place)[0], words(library, tmp_path / "b" / "other.png")[0]) == (both[0], ())
    assert len(found_by(library.catalog.full_text, "story since")) == 2
    found = library.catalog.items.by_uri(str(elsewhere))
    assert found is not None

    shutil.copy(elsewhere, tmp_path / "b" / "x3.png")  # a copy is a copy, as ever
    run(library, tmp_path / "b")
    assert words(library, tmp_path / "b" / "x3.png") == ((), [], None)
    library.catalog.items.delete([found.id])  # and what a person took out does not come back with its words
    (tmp_path / "b" / "x3.png").unlink()
    run(library, tmp_path / "b")
    assert words(library, elsewhere) == ((), [], None)


def test_another_card_under_the_same_path_does_not_keep_the_words_of_the_first(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """Cards that are mounted in turn have the same names on them; each finds its words wherever it is mounted later."""
    mount, cards = tmp_path / "card", [tmp_path / "first", tmp_path / "second"]
    for card, first in zip(cards, (0, 10), strict=True):
        for number in range(COUNT):
            write_picture(card / f"{number}.png", first + number)
    cards[0].rename(mount)
    run(library, mount)
    for item in range(1, COUNT):
        write_about(library, item)
    before = told(library)
    mount.rename(cards[0])
    cards[1].rename(mount)
    assert run(library, mount).changed == COUNT
    # Of which nobody wrote while it was of the first.
    library.catalog.annotations.set_tags(COUNT, ["of the second card"])
    assert run(library, cards[0]).added == COUNT
    after = told(library)
    assert {content: said for content, (_, said) in after.items() if content in before} == {
        content: said for content, (_, said) in before.items()
    }
    mount.rename(cards[1])
    cards[0].rename(mount)  # put back where it was: the items of the second card are missing until it is seen
    run(library, mount)
    run(library, cards[1])
    assert {content: said for content, (_, said) in told(library).items()} == {
        content: said for content, (_, said) in after.items()
    }


def test_what_is_purged_is_not_handed_on(library: GreyLibrary, tmp_path: Path) -> None:
    """An edited item that is forgotten takes along what is known of its former content."""
    write_picture(tmp_path / "a" / "x.png", 1)
    run(library, tmp_path / "a")
    write_about(library, 1)
    write_picture(tmp_path / "b" / "x.png", 1)
    write_picture(tmp_path / "a" / "x.png", 2)
    run(library, tmp_path / "a")
    (tmp_path / "a" / "x.png").unlink()
    run(library, tmp_path / "a", allow_removal=1)
    assert library.catalog.items.purge([1]) == 1
    run(library, tmp_path / "b")
    assert words(library, tmp_path / "b" / "x.png") == ((), [], None)
