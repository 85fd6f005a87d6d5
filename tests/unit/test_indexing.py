"""Indexing as a whole: real files, catalog and vectors; only the encoder is small."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.grey import GreyLibrary, write_picture
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import AsTheyWere, Candidate
from vasari.retrieval.domain import (
    Caption,
    CaptionSource,
    Modality,
    SearchRequest,
    Skipped,
    Term,
    TermKind,
)
from vasari.retrieval.errors import LibraryLockedError


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six pictures in two folders."""
    for number in range(6):
        write_picture(tmp_path / "photos" / ("a" if number < 3 else "b") / f"{number}.png", number)
    return tmp_path / "photos"


def run(library: GreyLibrary, *paths: Path, options: IndexOptions | None = None) -> IndexReport:
    return index(library, FolderSource(paths), options or IndexOptions(batch_size=4, decode_threads=2))


def counts(report: IndexReport) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("added", "updated", "moved", "restored", "described", "removed", "unchanged", "failed")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def uris(library: GreyLibrary) -> list[str]:
    return sorted(file.uri for file in library.catalog.items.known_files(Modality.IMAGE))


def item(library: GreyLibrary, path: Path) -> int:
    found = library.catalog.items.by_uri(str(path))
    assert found is not None
    return found.id


def nearest(library: GreyLibrary, path: Path) -> list[str]:
    """Uris by nearness to a picture."""
    request = SearchRequest((Term(TermKind.IMAGE, image=path),), limit=100)
    return [hit.item.uri for hit in library.search(request).hits]


def test_pictures_become_items_with_facts_and_vectors(library: GreyLibrary, photos: Path) -> None:
    """After indexing each picture is found by itself, and the catalog knows its size and format."""
    assert counts(run(library, photos)) == {"added": 6}
    for path in sorted(photos.rglob("*.png")):
        assert nearest(library, path)[0] == str(path)
    found = library.catalog.items.by_uri(str(photos / "a" / "1.png"))
    assert found is not None
    assert (found.width, found.height, found.format) == (16, 16, "png")
    assert found.bytes == (photos / "a" / "1.png").stat().st_size


def test_indexing_again_changes_nothing_and_reads_nothing(library: GreyLibrary, photos: Path) -> None:
    """The second run embeds no picture and leaves the revision, so that searches keep what they have open."""
    run(library, photos)
    embedded, revision = library.grey().embedded, library.catalog.revision()
    assert counts(run(library, photos)) == {"unchanged": 6}
    assert (library.grey().embedded, library.catalog.revision()) == (embedded, revision)


def test_every_kind_of_change_is_counted(library: GreyLibrary, photos: Path) -> None:
    """Renaming, editing, deleting, restoring and adding files shows up as exactly those counts."""
    run(library, photos)
    deleted = (photos / "b" / "5.png").read_bytes()

    (photos / "a" / "0.png").rename(photos / "b" / "renamed.png")
    (photos / "a").rename(photos / "c")
    assert counts(run(library, photos)) == {"moved": 3, "unchanged": 3}

    write_picture(photos / "c" / "1.png", 100)
    (photos / "b" / "5.png").unlink()
    write_picture(photos / "new.png", 101)
    assert counts(run(library, photos)) == {"added": 1, "updated": 1, "removed": 1, "unchanged": 4}

    (photos / "b" / "5.png").write_bytes(deleted)
    assert counts(run(library, photos)) == {"restored": 1, "unchanged": 6}
    assert uris(library) == sorted(str(path) for path in photos.rglob("*.png"))
    for path in photos.rglob("*.png"):
        assert nearest(library, path)[0] == str(path)


def test_a_moved_file_keeps_its_item_captions_and_vector(library: GreyLibrary, photos: Path) -> None:
    """Nothing that was said about a picture is lost by tidying up, and nothing is embedded again."""
    run(library, photos)
    before = item(library, photos / "a" / "1.png")
    library.catalog.annotations.set_captions(before, [Caption("a red boat")], CaptionSource.USER)
    embedded = library.grey().embedded
    (photos / "a" / "1.png").rename(photos / "boat.png")
    run(library, photos)
    assert item(library, photos / "boat.png") == before
    assert [caption.text for caption in library.items([before])[before].captions] == ["a red boat"]
    assert library.grey().embedded == embedded
    assert nearest(library, photos / "boat.png")[0] == str(photos / "boat.png")


def test_a_touched_file_is_unchanged_and_read_only_once(library: GreyLibrary, photos: Path) -> None:
    """A new modification time with the same content is noted, so that the next run need not read it."""
    run(library, photos)
    embedded = library.grey().embedded
    os.utime(photos / "a" / "1.png", ns=(1, 1))
    assert counts(run(library, photos)) == {"unchanged": 6}
    found = library.catalog.items.by_uri(str(photos / "a" / "1.png"))
    assert found is not None
    assert found.mtime_ns == 1
    assert library.grey().embedded == embedded


