"""Searches that look into parts of pictures: small things are found, and the hit says where."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.service.colours import COLOURS, SPACE, ColourLibrary
from vasari.api.contract.search import read_response, response_fields
from vasari.indexer.job import index
from vasari.indexer.regions import keep_regions, regions_kept
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Hit, Modality, SearchRequest, Term, TermKind
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.compaction import compact_if_due
from vasari.retrieval.vectors.regions import known_regions
from vasari.retrieval.vectors.segments import Segment


def paint(file: Path, ground: str, thing: str | None = None, size: tuple[int, int] = (120, 80)) -> None:
    """A picture of one colour, with another in the left upper quarter."""
    picture = Image.new("RGB", size, COLOURS[ground])
    if thing is not None:
        picture.paste(COLOURS[thing], (0, 0, size[0] // 2, size[1] // 2))
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Black with something red in a corner; orange, which is nearer to red as a whole; blue."""
    paint(tmp_path / "pictures" / "small.png", "black", "red")
    paint(tmp_path / "pictures" / "orange.png", "orange")
    paint(tmp_path / "pictures" / "blue.png", "blue")
    return tmp_path / "pictures"


@pytest.fixture
def library(tmp_path: Path, pictures: Path) -> Iterator[ColourLibrary]:
    with ColourLibrary.open(tmp_path / "library", create=True) as opened:
        index(opened, FolderSource([pictures]))
        yield opened


def found(library: ColourLibrary, text: str = "red", **options: object) -> list[Hit]:
    term = Term(TermKind.TEXT, text=text)
    request = SearchRequest((term,), regions=True, hybrid=False, **options)  # type: ignore[arg-type]
    return list(library.search(request).hits)


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.item.uri).stem for hit in hits]


def test_a_small_thing_comes_first_and_the_hit_says_where(library: ColourLibrary) -> None:
    """As a whole the orange picture is nearer; each item is there once, by the better of whole and parts."""
    plain = library.search(SearchRequest((Term(TermKind.TEXT, text="red"),), hybrid=False))
    assert names(list(plain.hits))[0] == "orange"
    assert [hit.region for hit in plain.hits] == [None] * 3
    assert keep_regions(library, 9).embedded == 3
    hits = found(library)
    assert sorted(names(hits)) == ["blue", "orange", "small"]
    assert names(hits)[0] == "small"
    assert hits[0].score == pytest.approx(1 - 0.36 / SPACE.dim**0.5, abs=0.01)
    assert hits[0].region == (0, 0, 60, 40)


def test_the_box_travels_through_json(library: ColourLibrary) -> None:
    """There and back it is the same; a hit by its whole picture has none."""
    keep_regions(library, 9)
    response = library.search(SearchRequest((Term(TermKind.TEXT, text="red"),), regions=True))
    fields = response_fields(response)
    assert fields["hits"][0]["region"] == [0, 0, 60, 40]
    assert [hit.region for hit in read_response(fields).hits] == [hit.region for hit in response.hits]


def test_filters_pages_and_removed_items_hold(library: ColourLibrary) -> None:
    """What is not allowed, or gone, is not found by its parts either; pages do not overlap."""
    keep_regions(library, 9)
    assert names(found(library, filter="name:orange*")) == ["orange"]
    pages = [names(found(library, limit=1, offset=offset)) for offset in range(4)]
    assert sorted(pages[0] + pages[1] + pages[2]) == ["blue", "orange", "small"]
    assert pages[3] == []
    library.remove(found(library)[0].item.id)
    assert sorted(names(found(library))) == ["blue", "orange"]


def test_later_jobs_embed_only_what_is_new_or_changed(library: ColourLibrary, pictures: Path) -> None:
    """As many regions as before, without being told; a changed picture is found by what it shows now."""
    assert regions_kept(library) is None
    keep_regions(library, 9)
    assert regions_kept(library) == 9
    paint(pictures / "small.png", "blue", "green", (200, 200))
    paint(pictures / "new.png", "black", "yellow")
    index(library, FolderSource([pictures]))
    before = keep_regions(library, stop=stopped())
    assert (before.embedded, before.unchanged, before.interrupted) == (0, 2, True)
    report = keep_regions(library)
    assert (report.regions, report.embedded, report.unchanged, report.failed) == (9, 2, 2, 0)
    assert names(found(library, "yellow"))[0] == "new"
    first = found(library, "green")[0]
    assert (names([first]), first.region) == (["small"], (0, 0, 100, 100))
    assert keep_regions(library).embedded == 0


def stopped() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop


def test_another_number_replaces_the_first_and_none_forgets(library: ColourLibrary) -> None:
    """Codes of two layouts are not mixed; a space without any says what embeds them."""
    keep_regions(library, 4)
    assert keep_regions(library, 5).embedded == 3
    assert regions_kept(library) == 5
    assert keep_regions(library, 0).as_json()["bytes"] == 0
    assert regions_kept(library) is None
    with pytest.raises(UsageError, match="vasari index --regions 5"):
        found(library)
    with pytest.raises(UsageError, match="regions are 4, 5, 9, 34 a picture"):
        keep_regions(library, 7)
    with pytest.raises(UsageError, match="regions are parts of pictures"):
        found(library, modality=Modality.TEXT)


def test_a_picture_that_cannot_be_read_is_still_found_as_a_whole(
    library: ColourLibrary, pictures: Path
) -> None:
    """It is told among the failures, and the others have regions."""
    (pictures / "blue.png").unlink()
    report = keep_regions(library, 5)
    assert (report.embedded, report.failed) == (2, 1)
    assert names(found(library, "blue"))[0] == "blue"
    assert found(library, "blue")[0].region is None


def test_regions_go_along_when_segments_are_merged(tmp_path: Path) -> None:
    """Merging many small segments keeps each picture's codes with it, and nothing is embedded again."""
    with ColourLibrary.open(tmp_path / "library", create=True) as library:
        for number in range(33):
            paint(tmp_path / "pictures" / f"{number:02}.png", "black", "red" if number == 7 else "blue")
            index(library, FolderSource([tmp_path / "pictures"]))
            if number == 20:
                keep_regions(library, 9)
        keep_regions(library)
        directory = library.segments_directory(SPACE, Modality.IMAGE)
        with library.catalog.lease.acquire("a test"):
            compact_if_due(library.catalog, directory, SPACE, Modality.IMAGE)
        records = library.catalog.segments.all(SPACE.name, Modality.IMAGE)
        codes = [known_regions(directory, Segment.open(directory, record.number)) for record in records]
        assert len(records) < 33
        assert all(one is not None for one in codes)
        assert keep_regions(library).embedded == 0
        assert (names(found(library))[0], found(library)[0].region) == ("07", (0, 0, 60, 40))
