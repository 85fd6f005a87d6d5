"""The reading job: each picture once, whatever stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.grey import GreyLibrary
from tests.signs import ByHeart
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import ProgressEvent
from vasari.indexer.reading import read_library
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import LibraryLockedError

COUNT = 40
TEXTS = {shade: f"SIGN{shade:03}" for shade in range(0, COUNT, 2)}  # every second picture has one


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for shade in range(COUNT):
        Image.new("RGB", (200, 100), (shade, shade, shade)).save(folder / f"{shade:03}.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        step(opened, photos)
        yield opened


def step(library: GreyLibrary, photos: Path) -> None:
    index(library, choose_source([str(photos)])[0], IndexOptions(batch_size=8))


def found(library: GreyLibrary, filter_: str) -> list[str]:
    ids = library.catalog.filters.matching(filter_, Modality.IMAGE).tolist()
    return [Path(item.uri).stem for item in library.items(ids).values()]


def test_every_picture_is_read_once(library: GreyLibrary) -> None:
    """Those without text too; a second run has nothing to do, and another reader only where it is asked to."""
    report = read_library(library, ByHeart(TEXTS))
    assert (report.read, report.with_text, report.unchanged, report.failed) == (COUNT, COUNT // 2, 0, 0)
    assert found(library, "ocr:IGN01") == ["010", "012", "014", "016", "018"]
    same, other = ByHeart(TEXTS), ByHeart({1: "OTHER"}, "by heart 2")
    report = read_library(library, same, again=True)
    assert (report.read, report.unchanged, same.seen) == (0, COUNT, [])
    assert read_library(library, other).read == 0
    assert read_library(library, other, again=True).read == COUNT
    assert found(library, "exists(ocr)") == ["001"]


def test_corners_are_those_of_the_full_picture(library: GreyLibrary, tmp_path: Path) -> None:
    """A large JPEG is decoded at half its size, and its boxes are told in its own pixels."""
    folder = tmp_path / "large"
    folder.mkdir()
    Image.new("RGB", (4000, 3000), (200, 200, 200)).save(folder / "large.jpg", quality=100)
    step(library, folder)
    reader = ByHeart({200: "LARGE"})
    read_library(library, reader)
    (item,) = library.catalog.filters.matching("ocr:large", Modality.IMAGE).tolist()
    (line,) = library.catalog.readings.of([item])[item]
    assert line.corners == ((0, 0), (2000, 0), (2000, 3000), (0, 3000))


def test_moved_pictures_keep_their_text_and_edited_ones_are_read_again(
    library: GreyLibrary, photos: Path
) -> None:
    """By index and read, as a person would run them."""
    read_library(library, ByHeart(TEXTS))
    (photos / "000.png").rename(photos / "moved.png")
    Image.new("RGB", (200, 100), (100, 100, 100)).save(photos / "002.png")
    step(library, photos)
    assert found(library, "ocr:SIGN000") == ["moved"]
    assert found(library, "ocr:SIGN002") == []
    reader = ByHeart({100: "EDITED"})
    assert read_library(library, reader).read == 1
    assert reader.seen == [100]
    assert found(library, "ocr:EDITED") == ["002"]


def test_a_picture_that_is_gone_is_a_failure_and_no_end(library: GreyLibrary, photos: Path) -> None:
    """It goes to the ledger, and is tried again the next time."""
    content = (photos / "005.png").read_bytes()
    (photos / "005.png").unlink()
    report = read_library(library, ByHeart(TEXTS))
    assert (report.read, report.failed) == (COUNT - 1, 1)
    (failure,) = library.catalog.failures.latest()
    assert Path(failure.uri).name == "005.png"
    (photos / "005.png").write_bytes(content)
    assert read_library(library, ByHeart(TEXTS)).read == 1


def test_a_stopped_job_keeps_what_it_read(library: GreyLibrary) -> None:
    """The next one goes on where it was: no picture is read twice."""
    stop = threading.Event()

    class Watcher:
        def update(self, event: ProgressEvent) -> None:
            if event.done == 7:
                stop.set()

    first, second = ByHeart(TEXTS, seconds=0.005), ByHeart(TEXTS)
    report = read_library(library, first, Watcher(), stop)
    assert report.interrupted
    assert 7 <= report.read < COUNT
    report = read_library(library, second)
    assert not report.interrupted
    assert sorted(first.seen + second.seen) == list(range(COUNT))


def test_one_job_at_a_time(library: GreyLibrary) -> None:
    """It takes the lease that every writer takes."""
    with library.catalog.lease.acquire("somebody"), pytest.raises(LibraryLockedError, match="somebody"):
        read_library(library, ByHeart(TEXTS))
