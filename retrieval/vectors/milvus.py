"""Milvus behind the `VectorIndex` port: the rows of one index are a collection of a Milvus server, or of Milvus Lite.

Where it is, is said by a URL:

    milvus+http://HOST:19530                          a server; https for TLS
    milvus+http://USER:PASSWORD@HOST:19530/DATABASE   with credentials, in a database of its own
    milvus+http://HOST:19530?index=DISKANN            another kind of index than HNSW (FLAT below 150,000 rows)
    milvus+file:///srv/vectors.db                     Milvus Lite: a folder of this machine, for one process

Rows go in as float32 copies of the stored float16 rows, under inner product, so that scores are those of the exact
scan. What a saved index leaves on disk is `milvus.json`, which names collection and place, but no credentials.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import (
    LibraryCorruptError,
    MissingExtraError,
    StorageError,
    UsageError,
    VasariError,
)
from vasari.retrieval.storage.atomic import HashingWriter, sync_folder, write_file
from vasari.retrieval.vectors.index import (
    NO_ID,
    Ids,
    IndexKind,
    Scores,
    check_new_ids,
    check_queries,
    is_among,
    nothing,
)

POINTER_FILE = "milvus.json"
PREFIX = "milvus+"
_NAMED = 10_000  # ids in one filter expression: about 100 kB
_ROWS_AT_ONCE = 2_000  # of one insert: 8 MB at 1024 numbers; a server takes 64 MB
_MOST = 16_384  # answers of one search, a server's limit
_SPARE = 16  # more answers than asked for, so that equal scores at the end rank by id
_FLAT_ROWS = 150_000


@dataclass(frozen=True, slots=True)
class MilvusPlace:
    """A parsed URL."""

    uri: str  # as pymilvus takes it: http://HOST:PORT, or the path of Milvus Lite's folder
    token: str = ""  # USER:PASSWORD
    database: str = ""
    index: str = ""  # HNSW, DISKANN, IVF_SQ8, …; empty: by the number of rows

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL as above; raises UsageError."""
        parts = urlsplit(url.removeprefix(PREFIX))
        kind = parse_qs(parts.query).get("index", [""])[0].upper()
        if url.startswith(PREFIX) and parts.scheme == "file" and parts.path:
            return cls(unquote(parts.path), index=kind)
        if not url.startswith(PREFIX) or parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"VASARI_VECTORS cannot be {_without_password(url)!r}: use milvus+http://HOST:19530, or"
                " milvus+file:///PATH/vectors.db for Milvus Lite"
            )
        host = parts.netloc.rpartition("@")[2]
        user = unquote(parts.username or "")
        token = f"{user}:{unquote(parts.password or '')}" if user else ""
        return cls(urlunsplit((parts.scheme, host, "", "", "")), token, parts.path.strip("/"), kind)


