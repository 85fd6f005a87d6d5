"""What is not listed any more: when it is missing, and when rather its disk is."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import pytest

from tests import forms
from tests.grey import GreyEncoder, GreyLibrary, write_picture
from tests.patience import LONG
from vasari.api.cli.render import skipped_lines
from vasari.indexer.build import rebuild
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.removal import Withheld
from vasari.indexer.sources.detect import Reading, choose_source, same_folders
from vasari.indexer.sources.texts import TextFiles
from vasari.indexer.watch import watch
from vasari.retrieval.domain import EmbeddingSpace, Modality, UnitVectors
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.library.compaction import compact_if_due

IMAGE = Modality.IMAGE


class WordyLibrary(GreyLibrary):
    """One in which texts have vectors, too: by their length."""

    def embed_texts(self, texts: object, space: EmbeddingSpace) -> UnitVectors:
        assert isinstance(texts, list)
        numbers = np.array([[len(text), *range(1, space.dim)] for text in texts], np.float32)
        return UnitVectors(numbers / np.linalg.norm(numbers, axis=1, keepdims=True))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[WordyLibrary]:
    with WordyLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten pictures: six in the folder, and two in each of two below."""
    for number in range(10):
        below = ("", "", "", "", "", "", "trip", "trip", "usb", "usb")[number]
        write_picture(tmp_path / "photos" / below / f"{number}.png", number)
    return tmp_path / "photos"


def run(library: GreyLibrary, *places: Path, allow_removal: int = 0) -> IndexReport:
    source, _ = choose_source(places, Reading(known=lambda _: True))
    return index(library, source, IndexOptions(batch_size=4, allow_removal=allow_removal))


def unlink(photos: Path, *numbers: int) -> None:
    for number in numbers:
        next(photos.rglob(f"{number}.png")).unlink()


def test_a_few_files_that_are_gone_are_missing(library: GreyLibrary, photos: Path) -> None:
    """Half of a folder may vanish without a question; the other half is there."""
    run(library, photos)
    unlink(photos, 0, 1, 2, 3, 4)
    report = run(library, photos)
    assert (report.removed, report.withheld) == (5, ())
    assert library.catalog.items.count_missing() == 5


def test_a_folder_that_lost_more_than_half_loses_nothing(library: GreyLibrary, photos: Path) -> None:
    """Not one of them, until a person says how many it may be; a smaller number is none."""
    run(library, photos)
    unlink(photos, 0, 1, 2, 3, 4, 6)
    for allowed in (0, 5):
        report = run(library, photos, allow_removal=allowed)
        assert (report.removed, report.withheld) == (0, (Withheld(str(photos), 10, 6),))
    assert str(report.withheld[0]).startswith(f"{photos}: 6 of its 10 items are not there")
    assert run(library, photos, allow_removal=6).removed == 6


def test_files_that_moved_are_no_loss(library: GreyLibrary, photos: Path, tmp_path: Path) -> None:
    """A folder that was emptied into another one is found there, and nothing is doubted."""
    run(library, photos)
    moved = photos.rename(tmp_path / "moved")
    photos.mkdir()
    report = run(library, photos, moved)
    assert (report.moved, report.removed, report.withheld) == (10, 0, ())


def test_an_empty_mount_point_inside_a_folder_is_doubted_alone(library: GreyLibrary, photos: Path) -> None:
    """A folder that is there and empty may be a drive that is not; one that is gone was deleted."""
    run(library, photos)
    shutil.move(photos / "usb", photos.parent / "away")
    (photos / "usb" / "lost+found").mkdir(parents=True)
    (photos / "usb" / ".Trash-1000").mkdir()
    shutil.rmtree(photos / "trip")
    report = run(library, photos)
    assert (report.removed, report.withheld) == (2, (Withheld(str(photos / "usb"), 2, 2),))
    shutil.rmtree(photos / "usb")
    shutil.move(photos.parent / "away", photos / "usb")
    assert run(library, photos).unchanged == 8


def test_a_link_to_a_drive_that_is_not_mounted_loses_nothing(
    library: GreyLibrary, photos: Path, tmp_path: Path
) -> None:
    """Be it the root itself, one of several, or a folder below."""
    drive = tmp_path / "drive"
    write_picture(drive / "a.png", 50)
    link = photos / "link"
    link.symlink_to(drive)
    assert run(library, photos).added == 11
    away = drive.rename(tmp_path / "away")
    report = run(library, photos)
    assert (report.removed, report.withheld) == (0, (Withheld(str(link), 1, 1),))
    for places in ((link,), (photos / "trip", link)):
        assert run(library, *places).removed == 0
    away.rename(drive)
    assert run(library, photos).unchanged == 11


def test_a_root_that_vanished_does_not_keep_the_others_from_being_indexed(
    library: GreyLibrary, photos: Path, tmp_path: Path
) -> None:
    """Its items stay; where none of the paths is there or was ever known, that is an error."""
    run(library, photos)
    photos.rename(tmp_path / "away")
    write_picture(tmp_path / "new" / "a.png", 99)
    report = run(library, photos, tmp_path / "new")
    assert (report.added, report.removed, len(report.withheld)) == (1, 0, 1)
    with pytest.raises(NotFoundError, match="no such file or folder"):
        choose_source([tmp_path / "nowhere"])


