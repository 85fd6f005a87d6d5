"""Generations (index versions): a FAISS index over all rows of some segments, built beside the one in use.

A generation is a folder `00000007/` of `index.faiss` (or `milvus.json`), `dead.npy` and `manifest.json`. It covers
the rows of its segments except those that were dead when it was built (`dead.npy`, (n, 2): segment, row), so which
rows it can find is known without asking FAISS. The folder appears under its name only when complete; the catalog
then makes it active.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.storage.atomic import (
    TEMPORARY,
    HashingWriter,
    checksum_of,
    discarded_on_failure,
    sync_folder,
    write_file,
)
from vasari.retrieval.storage.os_errors import cannot_read
from vasari.retrieval.vectors.index import INDEX_FILE, IndexKind, RecallPoint
from vasari.retrieval.vectors.milvus import POINTER_FILE, MilvusIndex, MilvusPlace, drop_saved
from vasari.retrieval.vectors.segments import Segment, live_rows

if TYPE_CHECKING:
    from vasari.retrieval.vectors.faiss_index import FaissIndex
    from vasari.retrieval.vectors.shards import Spread

DEAD_FILE = "dead.npy"
MANIFEST_FILE = "manifest.json"
_FORMAT = 1
_LOG = logging.getLogger(__name__)

DeadRows = Sequence[tuple[int, int]] | NDArray[np.int64]  # (segment number, row in it)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation says about itself."""

    number: int
    kind: IndexKind
    dim: int
    rows: int
    segments: tuple[int, ...]  # sorted; a newer segment is searched exactly beside the generation
    effort: int  # chosen from the curve
    # Rows scored again for each answer, where the index's scores are estimates; from the curve.
    depth: int = 1
    recall_at: int = 10  # k of the curve
    curve: tuple[RecallPoint, ...] = ()
    queries: str = ""  # what the curve was measured with
    considered: tuple[str, ...] = ()  # kinds that were tried first, and why they were given up
    checksums: Mapping[str, str] = field(default_factory=dict)  # file name → BLAKE2b
    bytes: Mapping[str, int] = field(default_factory=dict)  # file name → length
    parameters: Mapping[str, int] = field(default_factory=dict)

    @property
    def high_water(self) -> int:
        """The greatest segment number the generation covers; -1 if it covers none."""
        return self.segments[-1] if self.segments else -1

    @property
    def recall(self) -> float:
        """The recall measured at the chosen effort; 1 where nothing is approximate."""
        points = (p for p in self.curve if (p.effort, max(p.depth, 1)) == (self.effort, self.depth))
        return next((point.recall for point in points), 1.0)

    def to_json(self) -> str:
        """The manifest as indented JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`'s output; anything else raises ValueError, KeyError or TypeError."""
        facts: dict[str, Any] = json.loads(text)
        if facts.pop("format") != _FORMAT:
            raise ValueError("another version of the format")
        facts["kind"] = IndexKind(facts["kind"])
        facts["segments"] = tuple(facts["segments"])
        facts["considered"] = tuple(facts.get("considered", ()))
        facts["curve"] = tuple(RecallPoint(**point) for point in facts["curve"])
        return cls(**facts)