class MilvusIndex:
    """A collection (see `VectorIndex`). The server keeps it: `save` writes down where it is."""

    kind = IndexKind.MILVUS
    effort = near_effort = 0  # the server's own default
    estimates = False  # scores are those of the whole rows

    def __init__(self, place: MilvusPlace, collection: str, dim: int, *, rows: int = 0) -> None:
        """Make the collection, meant for `rows` rows; one of that name is replaced. Raises StorageError."""
        self._place, self.collection, self._dim = place, collection, dim
        self._client = _client(place)
        self._writing = threading.Lock()
        with _in_words(place):
            self._create(rows)

    @classmethod
    def attach(cls, place: MilvusPlace, collection: str, dim: int) -> Self:
        """The collection as it is; LibraryCorruptError where there is none."""
        index = cls.__new__(cls)
        index._place, index.collection, index._dim = place, collection, dim
        index._client = _client(place)
        index._writing = threading.Lock()
        with _in_words(place):
            if not index._client.has_collection(collection):
                raise LibraryCorruptError(
                    f"Milvus at {place.uri} has no collection {collection}: run `vasari rebuild`"
                )
            index._client.load_collection(collection)
        return index

    def __len__(self) -> int:
        with _in_words(self._place):
            (found,) = self._client.query(self.collection, filter="", output_fields=["count(*)"])
        return int(found["count(*)"])

    def add(self, ids: Ids, vectors: UnitVectors) -> None:
        """Store `vectors` (n, dim) under new `ids` (n,)."""
        with self._writing:
            check_new_ids(ids, vectors, self._among(ids), self._dim)
            self.fill(ids, vectors)

    def fill(self, ids: Ids, vectors: NDArray[Any]) -> None:
        """`add` for ids that are known to be new, which are not asked for."""
        rows = vectors.astype(np.float16).astype(np.float32)
        with _in_words(self._place):
            for start in range(0, len(ids), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                named = zip(ids[part].tolist(), rows[part], strict=True)
                self._client.insert(self.collection, [{"id": i, "vector": row} for i, row in named])

    def search(
        self,
        queries: UnitVectors,
        k: int,
        allowed_ids: Ids | None = None,
        excluded_ids: Ids | None = None,
        *,
        effort: int | None = None,  # noqa: ARG002 (of FAISS: a server has its own)
        share: float | None = None,
        least: int | None = None,  # noqa: ARG002 (of FAISS: a server widens its own search)
    ) -> tuple[Ids, Scores]:
        """The k nearest rows of each query; see `VectorIndex.search`. `share` of the rows nearby pass the filter.

        A filter of up to 10,000 ids is left to Milvus. A longer one is first tried by asking for more neighbours than
        wanted; where these are not enough, by Milvus in parts.
        """
        check_queries(queries, k, self._dim)
        if not len(queries):
            return nothing(0, k)
        if k > _MOST:
            raise UsageError(f"Milvus answers with at most {_MOST:,} rows, not {k:,}: ask for fewer")
        if allowed_ids is not None:
            wanted = (
                allowed_ids if excluded_ids is None else allowed_ids[~is_among(allowed_ids, excluded_ids)]
            )
            if len(wanted) <= _NAMED:
                return self._in_parts(queries, k, _lists(wanted))
        elif excluded_ids is None or len(excluded_ids) <= _NAMED:
            hidden = (
                "" if excluded_ids is None or not len(excluded_ids) else f"id not in {excluded_ids.tolist()}"
            )
            return self._nearest(queries, k, hidden)
        limit = min(_MOST, int(2 * k / max(share or 0.5, 1 / 64)) + _SPARE)
        ids, scores = self._nearest(queries, limit, "")
        complete = (ids == NO_ID).any(axis=1)  # all rows were seen
        keep = ids != NO_ID
        if allowed_ids is not None:
            keep &= is_among(ids, allowed_ids)
        if excluded_ids is not None:
            keep &= ~is_among(ids, excluded_ids)
        ids, scores = _ranked(np.where(keep, ids, NO_ID), np.where(keep, scores, -np.inf), k)
        short = np.flatnonzero((ids[:, -1] == NO_ID) & ~complete)
        if len(short):
            parts = _ranges(excluded_ids) if allowed_ids is None else _lists(wanted)
            ids[short], scores[short] = self._in_parts(UnitVectors(queries[short]), k, parts)
        return ids, scores

    def share_nearby(self, queries: UnitVectors, allowed_ids: Ids) -> NDArray[np.float64]:
        """As `FaissIndex.share_nearby`: of the rows nearest to each query, the share (n,) that a filter leaves."""
        ids, _ = self._nearest(queries, 256, "")
        stored = np.maximum((ids != NO_ID).sum(axis=1), 1)
        return np.asarray(is_among(ids, allowed_ids).sum(axis=1) / stored)

    def remove(self, ids: Ids) -> int:
        """Forget these ids and return how many were there."""
        with self._writing:
            gone = self._among(np.unique(ids))
            with _in_words(self._place):
                for start in range(0, len(gone), _NAMED):
                    self._client.delete(self.collection, ids=gone[start : start + _NAMED].tolist())
            return len(gone)

    def ids(self) -> Ids:
        """All ids, sorted."""
        found: list[int] = []
        with _in_words(self._place):
            pages = self._client.query_iterator(self.collection, batch_size=_MOST, output_fields=["id"])
            while page := pages.next():
                found.extend(row["id"] for row in page)
            pages.close()
        return np.sort(np.array(found, np.int64))

    def save(self, path: Path) -> None:
        """Write `milvus.json` into the folder `path`."""
        path.mkdir(parents=True, exist_ok=True)
        write_file(path / POINTER_FILE, self.write)
        sync_folder(path)

    def write(self, writer: HashingWriter) -> None:
        """Write down where the collection is."""
        pointer = {
            "collection": self.collection,
            "dim": self._dim,
            "place": PREFIX + (self._place.uri if "://" in self._place.uri else f"file://{self._place.uri}"),
            "database": self._place.database,
        }
        writer.write(json.dumps(pointer, indent=2).encode())

    @classmethod
    def open(cls, path: Path, *, url: str | None = None) -> Self:
        """The index that `save` wrote down; `url` (VASARI_VECTORS) says where the server is by now.

        Raises LibraryCorruptError for a damaged file or a collection that is gone, VasariError without a server.
        """
        place, collection, dim = _read_pointer(path / POINTER_FILE, url)
        return cls.attach(place, collection, dim)

    def drop(self) -> None:
        """Delete the collection."""
        with _in_words(self._place):
            self._client.drop_collection(self.collection)

    def flush(self) -> None:
        """Have the server seal and index what was added."""
        with _in_words(self._place):
            self._client.flush(self.collection)

    def _create(self, rows: int) -> None:
        from pymilvus import DataType

        if self._client.has_collection(self.collection):
            self._client.drop_collection(self.collection)
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dim)
        kind = self._place.index or ("FLAT" if rows <= _FLAT_ROWS else "HNSW")
        how = {"M": 32, "efConstruction": 200} if kind == "HNSW" else {}
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type=kind, metric_type="IP", params=how)
        self._client.create_collection(
            self.collection, schema=schema, index_params=index, consistency_level="Strong"
        )

    def _among(self, ids: Ids) -> Ids:
        """Those of `ids` that are stored, sorted."""
        found: list[int] = []
        with _in_words(self._place):
            for some in _lists(ids):
                rows = self._client.query(self.collection, filter=some, output_fields=["id"], limit=_NAMED)
                found.extend(row["id"] for row in rows)
        return np.sort(np.array(found, np.int64))

    def _in_parts(self, queries: UnitVectors, k: int, filters: Iterator[str]) -> tuple[Ids, Scores]:
        best = nothing(len(queries), k)
        for some in filters:
            found = self._nearest(queries, k, some)
            ids = np.concatenate([best[0], found[0]], axis=1)
            best = _ranked(ids, np.concatenate([best[1], found[1]], axis=1), k)
        return best

    def _nearest(self, queries: UnitVectors, k: int, expression: str) -> tuple[Ids, Scores]:
        limit = min(_MOST, k + _SPARE)
        with _in_words(self._place):
            found = self._client.search(
                self.collection,
                data=list(queries),
                limit=limit,
                filter=expression,
                output_fields=["id"],
                search_params={"metric_type": "IP", "params": {"ef": max(128, 2 * limit)}},
            )
        ids, scores = nothing(len(queries), limit)
        for row, hits in enumerate(found):
            ids[row, : len(hits)] = [hit["id"] for hit in hits]
            scores[row, : len(hits)] = [hit["distance"] for hit in hits]
        return _ranked(ids, scores, k)