def test_an_edited_file_is_found_by_its_new_content_only(library: GreyLibrary, photos: Path) -> None:
    """The old vector never comes back."""
    run(library, photos)
    old = photos.parent / "old.png"
    (photos / "a" / "1.png").rename(old)
    write_picture(photos / "a" / "1.png", 50)
    assert counts(run(library, photos)) == {"updated": 1, "unchanged": 5}
    found = nearest(library, photos / "a" / "1.png")
    assert found[0] == str(photos / "a" / "1.png")
    assert len(found) == len(set(found)) == 6
    assert nearest(library, old)[0] != str(photos / "a" / "1.png")


def test_only_what_lies_below_the_given_roots_is_removed(library: GreyLibrary, photos: Path) -> None:
    """Indexing one folder says nothing about its neighbours, even if their names begin alike."""
    write_picture(photos / "ab" / "6.png", 6)
    run(library, photos)
    for path in [*photos.rglob("*.png")]:
        path.unlink()
    everything = IndexOptions(allow_removal=3)
    assert counts(run(library, photos / "a", options=everything)) == {"removed": 3}
    assert uris(library) == [
        str(photos / "ab" / "6.png"),
        *(str(photos / "b" / f"{n}.png") for n in (3, 4, 5)),
    ]


def test_copies_are_items_of_their_own(library: GreyLibrary, photos: Path) -> None:
    """Two files with the same content are two items; deleting one leaves the other."""
    (photos / "copy.png").write_bytes((photos / "a" / "1.png").read_bytes())
    assert counts(run(library, photos)) == {"added": 7}
    (photos / "a" / "1.png").unlink()
    assert counts(run(library, photos)) == {"removed": 1, "unchanged": 6}
    assert str(photos / "copy.png") in uris(library)


def test_bad_files_go_to_the_ledger_and_leave_it_once_mended(library: GreyLibrary, photos: Path) -> None:
    """The ledger keeps uri, stage, reason and attempts until the file is good or gone."""
    (photos / "bad.png").write_bytes(b"no picture")
    (photos / "worse.png").write_bytes(b"")
    assert counts(run(library, photos)) == {"added": 6, "failed": 2}
    assert {(failure.uri, failure.stage) for failure in library.catalog.failures.latest()} == {
        (str(photos / "bad.png"), "decode"),
        (str(photos / "worse.png"), "read"),
    }
    write_picture(photos / "bad.png", 9)
    (photos / "worse.png").unlink()
    assert counts(run(library, photos)) == {"added": 1, "unchanged": 6}
    assert library.catalog.failures.latest() == []


def test_failures_can_be_tried_again_alone(library: GreyLibrary, photos: Path) -> None:
    """Naming the failed files tries them once more and touches nothing else."""
    (photos / "bad.png").write_bytes(b"no picture")
    run(library, photos)
    source = FolderSource([failure.uri for failure in library.catalog.failures.latest()], may_be_gone=True)
    report = index(library, source, IndexOptions(retry_failed=True))
    assert counts(report) == {"failed": 1}
    assert [failure.attempts for failure in library.catalog.failures.latest()] == [2]


def test_a_known_file_that_turned_bad_stays_until_it_is_gone(library: GreyLibrary, photos: Path) -> None:
    """A file caught half written must not cost its captions; the ledger tells of it."""
    run(library, photos)
    (photos / "a" / "1.png").write_bytes(b"half a pict")
    assert counts(run(library, photos)) == {"failed": 1, "unchanged": 5}
    assert str(photos / "a" / "1.png") in uris(library)


def test_stopping_keeps_what_was_done_and_removes_nothing(library: GreyLibrary, photos: Path) -> None:
    """Ctrl-C ends with a committed batch; the next run does the rest."""
    run(library, photos)
    (photos / "a" / "0.png").unlink()
    for number in range(10, 30):
        write_picture(photos / "more" / f"{number}.png", number)
    stop = threading.Event()

    library.grey().on_batch = stop.set
    report = index(library, FolderSource([photos]), IndexOptions(batch_size=4), stop=stop)
    assert report.interrupted
    assert counts(report) == {"added": 4, "unchanged": 5}
    assert str(photos / "a" / "0.png") in uris(library)
    assert counts(run(library, photos)) == {"added": 16, "removed": 1, "unchanged": 9}


def test_stopping_while_listing_changes_nothing(library: GreyLibrary, photos: Path) -> None:
    """Half a listing proves nothing."""
    run(library, photos)
    for path in photos.rglob("*.png"):
        path.unlink()
    write_picture(photos / "new.png", 7)
    stop = threading.Event()
    stop.set()
    report = index(library, FolderSource([photos]), stop=stop)
    assert (report.interrupted, counts(report)) == (True, {})
    assert len(uris(library)) == 6