class Generation:
    """A published generation. The index itself is read when it is first searched."""

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        dead: NDArray[np.int64],
        threads: int | None,
        store: str | None = None,
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self.dead = dead  # (n, 2): rows of the covered segments that the index leaves out
        self._threads = threads
        self._store = store
        self._index: FaissIndex | MilvusIndex | None = None
        self._opening = threading.Lock()

    @classmethod
    def open(
        cls, generations: Path, number: int, *, threads: int | None = None, store: str | None = None
    ) -> Self:
        """Read a generation's manifest and check its files' lengths; LibraryCorruptError names what is wrong.

        StorageError for what cannot be read. `store` is the URL of the Milvus server that has its rows, if it is one
        of Milvus and the server has moved.
        """
        directory = generation_directory(generations, number)
        path = directory / MANIFEST_FILE
        with _reading(path):
            manifest = Manifest.from_json(path.read_text(encoding="utf-8"))
            if manifest.number != number:
                raise ValueError("the manifest of another generation")
        for name, length in manifest.bytes.items():
            with _reading(file := directory / Path(name).name):
                if file.stat().st_size != length:
                    raise ValueError("another length")
        return cls(directory, manifest, _read_dead(directory / DEAD_FILE), threads, store)

    @property
    def index(self) -> FaissIndex | MilvusIndex:
        """The index, read once; a damaged file raises LibraryCorruptError."""
        return self._read_index()

    def _read_index(self) -> FaissIndex | MilvusIndex:
        with self._opening:
            if self._index is None and self.manifest.kind is IndexKind.MILVUS:
                self._index = MilvusIndex.open(self.directory, url=self._store)
            if self._index is None:
                # FAISS takes 0.3 s to import, which a small library never needs to spend.
                from vasari.retrieval.vectors.faiss_index import FaissIndex

                with _reading(self.directory / INDEX_FILE) as file, file.open("rb"):
                    pass  # FAISS does not tell a file that cannot be read from a damaged one
                index = FaissIndex.open(self.directory, threads=self._threads, mapped=True)
                if len(index) != self.manifest.rows or index.kind is not self.manifest.kind:
                    raise _damaged(self.directory / INDEX_FILE)
                self._index = index
                _LOG.info("opened %s: %s over %d rows", self.directory, index.kind, len(index))
            return self._index

    @property
    def damage(self) -> str:
        """What is wrong with the index; empty where it can be searched."""
        try:
            self._read_index()
        except LibraryCorruptError as error:
            return str(error)
        return ""

    def verify(self) -> None:
        """Read all files; LibraryCorruptError names the first one whose checksum is not the manifest's."""
        for name, wanted in self.manifest.checksums.items():
            with _reading(file := self.directory / Path(name).name):
                if checksum_of(file) != wanted:
                    raise ValueError("another checksum")

    def verify_rows(self, wanted: NDArray[np.int64]) -> None:
        """Compare a collection of Milvus with the ids it must have, sorted; LibraryCorruptError where they differ."""
        index = self.index
        if isinstance(index, MilvusIndex) and not np.array_equal(index.ids(), wanted):
            raise LibraryCorruptError(
                f"the collection {index.collection} in Milvus and the catalog disagree on whose vectors it has: run"
                " `vasari rebuild`"
            )


def index_file(kind: IndexKind) -> str:
    """The file of a generation that holds its index, or says where it is."""
    return POINTER_FILE if kind is IndexKind.MILVUS else INDEX_FILE


def generation_directory(generations: Path, number: int) -> Path:
    """Where a generation lies."""
    return generations / f"{number:08d}"


def build_generation(
    segments_directory: Path,
    generations_directory: Path,
    number: int,
    segments: Sequence[int],
    dead: DeadRows = (),
    *,
    kind: IndexKind | None = None,
    parameters: Mapping[str, int] | None = None,
    target_recall: float = 0.95,
    queries: UnitVectors | None = None,
    described: str | None = None,
    memory: int | None = None,
    threads: int | None = None,
    store: tuple[str, str] | None = None,
    spread: Spread | None = None,
) -> Manifest:
    """Build and store generation `number` over the live rows of `segments`; the caller publishes it.

    `kind` is chosen by the number of rows, the `memory` (bytes) it may take and what it reaches, where not given; the
    search effort by measuring recall@10 against the exact scan with `queries` (n, dim; `described` says what they
    are), or with disturbed rows where there are none.
    `store` is the URL of a Milvus server and the name of a new collection there: it then holds the rows.
    `spread`: workers build shards of the index, which are merged (not of HNSW: a graph has no parts).
    A half-built or never published folder of that number is replaced. A full disk raises StorageError.
    """
    from vasari.retrieval.vectors import shards, tuning  # import FAISS, see Generation.index

    if not segments:
        raise ValueError("there are no segments to build a generation over")
    opened = [Segment.open(segments_directory, segment) for segment in sorted(segments)]
    left_out = _dead_among(dead, opened)
    live = live_rows(opened, left_out)
    if store is not None:
        return _store_in_milvus(generations_directory, number, opened, live, left_out, *store)
    folder = shards.build_folder(generations_directory, number)
    build = shards.Build(folder, segments_directory, opened, left_out, spread) if spread else None
    index, tuned = tuning.build(
        opened,
        live,
        kind=kind,
        parameters=parameters or {},
        target_recall=target_recall,
        queries=queries,
        threads=threads,
        memory=memory,
        described=described,
        fill=build.fill if build else None,
    )
    manifest = Manifest(
        number=number,
        kind=index.kind,
        dim=opened[0].vectors.shape[1],
        rows=len(index),
        segments=tuple(segment.number for segment in opened),
        effort=index.effort,
        depth=max(tuned.chosen.depth, 1) if tuned.chosen else 1,
        recall_at=tuned.recall_at,
        curve=tuned.curve,
        queries=tuned.queries,
        considered=tuned.considered,
        parameters=dict(parameters or {}),
    )
    return _store(generations_directory, manifest, index, left_out)


