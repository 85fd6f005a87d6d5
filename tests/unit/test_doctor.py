"""The doctor finds what is wrong, mends it, and the next run makes the library whole. So do rebuild and watch."""

from __future__ import annotations

import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.grey import GreyLibrary, write_picture
from vasari.indexer.build import rebuild
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.watch import watch
from vasari.retrieval.domain import Modality, SearchRequest, Term, TermKind
from vasari.retrieval.errors import (
    LibraryCorruptError,
    LibraryLockedError,
    ReadOnlyError,
    StorageError,
    UsageError,
)
from vasari.retrieval.settings import Settings
from vasari.retrieval.vectors.segments import segment_paths


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(6):
        write_picture(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[GreyLibrary]:
    """Six pictures, indexed in two jobs."""
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        index(opened, FolderSource([photos / f"{number}.png" for number in range(3)]))
        index(opened, FolderSource([photos]))
        yield opened


def segments(library: GreyLibrary) -> Path:
    return library.segments_directory(library.space(), Modality.IMAGE)


def generations(library: GreyLibrary) -> Path:
    return library.generations_directory(library.space(), Modality.IMAGE)


def kinds(library: GreyLibrary, *, repair: bool = False) -> list[str]:
    return [finding.kind for finding in examine(library, repair=repair)]


def quarantined(library: GreyLibrary) -> list[str]:
    """Names of the files that repairs took out of use."""
    return sorted(path.name for path in (library.root / "quarantine").rglob("*") if path.is_file())


def first(library: GreyLibrary, path: Path) -> str:
    """The uri found first for a picture."""
    return library.search(SearchRequest((Term(TermKind.IMAGE, image=path),))).hits[0].item.uri


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_sound_library_has_no_findings(library: GreyLibrary, photos: Path) -> None:
    """Not after indexing, editing, deleting and rebuilding either."""
    assert examine(library) == []
    (photos / "1.png").unlink()
    write_picture(photos / "2.png", 20)
    index(library, FolderSource([photos]))
    rebuild(library)
    assert examine(library) == []


def test_an_orphan_is_found_and_removed(library: GreyLibrary) -> None:
    """Files that no transaction names are reported, and moved into quarantine only when asked."""
    orphan = segments(library) / "00000099.ids.npy"
    orphan.write_bytes(b"half")
    assert kinds(library) == ["orphan"]
    assert orphan.exists()
    assert kinds(library, repair=True) == ["orphan"]
    assert not orphan.exists()
    assert quarantined(library) == ["00000099.ids.npy"]
    assert kinds(library) == []


@pytest.mark.parametrize("damage", ["flipped", "missing", "cut"])
def test_a_damaged_segment_is_found_dropped_and_made_anew(
    library: GreyLibrary, photos: Path, damage: str
) -> None:
    """Whatever happened to its files, the next run embeds the items anew; they keep their ids."""
    number = library.catalog.segments.all(library.space().name, Modality.IMAGE)[0].number
    ids_file, vectors_file = segment_paths(segments(library), number)
    before = {file.uri: file.id for file in library.catalog.items.known_files(Modality.IMAGE)}
    if damage == "flipped":
        flip_a_bit(vectors_file)
    elif damage == "missing":
        ids_file.unlink()
    else:
        vectors_file.write_bytes(vectors_file.read_bytes()[:-7])
    assert kinds(library) == ["segment"]
    assert "segment" in kinds(library, repair=True)
    assert kinds(library) == ["vector"]
    report = index(library, FolderSource([photos]))
    assert (report.updated, report.unchanged) == (3, 3)
    assert kinds(library) == []
    assert {file.uri: file.id for file in library.catalog.items.known_files(Modality.IMAGE)} == before
    for path in photos.iterdir():
        assert first(library, path) == str(path)


def test_a_library_that_is_only_read_is_examined(library: GreyLibrary) -> None:
    """What is wrong is found without the lease and nothing is written; a repair is refused."""
    vectors = segment_paths(segments(library), 1)[1]
    vectors.write_bytes(vectors.read_bytes()[:-1])
    (segments(library) / "99999999.ids.npy").write_bytes(b"half")
    with GreyLibrary.open(library.root, Settings(read_only=True)) as replica:
        assert kinds(replica) == ["segment", "orphan"]
        with pytest.raises(ReadOnlyError):
            examine(replica, repair=True)


def test_a_damaged_index_is_retired_and_searches_scan(library: GreyLibrary, photos: Path) -> None:
    """An index can always be thrown away: the segments have everything."""
    [built] = rebuild(library, kind="flat")
    flip_a_bit(generations(library) / f"{built.number:08d}" / "index.faiss")
    assert kinds(library) == ["generation"]
    assert "generation" in kinds(library, repair=True)
    assert kinds(library) == []
    assert list(generations(library).iterdir()) == []
    assert first(library, photos / "3.png") == str(photos / "3.png")


@contextmanager
def few_open_files() -> Iterator[None]:
    """No other file can be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
        with suppress(OSError):
            while True:
                held.enter_context(Path("/dev/null").open())
        yield


def test_what_cannot_be_read_is_not_damaged(library: GreyLibrary, photos: Path) -> None:
    """A file that is there but cannot be read now is reported as that, and a repair leaves it alone."""
    file = next(segments(library).glob("*.vectors.npy"))
    file.rename(library.root / "kept")
    file.mkdir()  # opening it fails, for root too
    [finding] = examine(library, repair=True)
    assert finding.kind == "unreadable"
    assert "cannot be read (is a directory)" in finding.message
    assert not finding.repaired
    file.rmdir()
    (library.root / "kept").rename(file)
    assert kinds(library, repair=True) == []
    assert first(library, photos / "3.png") == str(photos / "3.png")


def test_too_many_open_files_is_no_damage(library: GreyLibrary) -> None:
    """The error says how to raise the limit, not that a file is damaged."""
    with GreyLibrary.open(library.root) as other:
        space = other.space()
        other.catalog.revision()
        with few_open_files(), pytest.raises(StorageError, match="ulimit -n"):
            other.gallery(Modality.IMAGE, space)


def test_vectors_whose_folder_is_gone_are_given_up_only_when_told(library: GreyLibrary, photos: Path) -> None:
    """A folder on a disk that is not mounted comes back with it: a repair forgets nothing for it."""
    folder = segments(library)
    folder.rename(folder.with_name("elsewhere"))
    assert kinds(library, repair=True) == ["folder"]
    folder.mkdir()
    assert kinds(library, repair=True) == ["folder"]
    folder.rmdir()
    folder.with_name("elsewhere").rename(folder)
    assert kinds(library) == []
    shutil.rmtree(folder)
    assert "segment" in [f.kind for f in examine(library, repair=True, forget_missing=True)]
    assert index(library, FolderSource([photos])).updated == 6
    assert kinds(library) == []


@pytest.mark.parametrize("damage", ["crafted", "cut", "manifest", "gone"])
def test_searches_are_exact_where_the_index_is_damaged(
    library: GreyLibrary, photos: Path, damage: str
) -> None:
    """Answers stay right, the way they were found tells of the damage, and the doctor mends it."""
    [built] = rebuild(library, kind="flat")
    folder = generations(library) / f"{built.number:08d}"
    match damage:
        case "crafted":
            size = (folder / "index.faiss").stat().st_size
            (folder / "index.faiss").write_bytes(b"IxMp" + b"\xff" * (size - 4))
        case "cut":
            (folder / "index.faiss").write_bytes(b"IxFI")
        case "manifest":
            (folder / "manifest.json").write_text("[]")
        case _:
            shutil.rmtree(folder)
    request = SearchRequest((Term(TermKind.IMAGE, image=photos / "3.png"),), explain=True)
    with GreyLibrary.open(library.root) as again:
        response = again.search(request)
        assert response.hits[0].item.uri == str(photos / "3.png")
        assert response.explain is not None
        assert "run `vasari rebuild`" in response.explain.strategy
        assert kinds(again, repair=True) == ["generation"]
        assert kinds(again) == []
        assert again.search(request).hits == response.hits


def test_a_repair_deletes_nothing(library: GreyLibrary) -> None:
    """What is taken out of use lies in the library's quarantine, and the finding says where."""
    [built] = rebuild(library, kind="flat")
    flip_a_bit(generations(library) / f"{built.number:08d}" / "index.faiss")
    flip_a_bit(next(segments(library).glob("*.vectors.npy")))
    for finding in examine(library, repair=True)[:2]:
        assert f"moved to {library.root / 'quarantine'}" in finding.message
    kept = [name.lstrip("0123456789.") for name in quarantined(library)]
    assert kept == ["ids.npy", "vectors.npy", "dead.npy", "index.faiss", "manifest.json"]


def test_a_catalog_that_is_none_is_told_in_one_line(library: GreyLibrary) -> None:
    """Bytes that are no database, or half of one: the error says what to do, and no new catalog is begun."""
    library.close()
    file = library.root / "catalog.sqlite3"
    whole = file.read_bytes()
    for damaged in (b"not a database" * 100, whole[:8192], b""):
        file.write_bytes(damaged)
        with pytest.raises(LibraryCorruptError, match="backup"):
            examine(GreyLibrary.open(library.root, create=True))
        assert file.read_bytes() == damaged


def test_an_index_over_a_dropped_segment_is_retired_with_it(library: GreyLibrary) -> None:
    """A search must not find rows whose segment is gone."""
    rebuild(library)
    flip_a_bit(next(segments(library).glob("*.vectors.npy")))
    assert kinds(library) == ["segment"]
    assert "segment" in kinds(library, repair=True)
    assert kinds(library) == ["vector"]
    assert library.catalog.segments.active_generation(library.space().name, Modality.IMAGE) is None
    assert list(generations(library).iterdir()) == []


def test_a_job_that_died_is_noted(library: GreyLibrary) -> None:
    """A job that never said how it ended is marked as failed."""
    library.catalog.jobs.start("index", {})
    assert kinds(library) == ["job"]
    assert kinds(library, repair=True) == ["job"]
    assert kinds(library) == []


def test_a_job_that_waits_for_the_next_service_is_left_alone(library: GreyLibrary) -> None:
    """A service that stops hands over what is in line: that is no damage, and repairing does not end it."""
    job = library.catalog.jobs.start("index", {})
    library.catalog.jobs.release(job)
    assert kinds(library, repair=True) == []
    assert [each.state for each in library.catalog.jobs.latest()] == ["running"]


def test_files_of_a_running_job_are_left_alone(library: GreyLibrary) -> None:
    """Between file and transaction a segment looks like an orphan: no one else may touch it."""
    orphan = segments(library) / "00000099.ids.npy"
    orphan.write_bytes(b"half")
    with GreyLibrary.open(library.root) as other, other.catalog.lease.acquire("vasari index"):
        assert kinds(library) == []
        with pytest.raises(LibraryLockedError):
            examine(library, repair=True)
    assert orphan.exists()


def test_findings_are_lines_and_json(library: GreyLibrary) -> None:
    """A person reads what is wrong and that it was mended; a program reads the same."""
    (segments(library) / "00000099.ids.npy").write_bytes(b"half")
    [finding] = examine(library, repair=True)
    assert str(finding).startswith("orphan: ")
    assert str(finding).endswith("(repaired)")
    assert finding.as_json() == {"kind": "orphan", "message": finding.message, "repaired": True}


def test_a_rebuild_is_used_at_once_and_keeps_one_before(library: GreyLibrary, photos: Path) -> None:
    """Searches switch to the new index; the one before stays for those that began with it."""
    numbers = [rebuild(library, kind="flat")[0].number for _ in range(3)]
    active = library.catalog.segments.active_generation(library.space().name, Modality.IMAGE)
    assert active is not None
    assert (active.number, active.rows) == (numbers[-1], 6)
    assert sorted(path.name for path in generations(library).iterdir()) == [
        f"{number:08d}" for number in numbers[-2:]
    ]
    (photos / "0.png").unlink()
    index(library, FolderSource([photos]))
    assert len(library.gallery(Modality.IMAGE)) == 5
    assert first(library, photos / "3.png") == str(photos / "3.png")


def test_an_empty_library_has_nothing_to_build(tmp_path: Path) -> None:
    """No vectors, no index, no error."""
    with GreyLibrary.open(tmp_path / "empty", create=True) as empty:
        empty.use_model("grey")
        assert rebuild(empty) == []


def test_an_unknown_kind_of_index_is_refused(library: GreyLibrary) -> None:
    """The error names those there are."""
    with pytest.raises(UsageError, match="flat, hnsw, ivf"):
        rebuild(library, kind="magic")


def test_a_rebuild_over_a_damaged_segment_says_so(library: GreyLibrary) -> None:
    """Nothing is published, and the error says what mends it."""
    next(segments(library).glob("*.vectors.npy")).write_bytes(b"")
    with pytest.raises(LibraryCorruptError, match="doctor"):
        rebuild(library)
    assert library.catalog.segments.active_generation(library.space().name, Modality.IMAGE) is None


def test_watching_follows_changes_until_stopped(library: GreyLibrary, photos: Path) -> None:
    """The first run brings the library in step; each later change is indexed once it has settled."""
    stop, reports = threading.Event(), list[IndexReport]()

    def report(done: IndexReport) -> None:
        reports.append(done)
        if len(reports) == 1:
            write_picture(photos / "new.png", 77)
        elif reports[-1].added:
            (photos / "new.png").unlink()
        elif reports[-1].removed:
            stop.set()

    watch(library, lambda: FolderSource([photos]), report, stop, settle=0.05)
    assert (reports[0].unchanged, sum(r.added for r in reports), sum(r.removed for r in reports)) == (6, 1, 1)


def test_watching_is_not_woken_by_its_own_library(tmp_path: Path, photos: Path) -> None:
    """A library inside the watched folder does not set off the next run by being written."""
    stop, reports = threading.Event(), list[IndexReport]()

    def report(done: IndexReport) -> None:
        reports.append(done)
        threading.Timer(2.0, stop.set).start()

    with GreyLibrary.open(photos / "library", create=True) as inside:
        watch(inside, lambda: FolderSource([photos]), report, stop, settle=0.05)
    assert [done.added for done in reports] == [6]


def test_a_stored_picture_that_is_no_item_is_taken_out_of_use(library: GreyLibrary, photos: Path) -> None:
    """As kills leave them: of an upload before its item came, half written or whole, and of a removal after it went."""
    kept, gone = library.add((photos / "1.png").read_bytes(), (photos / "2.png").read_bytes())
    stored = {item: Path(library.items([item])[item].uri) for item in (kept, gone)}
    library.catalog.items.delete([gone])
    half = stored[kept].with_name(f"{stored[kept].name}.1.tmp")
    half.write_bytes(b"half")
    (library.root / "uploads" / "notes.txt").write_text("not ours")
    assert kinds(library) == ["orphan", "orphan"]
    assert kinds(library, repair=True) == ["orphan", "orphan"]
    assert quarantined(library) == sorted([half.name, stored[gone].name])
    assert stored[kept].exists()
    assert kinds(library) == []


def test_uploads_of_a_library_that_was_moved_are_found_again(
    library: GreyLibrary, photos: Path, tmp_path: Path
) -> None:
    """Their places are in the library's folder, which has another name now; pictures that lie elsewhere stay there."""
    kept, _ = library.add((photos / "1.png").read_bytes(), (photos / "2.png").read_bytes())
    places = {file.uri for file in library.items(range(1, 7)).values()}
    library.close()
    library.root.rename(tmp_path / "elsewhere")
    with GreyLibrary.open(tmp_path / "elsewhere") as moved:
        assert not Path(moved.items([kept])[kept].uri).exists()
        assert kinds(moved) == ["moved"]
        assert kinds(moved, repair=True) == ["moved"]
        assert Path(moved.items([kept])[kept].uri).is_relative_to(moved.root / "uploads")
        assert Path(moved.items([kept])[kept].uri).read_bytes() == (photos / "1.png").read_bytes()
        assert {file.uri for file in moved.items(range(1, 7)).values()} == places
        assert kinds(moved) == []
