"""One collection in every form: the same vectors, captions and attributes, whichever source reads it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from tests import forms
from tests.forms import Sample
from tests.grey import GreyLibrary
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.source import SourceKind
from vasari.retrieval.domain import Modality
from vasari.retrieval.storage import network_addresses
from vasari.retrieval.storage.local_files import content_hash
from vasari.retrieval.storage.reader import open_original

COUNT = 60
Write = Callable[[Path, list[Sample]], str]


def _folder(root: Path, samples: list[Sample]) -> str:
    return str(root / "photos")


def _paths(root: Path, samples: list[Sample]) -> list[str]:
    return [str(root / "photos" / sample.name) for sample in samples]


def _relative(samples: list[Sample]) -> list[str]:
    return [f"photos/{sample.name}" for sample in samples]


def _two_shards(root: Path, samples: list[Sample]) -> str:
    forms.write_shard(root / "shards" / "00000.tar", samples[:35])
    forms.write_shard(root / "shards" / "00001.tar", samples[35:])
    return str(root / "shards")


def _in_memory(root: Path, samples: list[Sample]) -> str:
    memory = fsspec.filesystem("memory")
    folder = f"/{root.name}/bucket"
    for sample in samples:
        memory.pipe_file(f"{folder}/deep/{sample.name}", sample.data)
    return f"memory:/{folder}"


def _remote_shard(root: Path, samples: list[Sample]) -> str:
    shard = forms.write_shard(root / "shard.tar", samples)
    target = f"/{root.name}/shards/00000.tar"
    fsspec.filesystem("memory").pipe_file(target, shard.read_bytes())
    return f"memory:/{target}"


def _held(samples: list[Sample]) -> list[dict[str, Any]]:
    return [{"bytes": sample.data, "path": sample.name} for sample in samples]


FORMS: dict[str, tuple[SourceKind, bool, Write]] = {
    "folder": (SourceKind.FOLDER, False, _folder),
    "bucket": (SourceKind.FOLDER, False, _in_memory),
    "pairs": (SourceKind.PAIRS, True, lambda root, s: str(forms.write_pairs(root / "pairs", s))),
    "webdataset": (SourceKind.WEBDATASET, True, _two_shards),
    "remote shard": (SourceKind.WEBDATASET, True, _remote_shard),
    "zip": (SourceKind.WEBDATASET, True, lambda root, s: str(forms.write_zip(root / "all.zip", s))),
    "csv": (
        SourceKind.TABLE,
        True,
        lambda root, s: str(forms.write_csv(root / "all.csv", _relative(s), s)),
    ),
    "jsonl": (
        SourceKind.TABLE,
        True,
        lambda root, s: str(forms.write_jsonl(root / "all.jsonl", _paths(root, s), s)),
    ),
    "parquet of paths": (
        SourceKind.TABLE,
        True,
        lambda root, s: str(forms.write_parquet(root / "all.parquet", _paths(root, s), s)),
    ),
    "parquet of bytes": (
        SourceKind.TABLE,
        True,
        lambda root, s: str(
            forms.write_parquet(root / "all.parquet", [one.data for one in s], s, row_group_size=25)
        ),
    ),
    "parquet of structs": (
        SourceKind.TABLE,
        True,
        lambda root, s: str(forms.write_parquet(root / "all.parquet", _held(s), s)),
    ),
    "coco": (SourceKind.COCO, False, lambda root, s: str(forms.write_coco(root / "coco", s))),
    "saved dataset": (
        SourceKind.HF,
        True,
        lambda root, s: str(forms.write_saved_dataset(root / "saved", s)),
    ),
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return forms.write_folder(tmp_path_factory.mktemp("origin"), COUNT)


@pytest.mark.parametrize("form", FORMS)
def test_a_collection_gives_the_same_library_in_every_form(
    tmp_path: Path, samples: list[Sample], form: str
) -> None:
    """Vectors equal bit by bit; captions and attributes arrive; originals open; a second run has nothing to do."""
    forms.write_folder(tmp_path / "photos", COUNT)
    kind, described, write = FORMS[form]
    given = write(tmp_path, samples)
    source, kinds = choose_source([given])
    assert kinds == {kind}
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        report = index(library, source, IndexOptions(batch_size=16, decode_threads=2))
        assert (report.added, report.failed) == (COUNT, 0)
        assert library.grey().embedded == COUNT
        _check(library, samples, described=described or form == "coco", attributes=described)
        again = index(library, choose_source([given])[0], IndexOptions(decode_threads=2))
        assert (again.unchanged, again.added, again.updated, again.removed) == (COUNT, 0, 0, 0)


def _check(library: GreyLibrary, samples: list[Sample], *, described: bool, attributes: bool) -> None:
    by_hash = {content_hash(sample.data): sample for sample in samples}
    items = library.items(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    assert len(items) == len(samples)
    for item in items.values():
        sample = by_hash.pop(item.content_hash)
        assert item.bytes == len(sample.data)
        assert open_original(item.uri, library.image_limits) == sample.data
        assert [caption.text for caption in item.captions] == ([sample.caption] if described else [])
        assert item.attributes.get("year") == (sample.year if attributes else None)
        expected = library.embed_pictures([sample.data], library.space())
        found = library.vectors_of([item.id], library.space())
        np.testing.assert_allclose(found, expected, atol=1e-3)  # stored as float16
    assert not by_hash


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server over `tmp_path`."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{running.server_address[1]}"
        network_addresses.name_host(url)  # as a person does who gives it to `vasari index`
        yield url
        running.shutdown()
        thread.join()


def test_a_table_of_urls_is_fetched_and_unreachable_ones_are_named_with_their_row(
    tmp_path: Path, server: str
) -> None:
    """Good URLs are indexed; a missing file and a dead host are failures that say which row named them."""
    samples = forms.write_folder(tmp_path / "photos", 6)
    urls = [f"{server}/photos/{sample.name}" for sample in samples]
    urls[2] = f"{server}/photos/nothing.png"
    urls[4] = "http://127.0.0.1:9/dead.png"
    table = forms.write_csv(tmp_path / "urls.csv", urls, samples)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        report = index(library, choose_source([table])[0])
        assert (report.added, report.failed) == (4, 2)
        reasons = {failure.uri: failure.reason for failure in library.catalog.failures.latest()}
        assert set(reasons) == {urls[2], urls[4]}
        assert "no such file (row 3 of urls.csv)" in reasons[urls[2]]
        assert "row 5 of urls.csv" in reasons[urls[4]]
        again = index(library, choose_source([table])[0])
        assert (again.unchanged, again.failed) == (4, 2)


def test_a_table_at_a_url_names_pictures_beside_it(tmp_path: Path, server: str) -> None:
    """Relative paths in a remote table are relative to its URL."""
    samples = forms.write_folder(tmp_path / "photos", 3)
    forms.write_csv(tmp_path / "all.csv", [f"photos/{s.name}" for s in samples], samples)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        assert index(library, choose_source([f"{server}/all.csv"])[0]).added == 3
        uris = {file.uri for file in library.catalog.items.known_files(Modality.IMAGE)}
        assert uris == {f"{server}/photos/{sample.name}" for sample in samples}