def remove_generations(generations: Path, keep: Sequence[int]) -> list[Path]:
    """Delete generations whose number is not in `keep`, and what unfinished builds left; returns the folders.

    Only for the holder of the library's lease. A reader that has a deleted generation open goes on using it.
    """
    kept = {generation_directory(generations, number) for number in keep}
    gone = []
    for path in sorted(generations.iterdir()) if generations.is_dir() else []:
        if path.is_dir() and path not in kept and path.name.removesuffix(TEMPORARY).isdecimal():
            drop_saved(path)
            shutil.rmtree(path)
            gone.append(path)
    return gone


def _store_in_milvus(
    generations: Path,
    number: int,
    segments: Sequence[Segment],
    live: Sequence[NDArray[np.int64]],
    dead: NDArray[np.int64],
    url: str,
    collection: str,
) -> Manifest:
    """Fill a new collection with the live rows, and write a generation that points to it."""
    dim, rows = segments[0].vectors.shape[1], sum(map(len, live))
    index = MilvusIndex(MilvusPlace.parse(url), collection, dim, rows=rows)
    for segment, picked in zip(segments, live, strict=True):
        index.fill(segment.ids[picked], segment.vectors[picked])
    index.flush()
    numbers = tuple(segment.number for segment in segments)
    manifest = Manifest(
        number=number, kind=IndexKind.MILVUS, dim=dim, rows=rows, segments=numbers, effort=0, queries="none"
    )
    return _store(generations, manifest, index, dead)


def _store(
    generations: Path, manifest: Manifest, index: FaissIndex | MilvusIndex, dead: NDArray[np.int64]
) -> Manifest:
    final = generation_directory(generations, manifest.number)
    temporary = final.with_name(final.name + TEMPORARY)
    with discarded_on_failure(temporary):
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir(parents=True)
        checksums = {
            (name := index_file(manifest.kind)): write_file(temporary / name, index.write),
            DEAD_FILE: write_file(temporary / DEAD_FILE, lambda writer: _write_dead(writer, dead)),
        }
        lengths = {name: (temporary / name).stat().st_size for name in checksums}
        manifest = replace(manifest, checksums=checksums, bytes=lengths)
        text = manifest.to_json().encode()
        write_file(temporary / MANIFEST_FILE, lambda writer: writer.write(text))
        sync_folder(temporary)
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
        sync_folder(generations)
    return manifest


def _dead_among(dead: DeadRows, segments: Sequence[Segment]) -> NDArray[np.int64]:
    pairs = np.asarray(dead, np.int64).reshape(-1, 2)
    return np.unique(pairs[np.isin(pairs[:, 0], [segment.number for segment in segments])], axis=0)


def _write_dead(writer: HashingWriter, dead: NDArray[np.int64]) -> None:
    np.lib.format.write_array(writer, dead, version=(1, 0), allow_pickle=False)


def _read_dead(path: Path) -> NDArray[np.int64]:
    with _reading(path):
        with path.open("rb") as file:
            dead = np.lib.format.read_array(file, allow_pickle=False)
        if dead.dtype != np.int64 or dead.ndim != 2 or dead.shape[1] != 2:
            raise ValueError("no rows of segments")
    return np.asarray(dead)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[Path]:
    """What is wrong in a file, or missing, becomes a LibraryCorruptError, what cannot be read a StorageError."""
    try:
        yield path
    except (
        FileNotFoundError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        AttributeError,
        TokenError,  # of NumPy, for a header that is no Python
    ) as error:
        raise _damaged(path) from error
    except OSError as error:
        raise cannot_read(path, error) from error


def _damaged(path: Path) -> LibraryCorruptError:
    return LibraryCorruptError(f"{path} is damaged or missing: run `vasari rebuild`")
