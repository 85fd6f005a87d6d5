"""Backups: one moment of a library in use, kept once, restored whole or not at all."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from sqlalchemy import select

from tests.conftest import postgres_database
from tests.grey import GreyLibrary, write_picture
from tests.unit.catalogs import found_by
from vasari.indexer.backups.backup import back_up, manifests
from vasari.indexer.backups.moment import taken
from vasari.indexer.backups.restore import restore, verify
from vasari.indexer.backups.store import Store
from vasari.indexer.build import rebuild
from vasari.indexer.doctor import examine
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.records import KeyLimits
from vasari.retrieval.catalog.tables import metadata
from vasari.retrieval.domain import Caption, CaptionSource, Modality, SearchRequest, Term, TermKind, TextLine
from vasari.retrieval.errors import LibraryCorruptError, LibraryLockedError, NotFoundError, UsageError
from vasari.retrieval.settings import Settings

PICTURES = 12


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(PICTURES):
        write_picture(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def opened(root: Path, url: str | None = None) -> GreyLibrary:
    return GreyLibrary.open(root, Settings(library=root, database_url=url), create=True)


def filled(library: GreyLibrary, photos: Path) -> None:
    """Pictures, an upload, what people say, a key, an index and rows beside it."""
    library.use_model("grey")
    index(library, FolderSource([photos]), IndexOptions(batch_size=4, commit_every=4))
    rebuild(library, kind="flat")
    (upload,) = library.add((photos / "0.png").read_bytes())
    library.catalog.annotations.set_captions(upload, [Caption("Zoë's boat")], CaptionSource.USER)
    library.catalog.annotations.set_attributes(upload, {"client": "acme", "taken": "2020-01-02T03:04:05"})
    library.catalog.readings.note("one 1.0", {upload: [TextLine("RE16 TGK", 0.9, ((0, 0),) * 4)]})
    library.catalog.keys.add("page", "hash", ["search"], KeyLimits(filter="tag:a"))
    library.remove(photos / "3.png")


def content(library: GreyLibrary) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that a backup keeps."""
    with library.catalog.database.read() as connection:
        tables = {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }
    tables.pop("lease")
    return {name: sorted(rows, key=repr) for name, rows in tables.items()}


def nearest(library: GreyLibrary, picture: Path) -> list[tuple[int, float]]:
    request = SearchRequest((Term(TermKind.IMAGE, image=picture),), limit=100)
    return [(hit.item.id, round(hit.score, 6)) for hit in library.search(request).hits]


