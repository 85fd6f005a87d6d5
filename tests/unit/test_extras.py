"""Optional packages that are not installed: one line that names the extra."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, run
from vasari.indexer.cluster.connection import Cluster, connected
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.errors import MissingExtraError
from vasari.retrieval.vectors.milvus import MilvusIndex, MilvusPlace

__all__ = ["run"]  # a fixture


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [("s3://bucket/photos", "s3fs", "s3"), ("gs://bucket/photos", "gcsfs", "gcs")],
)
def test_a_bucket_names_the_extra_that_reads_it(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`vasari index s3://…` says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'vasari\[{extra}\]'"):
        choose_source([url])


def test_a_cluster_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--engine ray` without Ray."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"vasari\[ray\]"), connected(Cluster()):
        pass


def test_milvus_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VASARI_VECTORS without pymilvus."""
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(MissingExtraError, match=r"vasari\[milvus\]"):
        MilvusIndex(MilvusPlace.parse(f"milvus+file://{tmp_path}/vectors.db"), "none", 4)


def test_traces_name_their_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`vasari serve` with VASARI_TRACES and without OpenTelemetry says so before it listens."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setenv("VASARI_TRACES", "http://127.0.0.1:4318")
    code, _, err = run("serve", "--port", "0")
    assert (code, err) == (
        1,
        "vasari: this needs the package 'opentelemetry-sdk': pip install 'vasari[otel]'\n",
    )
