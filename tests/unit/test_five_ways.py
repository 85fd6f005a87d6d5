"""One collection indexed in several ways gives the same answers (the cluster's way: test_ray.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import forms
from tests.conftest import postgres_database
from tests.contract import milvus
from tests.grey import GreyLibrary
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.domain import Modality, UnitVectors, unit_vectors
from vasari.retrieval.settings import Settings

COUNT, QUERIES, K = 80, 20, 10


def top(
    library: GreyLibrary,
) -> tuple[list[list[str]], np.ndarray[tuple[int, ...], np.dtype[np.float32]], str]:
    """Content hashes (queries, k), scores and strategy for random queries."""
    drawn = np.random.default_rng(3).standard_normal((QUERIES, library.space().dim))
    ids, scores, strategy = library.gallery(Modality.IMAGE).search(UnitVectors(unit_vectors(drawn)), K)
    hashes = {item.id: item.content_hash for item in library.items(ids.ravel().tolist()).values()}
    return [[hashes[item] for item in row] for row in ids.tolist()], scores, strategy


def test_folder_shards_parquet_and_postgresql_with_milvus_answer_alike(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The same ten pictures in the same order for each of twenty queries, whatever they were read from and lie in."""
    samples = forms.write_folder(tmp_path / "photos", COUNT)
    forms.write_shard(tmp_path / "shards" / "00000.tar", samples[:50])
    forms.write_shard(tmp_path / "shards" / "00001.tar", samples[50:])
    forms.write_parquet(tmp_path / "all.parquet", [one.data for one in samples], samples, row_group_size=25)
    with postgres_database(request.getfixturevalue("postgres_server")) as database:
        files = Settings(vectors=None, database_url=None)
        servers = Settings(vectors=f"milvus+file://{milvus.place().uri}", database_url=database)
        found = {}
        for name, given, settings in (
            ("folder", "photos", files),
            ("webdataset", "shards", files),
            ("parquet", "all.parquet", files),
            ("servers", "photos", servers),
        ):
            with GreyLibrary.open(tmp_path / name, settings, create=True) as library:
                report = index(library, choose_source([tmp_path / given])[0], IndexOptions(batch_size=16))
                assert report.added == COUNT
                found[name] = top(library)
    assert [found[name][2] for name in found] == ["exact", "exact", "exact", "index"]
    for name, (hashes, scores, _) in found.items():
        assert hashes == found["folder"][0], name
        np.testing.assert_allclose(scores, found["folder"][1], atol=1e-6)