@pytest.fixture(params=["sqlite", "postgres"])
def target_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where a catalog is restored to: a SQLite file in the library, or PostgreSQL."""
    if request.param == "sqlite":
        yield None
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield url


def test_a_restored_library_is_the_library(
    catalog_url: str, target_url: str | None, photos: Path, tmp_path: Path
) -> None:
    """From either database into either: the same rows, answers and words, new numbers that go on, a clean doctor."""
    store = Store(tmp_path / "backups")
    with opened(tmp_path / "library", catalog_url) as library:
        filled(library, photos)
        report = back_up(library, store)
        before, answers = content(library), nearest(library, photos / "5.png")
        assert report.items == {"image": PICTURES, "text": 0}
        assert not (tmp_path / "library" / "backup.tmp").exists()
    moved = tmp_path / "restored"
    restored = restore(store, moved, database_url=target_url)
    with opened(moved, target_url) as library:
        assert verify(library, restored) == []
        assert nearest(library, photos / "5.png") == answers
        after = content(library)
        old, new = (f"{tmp_path / name}/uploads" for name in ("library", "restored"))
        expected = written(before).replace(old, new)
        assert len(after["items"]) == len(before["items"])
        assert without_keys(written(after)) == without_keys(expected)
        (upload,) = found_by(library.catalog.full_text, "zoe")
        assert library.catalog.filters.matching("ocr:e16t", Modality.IMAGE).tolist() == [upload]
        assert library.original_of(library.items([upload])[upload]) == (photos / "0.png").read_bytes()
        write_picture(photos / "new.png", 99)
        index(library, FolderSource([photos]), IndexOptions(batch_size=4))
        library.catalog.keys.add("another", "other hash", ["search"])
        assert examine(library) == []


def written(rows: dict[str, list[dict[str, Any]]]) -> str:
    """As text, whatever order a database gives the members of JSON."""
    return json.dumps(rows, sort_keys=True, default=repr, indent=0)


def without_keys(rows: str) -> str:
    """The hash of a uri is another where the uri is; a changed library has another revision."""
    return re.sub(r'^"(uri_key|revision)": .*$', r"\1", rows, flags=re.MULTILINE)


def test_what_did_not_change_is_kept_once(photos: Path, tmp_path: Path) -> None:
    """A second backup keeps what is new; older ones can be given up, and each of the others restored."""
    store = Store(tmp_path / "backups")
    with opened(tmp_path / "library") as library:
        filled(library, photos)
        first = back_up(library, store)
        assert first.new_bytes <= first.bytes
        assert back_up(library, store).new_bytes <= (tmp_path / "library" / "catalog.sqlite3").stat().st_size
        write_picture(photos / "new.png", 99)
        index(library, FolderSource([photos]), IndexOptions(batch_size=4))
        back_up(library, store, keep=2)
    moments = store.moments()
    assert len(moments) == 2  # in the last, the picture that was removed is back, too
    # The picture that was removed is back, too.
    assert [manifest.items["image"] for manifest in manifests(store)] == [PICTURES, PICTURES + 2]
    needed = {name for manifest in manifests(store) for file in manifest.files for name in file.objects}
    kept = {path.name for path in (tmp_path / "backups" / "objects").rglob("*") if path.is_file()}
    assert kept == needed
    for moment in moments:
        report = restore(store, tmp_path / moment, moment)
        with opened(tmp_path / moment) as library:
            assert verify(library, report) == []


def test_a_backup_goes_to_a_url(photos: Path, tmp_path: Path) -> None:
    """Any file system that fsspec writes to will do."""
    store = Store("memory://backups/pictures")
    with opened(tmp_path / "library") as library:
        filled(library, photos)
        back_up(library, store)
        back_up(library, store, keep=1)
    assert len(store.moments()) == 1
    report = restore(store, tmp_path / "restored")
    with opened(tmp_path / "restored") as library:
        assert verify(library, report) == []
    fsspec.filesystem("memory").rm("/backups", recursive=True)


def test_damage_of_a_backup_is_told_and_nothing_is_left(photos: Path, tmp_path: Path) -> None:
    """A flipped byte, a lost object or a manifest cut short is named; the target stays free."""
    store = Store(tmp_path / "backups")
    with opened(tmp_path / "library") as library:
        filled(library, photos)
        back_up(library, store)
    (manifest,) = manifests(store)
    name = manifest.files[-1].objects[0]
    place = tmp_path / "backups" / "objects" / name[:2] / name
    data = place.read_bytes()
    for damage in (lambda: place.write_bytes(b"!" + data[1:]), place.unlink):
        damage()
        with pytest.raises(LibraryCorruptError, match=name):
            restore(store, tmp_path / "restored")
        assert not (tmp_path / "restored").exists()
    place.write_bytes(data)
    kept = tmp_path / "backups" / "manifests" / f"{manifest.moment}.jsonl"
    whole = kept.read_bytes()
    for cut in (whole[:-20], whole[: len(whole) // 2], b"".join(whole.splitlines(keepends=True)[:-2])):
        kept.write_bytes(cut)
        with pytest.raises(LibraryCorruptError):
            restore(store, tmp_path / "restored")
    kept.write_bytes(whole)
    restore(store, tmp_path / "restored")
    with pytest.raises(UsageError, match="there already"):
        restore(store, tmp_path / "restored")
    with pytest.raises(NotFoundError, match="no backup 1"):
        restore(store, tmp_path / "other", "1")


def test_a_backup_lies_outside_of_the_library(tmp_path: Path) -> None:
    """It would go with it; a link to a folder in it is no other place."""
    link = tmp_path / "link"
    with opened(tmp_path / "library") as library:
        link.symlink_to(library.root, target_is_directory=True)
        for place in (library.root, library.root / "backups", link / "deep" / "backups"):
            with pytest.raises(UsageError, match="lies in the library"):
                back_up(library, Store(place))
        assert not (library.root / "backups").exists()


def test_one_backup_at_a_time(photos: Path, tmp_path: Path) -> None:
    """A second backup into the same folder is refused while one is under way."""
    store = Store(tmp_path / "backups")
    with opened(tmp_path / "library") as library:
        filled(library, photos)
        with store.alone(), pytest.raises(LibraryLockedError):
            back_up(library, Store(tmp_path / "backups"))
        back_up(library, store)


DYING = """
import os, signal, sys
from tests.unit.test_backup import opened
from vasari.indexer.backups import store as stores
from vasari.indexer.backups.backup import back_up
from pathlib import Path
left = int(sys.argv[1])
write = stores.LocalFiles.write
def dying(self, name, data):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, name, data)
stores.LocalFiles.write = dying
with opened(Path(sys.argv[2])) as library:
    back_up(library, stores.Store(sys.argv[3]))
