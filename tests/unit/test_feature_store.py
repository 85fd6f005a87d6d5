"""What a reranker made of pictures, kept on disk: compact, bounded, whole or absent, and used by the next process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.unit.test_locating import drawn_scene
from vasari.api.cli.indexing import index
from vasari.indexer.second_looks import keep_second_looks
from vasari.retrieval.domain import Modality, Rerank, SearchRequest, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.feature_store import BLOCK, FeatureStore, packed, unpacked
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.layout import SECOND_LOOKS

HASH, OTHER = "0" * 31 + "a", "0" * 31 + "b"


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float16,
        arrays.array_shapes(min_dims=2, max_dims=3, max_side=70),
        elements=st.floats(-60_000, 60_000, width=16),
    )
)
def test_each_number_comes_back_within_a_step_of_its_block(
    features: np.ndarray[tuple[int, ...], np.dtype[np.float16]],
) -> None:
    """A step is a 127th of the largest number of 32 neighbours; shapes come back as they were."""
    found = unpacked(packed(features))
    assert found.shape == features.shape
    assert found.dtype == np.float16
    width = features.shape[-1]
    for start in range(0, width, BLOCK):
        part = features[..., start : start + BLOCK].astype(np.float32)
        largest = np.abs(part).max(axis=-1, keepdims=True)
        error = np.abs(found[..., start : start + BLOCK].astype(np.float32) - part)
        assert (error <= largest / 127 + largest * 1e-3 + 1e-5).all()


def test_it_takes_half_of_what_memory_takes(tmp_path: Path) -> None:
    """BLIP base: 577 patches of 768 numbers."""
    features = np.random.default_rng(0).normal(size=(577, 768)).astype(np.float16)
    store = FeatureStore(tmp_path, "one")
    size = store.put(HASH, features, 10**6)
    assert size < 0.54 * features.nbytes
    assert store.sizes() == {HASH: size}
    kept = store.get(HASH)
    assert kept is not None
    np.testing.assert_allclose(kept.astype(np.float32), features.astype(np.float32), atol=0.03)


@pytest.mark.parametrize("spoil", [lambda data: data[:-7], lambda data: data[:-1] + b"?", lambda data: b""])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, spoil: object) -> None:
    """And is taken away, so that the next job makes it anew."""
    assert callable(spoil)
    store = FeatureStore(tmp_path, "one")
    store.put(HASH, np.ones((2, 3), np.float16), 10**6)
    (path,) = (tmp_path / SECOND_LOOKS).rglob("*.q8")
    path.write_bytes(spoil(path.read_bytes()))
    assert store.get(HASH) is None
    assert store.sizes() == {}


def test_other_rerankers_and_pictures_that_are_gone_leave_no_files(tmp_path: Path) -> None:
    """Each reranker has its own, and only what a job names stays; what is no content hash is never looked for."""
    store, before = FeatureStore(tmp_path, "one"), FeatureStore(tmp_path, "two")
    for each in (store, before):
        for content in (HASH, OTHER):
            each.put(content, np.ones((2, 3), np.float16), 10**6)
    store.keep_only({HASH, "x"})
    assert set(store.sizes()) == {HASH}
    assert before.sizes() == {}
    assert store.get("../../etc/passwd") is None


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five drawings, two of them the same, in `in`, and a library of them in `library`."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "in").mkdir()
    for seed in range(4):
        drawn_scene(seed).save(folder / "in" / f"{seed}.png")
    drawn_scene(0).save(folder / "in" / "copy.png")
    args = [str(folder / "in"), "--model", "scenes", "--library", str(folder / "library")]
    done = CliRunner().invoke(index, args)
    assert done.exit_code == 0, done.output
    return folder


def test_a_search_of_another_process_encodes_no_picture_that_is_kept(drawn: Path, tmp_path: Path) -> None:
    """The command keeps them, each content once; a second run has nothing to do; removing an item takes them away."""
    shutil.copytree(drawn / "library", tmp_path / "library")
    with Library.open(tmp_path / "library") as library:
        fresh = search(library)
        assert library.rerank_stage().pace.image is not None
    args = [str(drawn / "in"), "--rerank", "--json", "--library", str(tmp_path / "library")]
    told = [json.loads(CliRunner().invoke(index, args).stdout)["second_looks"] for _ in range(2)]
    assert [(one["encoded"], one["unchanged"], one["failed"]) for one in told] == [(4, 0, 0), (0, 4, 0)]
    with Library.open(tmp_path / "library") as library:
        kept = search(library)
        assert library.rerank_stage().pace.image is None  # nothing was encoded
        assert [item for item, _ in kept] == [item for item, _ in fresh]
        np.testing.assert_allclose([score for _, score in kept], [score for _, score in fresh], atol=0.05)
        library.remove("item:1")
        assert len(list((tmp_path / "library" / SECOND_LOOKS).rglob("*.q8"))) == 3


def search(library: Library) -> list[tuple[int, float]]:
    """All pictures, reranked."""
    request = SearchRequest(
        terms=(Term(TermKind.TEXT, text="a dog on the beach"),), rerank=Rerank(deadline_ms=None, weight=1.0)
    )
    response = library.search(request)
    assert all(hit.reranked for hit in response.hits)
    return [(hit.item.id, hit.score) for hit in response.hits]


def test_what_is_kept_is_bounded(drawn: Path, tmp_path: Path) -> None:
    """The newest pictures come first; what has no room is told, and kept by a run with more."""
    shutil.copytree(drawn / "library", tmp_path / "library")
    with Library.open(tmp_path / "library") as library:
        newest = int(max(library.catalog.items.live_ids(Modality.IMAGE)))
        one = keep_second_looks(library).bytes // 4
    for path in (tmp_path / "library" / SECOND_LOOKS).rglob("*.q8"):
        path.unlink()
    for room, encoded, unchanged in ((one + 1, 1, 0), (3 * one + 5, 2, 1), (0, 0, 3)):
        bound = Settings(library=tmp_path / "library", reranker_store_bytes=room)
        with Library.open(tmp_path / "library", bound) as library:
            report = keep_second_looks(library)
            assert (report.encoded, report.unchanged) == (encoded, unchanged)
            assert report.without_room == 4 - encoded - unchanged
            assert report.bytes <= max(room, 3 * one + 5)
            assert library.items([newest])[newest].content_hash in library.feature_store().sizes()
