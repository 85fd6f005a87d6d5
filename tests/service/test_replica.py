"""Replicas: services that only read a library which another process writes."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.patience import until
from tests.service.colours import ColourLibrary, make_library, picture
from tests.service.conftest import PATIENT, Serve
from vasari.api.service.app import create_app
from vasari.api.service.settings import ServiceSettings
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.errors import NotFoundError, ReadOnlyError
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

READER = Settings(read_only=True)


def test_a_replica_follows_the_library_and_writes_nothing(serve: Serve, tmp_path: Path) -> None:
    """Two replicas answer as the primary does, see what it adds at once, and refuse every change."""
    primary = serve()
    before = sorted(str(path) for path in primary.root.rglob("*"))
    replicas = [
        create_app(lambda: ColourLibrary.open(primary.root, READER), ServiceSettings(preload="none"))
        for _ in range(2)
    ]
    one, other = (
        TestClient(app, base_url="http://127.0.0.1:7600", client=("127.0.0.1", 50000)) for app in replicas
    )
    with one, other:
        for client in (one, other):
            assert client.get("/readyz").status_code == 200
            assert first(client, "red") == primary.ids["red"]
            item = primary.ids["red"]
            assert client.get(f"/v1/items/{item}/thumbnail").status_code == 200
            refused = [
                client.post("/v1/items", files={"file": ("new.png", picture((1, 2, 3)))}),
                client.delete(f"/v1/items/{item}"),
                client.patch(f"/v1/items/{item}", json={"tags": ["boat"]}),
                client.post("/v1/jobs", json={"kind": "rebuild"}),
            ]
            assert [answer.status_code for answer in refused] == [403] * 4
            assert {answer.json()["type"] for answer in refused} == {"urn:vasari:problem:read-only"}
        assert sorted(str(path) for path in primary.root.rglob("*")) == before
        folder = tmp_path / "more"
        folder.mkdir()
        (folder / "pink.png").write_bytes(picture((250, 60, 60)))
        added = index(primary.library, FolderSource([folder]), stop=threading.Event())
        assert added.added == 1
        for client in (one, other):
            assert len(client.post("/v1/search", json={"query": "red", "limit": 50}).json()["hits"]) == 9


def test_two_services_write_one_library(catalog_url: str, tmp_path: Path) -> None:
    """On SQLite and PostgreSQL: what one adds, changes or runs the other has at once; while a job writes, one waits."""
    make_library(tmp_path / "library", tmp_path / "pictures", catalog_url)
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "pink.png").write_bytes(picture((250, 60, 60)))
    own = ServiceSettings(**{**PATIENT, "roots": [folder]})
    libraries = [
        ColourLibrary.open(tmp_path / "library", Settings(database_url=catalog_url)) for _ in range(2)
    ]
    one, other = (asking(library, own) for library in libraries)
    with one, other:
        assert [client.get("/readyz").status_code for client in (one, other)] == [200, 200]
        sent = {"image": base64.b64encode(picture((130, 30, 30))).decode()}
        item = one.post("/v1/items", json=sent).json()["id"]
        for client in (one, other):
            assert item in found(client, "red")
            known = client.post("/v1/duplicates", json=sent).json()["duplicates"]
            assert [(copy["item"]["id"], copy["kind"]) for copy in known] == [(item, "same_bytes")]
        assert other.post("/v1/items", json=sent).status_code == 200  # sent before
        other.patch(f"/v1/items/{item}", json={"tags": ["dark"]})
        assert one.get(f"/v1/items/{item}").json()["tags"] == ["dark"]

        libraries[0].model.gate.clear()
        job = one.post("/v1/jobs", json={"kind": "index", "paths": [str(folder)]}).json()["id"]
        until(lambda: libraries[0].catalog.lease.holder() is not None, 0.02)
        assert other.get(f"/v1/jobs/{job}").json()["state"] == "running"
        sent = {"image": base64.b64encode(picture((10, 120, 10))).decode()}
        refused = other.post("/v1/items", json=sent)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:vasari:problem:library-locked")
        assert int(refused.headers["Retry-After"]) > 0
        assert len(found(other, "red")) == 9
        libraries[0].model.gate.set()
        until(lambda: other.get(f"/v1/jobs/{job}").json()["state"] == "done", 0.02)
        assert len(found(other, "red")) == 10
        assert other.post("/v1/items", json=sent).status_code == 201
        assert one.delete(f"/v1/items/{item}").status_code == 204
        assert item not in found(other, "red")

        libraries[0].model.gate.clear()
        (folder / "rose.png").write_bytes(picture((250, 90, 90)))
        job = one.post("/v1/jobs", json={"kind": "index", "paths": [str(folder)]}).json()["id"]
        until(lambda: libraries[0].catalog.lease.holder() is not None, 0.02)
        assert other.delete(f"/v1/jobs/{job}").json()["state"] == "cancelled"
        libraries[0].model.gate.set()
        until(lambda: libraries[0].catalog.lease.holder() is None, 0.02)
        assert one.get(f"/v1/jobs/{job}").json()["state"] == "cancelled"


def asking(library: ColourLibrary, settings: ServiceSettings) -> TestClient:
    app = create_app(lambda: library, settings)
    return TestClient(app, "http://127.0.0.1:7600", client=("127.0.0.1", 50000))


def found(client: TestClient, query: str) -> list[int]:
    hits = client.post("/v1/search", json={"query": query, "limit": 50}).json()["hits"]
    return [hit["id"] for hit in hits]


def first(client: TestClient, query: str) -> int:
    return int(client.post("/v1/search", json={"query": query}).json()["hits"][0]["id"])


def test_a_reader_needs_a_library_and_cannot_write_it(tmp_path: Path, catalog_url: str) -> None:
    """On SQLite and PostgreSQL: reading works, every writing transaction is refused, and nothing is made."""
    with pytest.raises(NotFoundError, match="no library"):
        Library.open(tmp_path / "nothing", Settings(read_only=True, database_url=None), create=True)
    assert not (tmp_path / "nothing").exists()
    with Catalog.open(catalog_url, read_only=True) as catalog:
        assert catalog.spaces.all() == []
        with pytest.raises(ReadOnlyError, match="VASARI_READ_ONLY"):
            catalog.items.reserve(1)
        with pytest.raises(ReadOnlyError):
            catalog.lease.acquire("test")