"""


def test_a_killed_backup_leaves_the_last_good_one(photos: Path, tmp_path: Path) -> None:
    """Killed before any of its writes, a backup leaves what was there; the next one completes and cleans up."""
    place, root = tmp_path / "backups", tmp_path / "library"
    with opened(root) as library:
        filled(library, photos)
        good = back_up(library, Store(place)).moment
        write_picture(photos / "new.png", 99)
        index(library, FolderSource([photos]), IndexOptions(batch_size=4))
    for writes in (0, 1):
        died = subprocess.run([sys.executable, "-c", DYING, str(writes), str(root), str(place)], check=False)
        assert died.returncode == -signal.SIGKILL
        assert Store(place).moments() == [good]
    report = restore(Store(place), tmp_path / "restored")
    with opened(tmp_path / "restored") as library:
        assert verify(library, report) == []
    with opened(root) as library:
        assert back_up(library, Store(place)).items["image"] == PICTURES + 2
        assert not (root / "backup.tmp").exists()
        assert examine(library) == []
        (root / "backup.tmp" / "segments").mkdir(parents=True)
        assert [(one.kind, one.repaired) for one in examine(library)] == [("backup", False)]
        with taken(library):
            assert examine(library) == []
            with pytest.raises(LibraryLockedError, match="another backup of this library"):
                back_up(library, Store(tmp_path / "others"))
        (root / "backup.tmp" / "segments").mkdir(parents=True)
        assert [one.repaired for one in examine(library, repair=True)] == [True]
        assert not (root / "backup.tmp").exists()


def test_backups_under_load_are_each_one_moment(tmp_path: Path) -> None:
    """While another process indexes, deletes, compacts and rebuilds, every backup restores to a sound library."""
    photos, root, store = tmp_path / "photos", tmp_path / "library", Store(tmp_path / "backups")
    for number in range(160):
        write_picture(photos / f"{number}.png", number)
    with opened(root) as library:
        library.use_model("grey")
    writer = subprocess.Popen([sys.executable, "-m", "tests.unit.writing", str(root), str(photos)])
    moments: list[str] = []
    try:
        with opened(root) as library:
            while writer.poll() is None or len(moments) < 3:
                moments.append(back_up(library, store).moment)
                time.sleep(0.05)
    finally:
        writer.kill()
    assert writer.wait() == 0
    counts = set()
    for moment in moments[:: max(1, len(moments) // 8)]:
        report = restore(store, tmp_path / moment, moment)
        with opened(tmp_path / moment) as library:
            assert verify(library, report) == []
            counts.add(report.items["image"])
            ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
            assert sorted(library.gallery(Modality.IMAGE).ids().tolist()) == ids
    assert len(counts) > 1, "every backup saw the same moment: the writer was not at work"
    assert not (root / "backup.tmp").exists()