def test_an_archive_that_lost_its_members_is_doubted(library: GreyLibrary, tmp_path: Path) -> None:
    """A shard that was cut short while it was copied takes no pictures along."""
    samples = forms.write_folder(tmp_path / "photos", 6)
    forms.write_shard(tmp_path / "s.tar", samples)
    run(library, tmp_path / "s.tar")
    forms.write_shard(tmp_path / "s.tar", samples[:1])
    report = run(library, tmp_path / "s.tar")
    assert (report.removed, report.withheld) == (0, (Withheld(str(tmp_path / "s.tar"), 6, 5),))
    assert run(library, tmp_path / "s.tar", allow_removal=5).removed == 5
    forms.write_shard(tmp_path / "s.tar", samples)
    assert run(library, tmp_path / "s.tar").restored == 5


def test_a_file_of_texts_that_was_emptied_is_doubted_and_one_that_was_edited_is_not(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """Its texts come back with their tags, without being embedded again."""
    file = tmp_path / "t.txt"
    library.use_model("grey")

    def texts(*lines: str, allow_removal: int = 0) -> IndexReport:
        file.write_text("\n".join(lines))
        return index(library, TextFiles([str(file)]), IndexOptions(allow_removal=allow_removal))

    assert texts("one", "two", "three").added == 3
    (first, *_) = library.catalog.items.live_ids(Modality.TEXT).tolist()
    library.catalog.annotations.set_tags(first, ["mine"])
    emptied = texts()
    assert (emptied.removed, emptied.withheld) == (0, (Withheld(str(file), 3, 3),))
    edited = texts("1", "2", "3")
    assert (edited.added, edited.removed, edited.withheld) == (3, 3, ())
    back = texts("one", "2", "3")
    assert (back.added, back.restored, back.removed) == (0, 1, 1)
    assert library.items([first])[first].tags == ("mine",)


@pytest.mark.parametrize("built", ["before", "while", "never"])
def test_an_index_finds_what_came_back(library: GreyLibrary, photos: Path, built: str) -> None:
    """Whether the index was built before pictures went missing or while they were, answers equal the exact ones."""
    space = library.use_model("grey")
    run(library, photos)
    if built == "before":
        rebuild(library, kind="hnsw")
    away = [file.rename(photos.parent / file.name) for file in sorted(photos.glob("[0-4].png"))]
    assert run(library, photos).removed == 5
    if built == "while":
        rebuild(library, kind="hnsw")
    assert len(library.gallery(IMAGE, space)) == 5
    embedded = library.grey().embedded
    for file in away:
        file.rename(photos / f"back {file.name}")
    report = run(library, photos)
    assert report.restored == 5
    gallery = library.gallery(IMAGE, space)
    assert gallery.ids().tolist() == list(range(1, 11))
    vectors = gallery.vectors_of(gallery.ids())
    found, _, _ = gallery.search(vectors, 10)
    scores = vectors @ vectors.T
    assert found[:, 0].tolist() == gallery.ids().tolist()
    for row, ids in enumerate(found):
        np.testing.assert_allclose(scores[row][ids - 1], np.sort(scores[row])[::-1], atol=1e-3)
    assert library.catalog.items.missing() == []
    # An index that is built anew leaves the rows of missing items behind: then they are embedded again.
    assert (library.grey().embedded == embedded) == (built != "while")


def test_groups_of_duplicates_leave_out_what_is_missing(library: GreyLibrary, photos: Path) -> None:
    """A copy that is gone is no copy; back again, it is one."""
    shutil.copy(photos / "0.png", photos / "copy.png")
    run(library, photos)
    assert [len(group) for group in library.catalog.perceptual_hashes.groups()] == [2]
    away = (photos / "copy.png").rename(photos.parent / "copy.png")
    run(library, photos)
    assert library.catalog.perceptual_hashes.groups() == []
    assert library.catalog.perceptual_hashes.counts() == (10, 0)
    away.rename(photos / "copy.png")
    run(library, photos)
    assert [len(group) for group in library.catalog.perceptual_hashes.groups()] == [2]


def test_compaction_keeps_what_is_missing_from_coming_back_dead(library: GreyLibrary, photos: Path) -> None:
    """Rows of missing items are left behind; when these are back they have a vector again, and doctor is content."""
    from vasari.indexer.doctor import examine

    space = library.use_model("grey")
    for number in range(40):  # a segment each
        write_picture(photos / "many" / f"{number:02}.png", 100 + number)
        index(library, choose_source([photos / "many" / f"{number:02}.png"])[0])
    away = (photos / "many" / "03.png").rename(photos.parent / "away.png")
    run(library, photos / "many")
    compact_if_due(library.catalog, library.segments_directory(space, IMAGE), space, IMAGE)
    assert examine(library) == []
    away.rename(photos / "many" / "03.png")
    assert run(library, photos / "many").changed == 1
    assert examine(library) == []
    assert len(library.gallery(IMAGE, space)) == 40


def test_one_folder_by_two_paths_is_said_and_not_indexed_twice(
    library: GreyLibrary, photos: Path, tmp_path: Path
) -> None:
    """A link to a folder that the library has, and two paths to one folder in one command."""
    run(library, photos)
    link = tmp_path / "link"
    link.symlink_to(photos, target_is_directory=True)
    report = run(library, link)
    assert (report.added, [str(alias) for alias in report.aliases]) == (
        0,
        [f"{link} is the same folder as {photos}, which is in the library already"],
    )
    assert list(skipped_lines(report, [str(link)])) == []  # it is not empty
    assert library.catalog.items.count(IMAGE) == 10
    assert same_folders([photos, link, photos / "trip"]) == [(str(link), str(photos))]
    assert run(library, photos, link).unchanged == 10


class Watched:
    """A watch over folders, beside a test that waits for what it reports."""

    def __init__(self, library: GreyLibrary, *places: Path) -> None:
        self._library, self._places = library, places
        self._stop = threading.Event()
        self._heard = Queue[IndexReport]()
        self._last = IndexReport()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        reading = Reading(known=lambda _: True)
        watch(
            self._library,
            lambda: choose_source(self._places, reading)[0],
            self._heard.put,
            self._stop,
            settle=0.05,
        )

    def until(self, done: Callable[[IndexReport], bool]) -> None:
        """Wait for a report that is as wanted."""
        while not done(self._last):
            try:
                self._last = self._heard.get(timeout=LONG)
            except Empty:
                raise AssertionError(f"nothing was noticed after {self._last}") from None

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_the_watch_sees_what_index_sees(library: GreyLibrary, photos: Path, tmp_path: Path) -> None:
    """Texts beside pictures, new and changed; folders of any name, moved out and in; a drive that is not there."""
    (photos / "0.txt").write_text("a red boat")
    shutil.move(photos / "trip", photos / "2024.05")

    def caption() -> list[str]:
        item = library.catalog.items.by_uri(str(photos / "0.png"))
        return [said.text for said in item.captions] if item else []

    with Watched(library, photos) as watched:
        watched.until(lambda report: report.added == 10)
        assert caption() == ["a red boat"]
        (photos / "0.txt").write_text("a blue boat")
        watched.until(lambda _: caption() == ["a blue boat"])
        shutil.move(photos / "2024.05", tmp_path / "2024.05")
        watched.until(lambda report: report.removed == 2)
        shutil.move(tmp_path / "2024.05", photos / "2024.05")
        watched.until(lambda report: report.restored == 2)
        photos.rename(tmp_path / "away")  # unmounted …
        photos.mkdir()
        watched.until(lambda report: bool(report.withheld))
        assert library.catalog.items.count(IMAGE) == 10
        photos.rmdir()
        (tmp_path / "away").rename(photos)  # … and mounted again
        watched.until(lambda report: report.unchanged == 10 and not report.withheld)


def test_the_watch_sees_names_that_are_not_utf8(library: GreyLibrary, tmp_path: Path) -> None:
    """Of the root, or of a folder that is moved in, which the system's messages cannot spell."""
    root = tmp_path / "root"
    write_picture(root / "0.png", 0)
    write_picture(tmp_path / "in" / "1.png", 1)
    with Watched(library, root) as watched:
        watched.until(lambda report: report.added == 1)
        (tmp_path / "in").rename(root / os.fsdecode(b"in \xff"))
        watched.until(lambda report: report.added == 1 and report.unchanged == 1)
        write_picture(root / os.fsdecode(b"in \xff") / os.fsdecode(b"2 \xfe.png"), 2)
        watched.until(lambda report: report.added == 1 and report.unchanged == 2)


class _Vanishing(os.PathLike[str]):
    """A path whose folder vanishes when it is asked for a second time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._asked = folder, 0

    def __fspath__(self) -> str:
        self._asked += 1
        if self._asked == 2:
            self._folder.rename(self._folder.with_name("away"))
        return str(self._folder)


def test_a_root_that_vanishes_while_it_is_looked_at_is_gone(library: GreyLibrary, photos: Path) -> None:
    """As one that vanished before: what the library has of it stays."""
    run(library, photos)
    source, _ = choose_source([_Vanishing(photos)], Reading(known=lambda _: True))
    report = index(library, source)
    assert (report.removed, report.withheld) == (0, (Withheld(str(photos), 10, 10),))


def test_what_was_removed_by_hand_is_not_missing(library: GreyLibrary, photos: Path) -> None:
    """And what is missing cannot be removed by hand a second time."""
    run(library, photos)
    unlink(photos, 0)
    run(library, photos)
    (missing,) = library.catalog.items.missing()
    assert library.catalog.items.delete([missing]) == 0
    assert library.catalog.items.delete([2]) == 1
    assert library.catalog.items.missing() == [missing]
    assert GreyEncoder().dim == len(library.vectors_of([3], library.space())[0])