def drop_saved(path: Path) -> None:
    """Delete the collection that the folder `path` points to, if it does; a server that is away keeps it."""
    if not (path / POINTER_FILE).is_file():
        return
    try:
        MilvusIndex.open(path).drop()
    except VasariError:
        return  # the folder goes anyway: no library knows the collection from then on


def _read_pointer(file: Path, url: str | None) -> tuple[MilvusPlace, str, int]:
    try:
        pointer = json.loads(file.read_text(encoding="utf-8"))
        place = MilvusPlace.parse(url or pointer["place"])
        if not url:
            place = MilvusPlace(place.uri, database=str(pointer["database"]))
        return place, str(pointer["collection"]), int(pointer["dim"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LibraryCorruptError(f"{file} is damaged or missing: run `vasari rebuild`") from error


@cache
def _client(place: MilvusPlace) -> Any:
    """One connection a place and process; Milvus Lite allows no second one."""
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise MissingExtraError("pymilvus", "milvus") from error
    with _in_words(place):
        if "://" not in place.uri:
            Path(place.uri).parent.mkdir(parents=True, exist_ok=True)
        return MilvusClient(place.uri, token=place.token, db_name=place.database)


class _in_words:  # noqa: N801 (reads as a clause)
    """Turn what pymilvus raises into an error for people."""

    def __init__(self, place: MilvusPlace) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, VasariError):
            return
        from pymilvus.exceptions import MilvusException

        if isinstance(error, MilvusException):
            reason = next(iter(str(error.message).splitlines()), type(error).__name__)
            raise StorageError(
                f"Milvus at {self._place.uri} refuses: {reason}; see that it runs (VASARI_VECTORS)"
            ) from error


def _lists(ids: Sequence[int] | Ids) -> Iterator[str]:
    """Filters that together let exactly these ids pass."""
    wanted = np.asarray(ids, np.int64)
    for start in range(0, len(wanted), _NAMED):
        yield f"id in {wanted[start : start + _NAMED].tolist()}"


def _ranges(excluded: Ids | None) -> Iterator[str]:
    """Filters that together let all but these sorted ids pass, one range of ids after the other."""
    hidden = np.empty(0, np.int64) if excluded is None else excluded
    low = 0
    for start in range(0, len(hidden), _NAMED):
        some = hidden[start : start + _NAMED].tolist()
        yield f"id >= {low} and id <= {some[-1]} and id not in {some}"
        low = some[-1] + 1
    yield f"id >= {low}"


def _ranked(ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """The best k, equal scores by ascending id, missing ones last."""
    scores = np.where(ids == NO_ID, np.float32(-np.inf), scores).astype(np.float32)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    return np.take_along_axis(ids, order, axis=1), np.where(np.isneginf(best), best, np.clip(best, -1, 1))


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