def test_a_second_job_is_refused(library: GreyLibrary, photos: Path) -> None:
    """One job writes a library at a time, and the error names the other."""
    with (
        library.catalog.lease.acquire("vasari watch"),
        pytest.raises(LibraryLockedError, match="vasari watch"),
    ):
        run(library, photos)


class Meddled(FolderSource):
    """While it is listed for the first time something else happens."""

    meddle: Callable[[], object] = staticmethod(lambda: None)
    listings = 0

    def differing(self, as_they_were: AsTheyWere) -> Iterator[Candidate | Skipped]:
        yield from super().differing(as_they_were)
        self.listings += 1
        if self.listings == 1:
            self.meddle()


@pytest.mark.parametrize("somebody_writes", [False, True])
def test_a_plan_made_without_the_lease_holds_while_nobody_else_has_had_it(
    library: GreyLibrary, photos: Path, *, somebody_writes: bool
) -> None:
    """A job lists once, unless another job wrote the library between its listing and its lease."""
    run(library, photos)
    write_picture(photos / "new.png", 7)
    source = Meddled([photos])
    if somebody_writes:
        source.meddle = lambda: run(library, photos)
    with GreyLibrary.open(library.root, create=True) as ours:
        assert ours.glance is not None
        report = index(ours, source)
    assert source.listings == 1 + somebody_writes
    assert counts(report) == ({"unchanged": 7} if somebody_writes else {"added": 1, "unchanged": 6})
    assert len(uris(library)) == 7


def test_another_model_fills_a_space_of_its_own(library: GreyLibrary, photos: Path) -> None:
    """Unchanged files are embedded for the new space; the old vectors stay."""
    run(library, photos)
    other = library.use_model("other")
    assert counts(run(library, photos, options=IndexOptions(space="other"))) == {"updated": 6}
    assert counts(run(library, photos, options=IndexOptions(space="other"))) == {"unchanged": 6}
    for space in library.catalog.spaces.all():
        assert len(library.gallery(Modality.IMAGE, space)) == 6
    assert other in library.catalog.spaces.all()


def test_a_file_moved_before_it_was_embedded_is_embedded_at_its_new_path(
    library: GreyLibrary, photos: Path
) -> None:
    """One run is enough, also for an item that has no vector in the space yet."""
    run(library, photos)
    library.use_model("other")
    (photos / "a" / "1.png").rename(photos / "boat.png")
    run(library, photos, options=IndexOptions(space="other"))
    assert list(library.catalog.segments.missing_embeddings("other", Modality.IMAGE)) == []
    assert len(uris(library)) == 6


def test_many_commits_come_to_the_same_as_one(library: GreyLibrary, photos: Path, tmp_path: Path) -> None:
    """How work is cut into segments does not change what is found."""
    run(library, photos)
    with GreyLibrary.open(tmp_path / "other", create=True) as other:
        run(other, photos, options=IndexOptions(batch_size=1, commit_every=1))
        space = other.space()
        assert len(other.catalog.segments.all(space.name, Modality.IMAGE)) == 6
        for path in photos.rglob("*.png"):
            ids = [item(library, path)], [item(other, path)]
            np.testing.assert_array_equal(library.vectors_of(ids[0], space), other.vectors_of(ids[1], space))


def test_orphans_of_a_killed_job_are_removed(library: GreyLibrary, photos: Path) -> None:
    """A segment that no transaction names goes when the next job starts."""
    run(library, photos)
    folder = library.segments_directory(library.space(), Modality.IMAGE)
    orphan = folder / "00000077.vectors.npy"
    orphan.write_bytes(b"half")
    run(library, photos)
    assert not orphan.exists()


def test_names_that_are_not_utf8_are_indexed(library: GreyLibrary, photos: Path) -> None:
    """Such a file is found again under exactly its name."""
    name = os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png")
    (photos / "a" / "1.png").rename(name)
    assert counts(run(library, photos)) == {"added": 6}
    assert counts(run(library, photos)) == {"unchanged": 6}
    assert name in uris(library)


def test_a_file_from_a_year_that_no_database_keeps_is_indexed(library: GreyLibrary, photos: Path) -> None:
    """Beyond 2262 and before 1970: its time is the nearest that can be kept, and it is unchanged the next time."""
    os.utime(photos / "a" / "1.png", (10**10, 10**10))
    os.utime(photos / "a" / "2.png", (-(10**10), -(10**10)))
    assert counts(run(library, photos)) == {"added": 6}
    assert counts(run(library, photos)) == {"unchanged": 6}
