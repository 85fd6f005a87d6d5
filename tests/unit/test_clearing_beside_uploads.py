"""Clearing orphans away (a job begins, an index is built) while an upload commits loses no segment, in either order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.grey import GreyLibrary, write_picture
from vasari.indexer import build, job
from vasari.indexer.job import IndexOptions, Job
from vasari.indexer.progress import Silent
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality
from vasari.retrieval.library import commit, compaction, upload
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import (
    between_files_and_transaction,
    remove_orphans,
    verify_segment,
    write_segment,
)

_PATIENCE = 60.0  # seconds after which a test that hangs fails


class AnnouncedLock:
    """The lock, telling that somebody wants it before they wait."""

    def __init__(self, wanted: threading.Event) -> None:
        self._wanted = wanted

    def __enter__(self) -> None:
        self._wanted.set()
        between_files_and_transaction.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        between_files_and_transaction.release()


class Beside:
    """Work in another thread, begun in the midst of this one's, which goes on once the other is done or has to wait."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.stopped = threading.Event()
        self._work = work
        self._errors: list[BaseException] = []
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """The first time only."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
            assert self.stopped.wait(_PATIENCE)

    def end(self) -> None:
        assert self._thread is not None, "it never began"
        self._thread.join(_PATIENCE)
        assert not self._errors

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._errors.append(error)
        finally:
            self.stopped.set()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        opened.use_model("grey")
        (tmp_path / "photos").mkdir()
        for seed in (1, 2):
            write_picture(tmp_path / "photos" / f"{seed}.png", seed)
        opened.add(tmp_path / "photos" / "1.png")
        yield opened


def _upload(library: GreyLibrary, photos: Path, *, alone: bool = True) -> Callable[[], object]:
    """The second picture, by what a service's uploads do under the lease of its job."""
    space = library.space()
    path = photos / "2.png"
    addition = upload.check(library, path, library.picture_encoder(space))
    (vector,) = library.embed_pictures([path], space)
    return lambda: upload.commit(library, space, [(addition, upload.Notes(), vector)], alone=alone)


def _clearing(library: GreyLibrary, way: str, photos: Path) -> Callable[[], object]:
    if way == "build":
        return lambda: build.publish(library, library.space(), Modality.IMAGE, kind=IndexKind.EXACT)
    source = FolderSource([photos])
    return Job(library, library.space(), source, IndexOptions(), Silent(), threading.Event()).sweep


def _check(library: GreyLibrary, pictures: int = 2) -> None:
    """Every segment that the catalog names is there and whole, and all pictures are found."""
    space = library.space()
    for segment in library.catalog.segments.all(space.name, Modality.IMAGE):
        verify_segment(library.segments_directory(space, Modality.IMAGE), segment.number, segment.checksum)
    assert len(library.gallery(Modality.IMAGE, space).ids()) == pictures


@pytest.mark.parametrize("way", ["sweep", "build"])
def test_an_upload_between_reading_the_segments_and_clearing(
    library: GreyLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What is committed after the list of segments was read is not taken for an orphan."""
    photos = tmp_path / "photos"
    beside = Beside(_upload(library, photos))

    def remove(directory: Path, known: Collection[int]) -> Any:
        beside.begin()
        return remove_orphans(directory, known)

    monkeypatch.setattr(commit, "between_files_and_transaction", AnnouncedLock(beside.stopped))
    monkeypatch.setattr(build if way == "build" else job, "remove_orphans", remove)
    _clearing(library, way, photos)()
    beside.end()
    _check(library)


@pytest.mark.parametrize("way", ["sweep", "build"])
def test_clearing_between_an_uploads_files_and_its_transaction(
    library: GreyLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Files that no transaction names yet are not cleared away while their upload lives."""
    photos = tmp_path / "photos"
    beside = Beside(_clearing(library, way, photos))

    def written(*arguments: Any) -> str:
        checksum = write_segment(*arguments)
        beside.begin()
        return checksum

    monkeypatch.setattr(commit, "write_segment", written)
    module = build if way == "build" else job
    monkeypatch.setattr(module, "between_files_and_transaction", AnnouncedLock(beside.stopped))
    _upload(library, photos)()
    beside.end()
    _check(library)


def test_an_upload_beside_a_job_leaves_merging_to_it(
    library: GreyLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build has read which segments it will merge, when an upload comes that would have merged them."""
    photos = tmp_path / "photos"
    for seed in range(3, compaction.DUE + 1):
        write_picture(photos / f"{seed}.png", seed)
        library.add(photos / f"{seed}.png")
    assert len(library.catalog.segments.all(library.space().name, Modality.IMAGE)) == compaction.DUE - 1
    beside = _upload(library, photos, alone=False)
    plan = compaction.plan

    def planned(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(compaction, "plan", plan)
        beside()
        return plan(*arguments, **options)

    monkeypatch.setattr(compaction, "plan", planned)
    _clearing(library, "build", photos)()
    _check(library, pictures=compaction.DUE)
