"""A library whose vectors live in Milvus (Lite, in a folder of the test): same answers, same upkeep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run, run
from tests.contract import milvus
from tests.grey import GreyLibrary, write_picture
from vasari.indexer.backups.backup import back_up
from vasari.indexer.backups.store import Store
from vasari.indexer.build import rebuild
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality, UnitVectors, unit_vectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.settings import Settings
from vasari.retrieval.vectors.milvus import MilvusIndex, MilvusPlace

__all__ = ["run"]  # a fixture


def points(count: int, seed: int = 0) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).standard_normal((count, 17)))


def test_a_library_in_milvus_answers_as_one_in_files_and_stays_in_step(tmp_path: Path) -> None:
    """Indexing publishes to Milvus; deletions and new pictures show at once; doctor sees what Milvus lost."""
    photos = tmp_path / "photos"
    for number in range(30):
        write_picture(photos / f"{number:02}.png", number)
    settings = Settings(vectors=f"milvus+file://{milvus.place().uri}")
    with (
        GreyLibrary.open(tmp_path / "library", settings, create=True) as library,
        GreyLibrary.open(tmp_path / "plain", Settings(vectors=None), create=True) as plain,
    ):
        for one in (library, plain):
            index(one, FolderSource([photos]))
        assert active_kind(library) == "milvus"
        assert_same_answers(library, plain)
        (photos / "03.png").unlink()
        write_picture(photos / "05.png", 500)
        write_picture(photos / "99.png", 99)
        for one in (library, plain):
            index(one, FolderSource([photos]))
        assert_same_answers(library, plain)
        assert examine(library) == []

        record = library.catalog.segments.active_generation(library.space().name, Modality.IMAGE)
        assert record is not None
        folder = library.generations_directory(library.space(), Modality.IMAGE) / f"{record.number:08d}"
        assert MilvusIndex.open(folder).remove(np.array([1, 2], np.int64)) == 2
        assert [finding.kind for finding in examine(library)] == ["generation"]
        assert all(finding.repaired for finding in examine(library, repair=True))
        rebuild(library)
        assert active_kind(library) == "milvus"
        assert examine(library) == []
        assert_same_answers(library, plain)


def test_a_backup_is_restored_beside_its_library(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its vectors go into collections of its own; without Milvus it compares rows; the library keeps its own."""
    for number in range(30):
        write_picture(tmp_path / "photos" / f"{number:02}.png", number)
    vectors = f"milvus+file://{milvus.place().uri}"
    with GreyLibrary.open(tmp_path / "library", Settings(vectors=vectors), create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))
        assert active_kind(library) == "milvus"
        back_up(library, Store(tmp_path / "backups"))
        for place, kind in ((vectors, "milvus"), (None, None)):
            monkeypatch.setenv("VASARI_VECTORS", place or "")
            restored = tmp_path / f"restored-{kind}"
            code, out, err = run("restore", tmp_path / "backups", restored, "--verify")
            assert (code, out.splitlines()[-1]) == (0, "verified: all is well"), err
            with GreyLibrary.open(restored, Settings(vectors=place)) as opened:
                assert active_kind(opened) == kind
                assert_same_answers(opened, library)
                rebuild(opened)
                assert examine(opened) == []
        assert examine(library) == []
        assert active_kind(library) == "milvus"


def active_kind(library: GreyLibrary) -> str | None:
    record = library.catalog.segments.active_generation(library.space().name, Modality.IMAGE)
    return record.kind if record else None


def assert_same_answers(library: GreyLibrary, plain: GreyLibrary) -> None:
    queries = points(8)
    found, cosines = [], []
    for one in (library, plain):
        ids, scores, _ = one.gallery(Modality.IMAGE).search(queries, 10)
        uris = {item.id: item.uri for item in one.items(ids.ravel().tolist()).values()}
        found.append([[uris[item] for item in row] for row in ids.tolist()])
        cosines.append(scores)
    assert found[0] == found[1]
    np.testing.assert_allclose(cosines[0], cosines[1], atol=1e-6)


def test_filters_longer_than_one_request_are_answered_in_parts() -> None:
    """Allowed and excluded ids by the ten thousand: the answer is that of comparing all rows that remain."""
    count = 25_000
    vectors, queries, ids = points(count), points(3, 1), np.arange(count, dtype=np.int64)
    index = MilvusIndex(milvus.place(), "long_filters", 17)
    index.fill(ids, vectors)
    stored = vectors.astype(np.float16).astype(np.float32)
    far = np.sort(np.argsort(stored @ queries[0])[: count // 2])  # nothing near the first query passes
    for allowed, excluded in ((far, None), (None, np.setdiff1d(ids, far)), (ids[:24_000], far[:11_000])):
        kept = ids if allowed is None else allowed
        kept = kept if excluded is None else np.setdiff1d(kept, excluded)
        scores = queries @ stored[kept].T
        found, _ = index.search(queries, 5, allowed, excluded)
        np.testing.assert_array_equal(found, kept[np.argsort(-scores, axis=1)[:, :5]])
    index.drop()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("milvus+http://host:19530", MilvusPlace("http://host:19530")),
        ("milvus+https://me:p%40ss@host:443/shop", MilvusPlace("https://host:443", "me:p@ss", "shop")),
        ("milvus+http://host:1?index=diskann", MilvusPlace("http://host:1", index="DISKANN")),
        ("milvus+file:///srv/v.db", MilvusPlace("/srv/v.db")),
    ],
)
def test_a_place_is_read_from_its_url(url: str, place: MilvusPlace) -> None:
    """Server, credentials, database and kind of index."""
    assert MilvusPlace.parse(url) == place


@pytest.mark.parametrize(
    "url", ["http://host:19530", "milvus+ftp://host", "milvus+file:", "qdrant://me:secret@x"]
)
def test_other_urls_are_refused_without_showing_a_password(url: str) -> None:
    """The error says what is understood."""
    with pytest.raises(UsageError, match="VASARI_VECTORS") as caught:
        MilvusPlace.parse(url)
    assert "secret" not in str(caught.value)


def test_an_index_in_milvus_needs_an_address(tmp_path: Path) -> None:
    """`rebuild --kind milvus` without VASARI_VECTORS says what to set."""
    write_picture(tmp_path / "photos" / "a.png", 1)
    with GreyLibrary.open(tmp_path / "library", Settings(vectors=None), create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))
        with pytest.raises(UsageError, match="VASARI_VECTORS"):
            rebuild(library, kind="milvus")
