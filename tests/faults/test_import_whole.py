"""An import is whole or not there, whatever ends it, and at whatever moment."""

from __future__ import annotations

import gzip
import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.faults.apart import exit_code
from tests.faults.dying_import import import_and_die
from tests.faults.watched import watch
from tests.grey import GreyEncoder, GreyLibrary, write_picture
from vasari.indexer.doctor import examine
from vasari.indexer.exchange.exporting import Format, export
from vasari.indexer.exchange.importing import import_
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.tables import metadata
from vasari.retrieval.domain import Caption, CaptionSource, Modality
from vasari.retrieval.errors import LibraryLockedError, StorageError, UsageError, VasariError
from vasari.retrieval.settings import Settings

DIM = GreyEncoder().dim
STEPS = [
    ("spaces.ensure", 1, False), ("items.ids_by_uri", 1, True), ("items.move", 1, True), ("segments.reserve", 2, True),
    ("segments.commit", 1, False), ("segments.commit", 3, True), ("annotations.add_tags", 2, True),
    ("annotations.add_attributes", 1, False),
    ("failures.record", 2, True), ("jobs.update", 1, True),
]  # fmt: skip


@dataclass
class Interrupted:
    """Interrupts its caller before or after the nth call of a method."""

    method: str
    remaining: int
    after: bool = False
    error: Callable[[], BaseException] = KeyboardInterrupt

    def __call__(self, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self.remaining -= 1
        if not self.remaining and not self.after:
            raise self.error()
        answer = work(*given, **named)
        if not self.remaining:
            raise self.error()
        return answer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A library of four pictures: one is missing, one is described by a person."""
    for number in range(4):
        write_picture(tmp_path / "photos" / f"{number}.png", number)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))
        ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
        library.catalog.annotations.set_tags(ids[0], ["mine"])
        library.catalog.annotations.set_captions(ids[1], [Caption("mine")], CaptionSource.USER)
        library.catalog.items.lose(ids[:1])
        return library.root


@pytest.fixture
def file(root: Path) -> Path:
    """Eleven rows: one for each picture of the library, the missing one elsewhere, six new ones, a bad one."""
    with GreyLibrary.open(root) as library:
        ids = [*library.catalog.items.missing(), *library.catalog.items.live_ids(Modality.IMAGE).tolist()]
        files = library.catalog.items.known_files(Modality.IMAGE)
        uris = [f"{root}-elsewhere/0.png", *(one.uri for one in files)]
        hashes = {one.content_hash for one in library.catalog.items.known_files(Modality.IMAGE)}
        gone = library.catalog.items.contents(Modality.IMAGE) - hashes
    assert len(ids) == len(uris) == 4
    rows: list[dict[str, Any]] = [{"uri": uri} for uri in uris]
    rows[0]["content_hash"] = gone.pop()
    rows += [{"uri": f"/new/{number}.png"} for number in range(6)]
    rows.insert(5, {"uri": ""})
    said = {"captions": ["from the file"], "tags": ["imported"], "user_attributes": {"stars": 5}}
    lines = [json.dumps({**row, **said, "embedding": [1.0 + place] * DIM}) for place, row in enumerate(rows)]
    path = root.parent / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def everything(root: Path) -> dict[str, Any]:
    """All rows of all tables but those of jobs, the lease and numbers that are given out once; and all files."""
    with Catalog.open(root / "catalog.sqlite3") as catalog, catalog.database.read() as connection:
        tables = [t for t in metadata.sorted_tables if t.name not in ("jobs", "lease", "counters")]
        found: dict[str, Any] = {
            table.name: sorted(map(repr, connection.execute(select(table)))) for table in tables
        }
        found["words"] = connection.exec_driver_sql("SELECT rowid, said FROM words").all()
    kept = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith("catalog")]
    return {**found, "files": sorted(map(str, kept))}


def contents(root: Path) -> dict[str, Any]:
    """What a user sees, by uri."""
    with GreyLibrary.open(root) as library:
        assert examine(library) == []
        items = library.items(library.catalog.items.live_ids(Modality.IMAGE).tolist())
        own = library.catalog.annotations.user_attributes(list(items))
        vectors = library.vectors_of(list(items), library.space())
        failures = [(one.uri, one.reason, one.attempts) for one in library.catalog.failures.latest()]
        return {
            item.uri: (item.tags, sorted(c.text for c in item.captions), own.get(item.id), vector.tolist())
            for item, vector in zip(items.values(), vectors, strict=True)
        } | {"failures": failures}


def bring(root: Path, file: Path, **interrupted: Any) -> Any:
    with Catalog.open(root / "catalog.sqlite3") as catalog:
        if interrupted:
            watch(catalog, interrupted["method"], Interrupted(**interrupted))
        return import_(GreyLibrary(root, Settings(), catalog), file, model="fast", page=3)


def test_an_import_interrupted_at_any_step_never_was(root: Path, file: Path) -> None:
    """Not a row, not a file is another than before; the job has failed; the same again is as if unbroken."""
    before = everything(root)
    for method, count, after in STEPS:
        with pytest.raises(KeyboardInterrupt):
            bring(root, file, method=method, remaining=count, after=after)
        assert everything(root) == before, method
    with GreyLibrary.open(root) as library:
        assert {job.state for job in library.catalog.jobs.latest()} == {"failed"}
    report = bring(root, file)
    assert (report.added, report.updated, report.failed) == (6, 4, 1)
    found = contents(root)
    assert len(found) == 11
    assert found[f"{root}-elsewhere/0.png"][:3] == (("imported", "mine"), ["from the file"], {"stars": 5})
    assert found["failures"] == [(f"{file}#row/6", "uri must be a path or URL, not ''", 1)]
    again = bring(root, file)
    assert (again.added, again.updated) == (0, 10)


@pytest.mark.parametrize("error", [StorageError("full"), LibraryLockedError("lost")])
def test_a_full_disk_or_a_lost_lease_leaves_nothing_of_an_import(
    root: Path, file: Path, error: VasariError
) -> None:
    """As an interruption does, and the error itself is what is told."""
    before = everything(root)
    with pytest.raises(type(error), match=str(error)):
        bring(root, file, method="segments.commit", remaining=2, error=lambda: error)
    assert everything(root) == before


def test_a_killed_import_never_was(root: Path, file: Path) -> None:
    """SIGKILL within the transaction: the files it left belong to nothing, and go with the same import again."""
    before = everything(root)
    assert exit_code(import_and_die, root, file, "fast") == -signal.SIGKILL
    after = everything(root)
    assert {**after, "files": None} == {**before, "files": None}
    left = set(after["files"]) ^ set(before["files"])
    assert left
    assert all("/segments/" in path for path in left)
    bring(root, file)
    with GreyLibrary.open(root) as library:
        assert [finding.kind for finding in examine(library, repair=True)] == ["job"]
        (library.root / "segments" / "unknown" / "image").mkdir(parents=True)
        assert examine(library) == [], "an empty folder is nothing"
        (library.root / "segments" / "unknown" / "image" / "00000001.ids.npy").touch()
        assert [finding.kind for finding in examine(library, repair=True)] == ["orphan"]
    assert len(contents(root)) == 11


def test_a_new_library_has_no_space_of_an_import_that_failed(tmp_path: Path, file: Path) -> None:
    """The embedding space belongs to the whole as the items do."""
    with GreyLibrary.open(tmp_path / "new", create=True):
        pass
    with pytest.raises(KeyboardInterrupt):
        bring(tmp_path / "new", file, method="jobs.update", remaining=1)
    with GreyLibrary.open(tmp_path / "new") as library:
        assert library.catalog.spaces.all() == []


@pytest.fixture
def exported(root: Path, tmp_path: Path) -> Iterator[Callable[[Format, str], Path]]:
    with GreyLibrary.open(root) as library:

        def write(layout: Format, name: str) -> Path:
            export(library, tmp_path / name, layout)
            return tmp_path / name

        yield write


def test_a_file_that_breaks_off_is_not_imported(
    tmp_path: Path, exported: Callable[[Format, str], Path]
) -> None:
    """Wherever it does: JSON lines, packed or not, a Parquet file, an array, a part that is not there."""
    lines = exported(Format.JSONL, "all.jsonl").read_bytes()
    whole = [tmp_path / "cut.jsonl", tmp_path / "cut.jsonl.gz", tmp_path / "cut.parquet"]
    whole[0].write_bytes(lines[:-30])
    whole[1].write_bytes(gzip.compress(lines)[:-10])
    whole[2].write_bytes(exported(Format.PARQUET, "all.parquet").read_bytes()[:-30])
    short, missing = exported(Format.CLIP_RETRIEVAL, "short"), exported(Format.CLIP_RETRIEVAL, "missing")
    array = next((short / "img_emb").iterdir())
    array.write_bytes(array.read_bytes()[:-4])
    for name in ("img_emb", "metadata"):
        part = next((missing / name).iterdir())
        (part.with_name(part.name.replace("0", "1"))).write_bytes(part.read_bytes())
    (missing / "img_emb" / "img_emb_1.npy").unlink()
    for given in (*whole, short, missing):
        with GreyLibrary.open(tmp_path / "other", create=True) as other:
            with pytest.raises(VasariError, match=given.name):
                import_(other, given, page=1)
            assert other.catalog.items.count(Modality.IMAGE) == 0
            assert other.catalog.failures.latest() == []


def test_packed_json_lines_and_several_objects_a_line_come_in(
    tmp_path: Path, exported: Callable[[Format, str], Path]
) -> None:
    """As programs write them that know no line ends."""
    lines = exported(Format.JSONL, "all.jsonl").read_bytes()
    (tmp_path / "all.jsonl.gz").write_bytes(gzip.compress(lines.replace(b"}\n", b"}")))
    with GreyLibrary.open(tmp_path / "other", create=True) as other:
        report = import_(other, tmp_path / "all.jsonl.gz")
        assert (report.added, report.failed) == (4, 0)
        assert (other.catalog.items.count(Modality.IMAGE), other.catalog.items.count_missing()) == (3, 1)


def test_a_table_without_ids_has_a_row_for_each_vector(
    tmp_path: Path, exported: Callable[[Format, str], Path]
) -> None:
    """One that ends early would leave vectors out, silently."""
    faiss = exported(Format.FAISS, "faiss") / "index.faiss"
    (tmp_path / "rows.csv").write_text("path,caption\n/a.jpg,a\n/b.jpg,b\n")
    with GreyLibrary.open(tmp_path / "other", create=True) as other:
        with pytest.raises(UsageError, match=r"3 vectors .* 2 rows"):
            import_(other, faiss, model="fast", metadata=tmp_path / "rows.csv")
        assert other.catalog.items.count(Modality.IMAGE) == 0
