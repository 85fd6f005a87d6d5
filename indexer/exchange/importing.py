"""Bring items with their vectors into a library, as other tools or another library wrote them.

| given | read as |
|---|---|
| .parquet with uri and embedding, .jsonl | what `vasari export` writes |
| a folder with img_emb/ and metadata/ | clip-retrieval's layout |
| a folder with index.faiss and metadata.parquet | a FAISS index with its id map |
| an index file and --metadata TABLE | a plain FAISS index; a row's `id`, else its position, says which vector is its |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from indexer.exchange import clip_retrieval, tables
from indexer.exchange.records import PAGE, Record, from_row
from indexer.progress import Progress, Pulse, Silent
from indexer.sources.columns import Columns
from indexer.sources.rows import resolve
from indexer.sources.table import TableSource
from retrieval import ingest
from retrieval.catalog.leases import Lease
from retrieval.catalog.records import ItemFacts
from retrieval.domain import CaptionSource, EmbeddingSpace, ItemId, Modality, Skipped, unit_vectors
from retrieval.errors import ModelUnavailableError, NotFoundError, UsageError
from retrieval.imaging.files import content_hash
from retrieval.library import Library
from retrieval.models.sources import absolute_reference
from retrieval.originals.uris import UNREAD
from retrieval.vectors.segments import remove_orphans


@dataclass(slots=True)
class ImportReport:
    """What became of the records."""

    added: int = 0
    updated: int = 0  # their uris were known
    failed: int = 0
    space: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def import_(
    library: Library,
    given: Path,
    *,
    model: str | None = None,
    metadata: Path | None = None,
    columns: Columns | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Add what `given` holds; items whose uri is known are updated.

    `model` is the reference of the model that made the vectors: it may be left out where the files name it. Its
    weights are not needed, except for searching by words later. What cannot be used goes to the ledger of failures.

    Raises UsageError, NotFoundError for what cannot be read, LibraryLockedError while another job writes.
    """
    progress = progress or Silent()
    stated, records = _open(given, metadata, columns or Columns())
    report = ImportReport()
    with library.catalog.acquire_lease("vasari import") as lease:
        importer: _Importer | None = None
        while batch := list(islice(records, PAGE)):
            if importer is None:
                space = _space(library, stated, model, len(batch[0].vector))
                importer = _Importer(library, space, str(given.absolute()), report, lease)
            importer.take(batch)
            progress.update(Pulse("importing", report.added + report.updated, 0, report.failed))
    return report


def _open(
    given: Path, metadata: Path | None, columns: Columns
) -> tuple[EmbeddingSpace | None, Iterator[Record]]:
    """The space that the files name, and their records."""
    if not given.exists():
        raise NotFoundError(f"no such file or folder: {given}")
    if given.is_dir():
        if clip_retrieval.is_clip_retrieval(given):
            return clip_retrieval.folder_space(given), clip_retrieval.read_folder(given)
        if (given / "index.faiss").is_file() and (given / "metadata.parquet").is_file():
            table = given / "metadata.parquet"
            return tables.parquet_space(table), _indexed(given / "index.faiss", metadata or table, columns)
        raise UsageError(
            f"{given} is neither clip-retrieval's folder (img_emb, metadata) nor one of index.faiss"
        )
    if given.suffix == ".parquet":
        return tables.parquet_space(given), tables.read_parquet(given)
    if given.suffix == ".jsonl":
        return tables.json_space(given), tables.read_json_lines(given)
    if metadata is None:
        raise UsageError(f"{given} is taken for a FAISS index: name the table of its pictures by --metadata")
    return None, _indexed(given, metadata, columns)


def _indexed(index: Path, table: Path, columns: Columns) -> Iterator[Record]:
    """The vectors of a FAISS index with the rows that describe them."""
    from retrieval.vectors.faiss_files import read_vectors

    ids, vectors = read_vectors(index)
    places = {int(name): place for place, name in enumerate(ids)}
    if tables.is_own(table):
        for noted in tables.plain_rows(table):
            place = places.get(int(noted["id"]))
            if place is not None:
                yield from_row(noted, vectors[place])
        return
    file = str(table.absolute())
    source = TableSource([file], columns)
    for row in source.rows(file):
        name = row.attributes.get("id", row.number - 1)
        place = places.get(name) if isinstance(name, int) else None
        if row.trouble is None and place is not None:
            uri = resolve(row.image, source.folders(file))
            attributes = {key: value for key, value in row.attributes.items() if key != "id"}
            captions = tuple(replace(said, source=CaptionSource.FILE) for said in row.captions)
            yield Record(uri, vectors[place], captions=captions, attributes=attributes, number=row.number)


def _space(library: Library, stated: EmbeddingSpace | None, model: str | None, dim: int) -> EmbeddingSpace:
    """Where the vectors belong."""
    model = absolute_reference(model) if model is not None else None
    if stated is not None:
        if model is not None and model != stated.model:
            raise UsageError(f"these vectors were made by {stated.model}, not by {model}")
        return library.catalog.ensure_space(stated)
    if model is None:
        raise UsageError("these files do not say which model made the vectors: name it by --model")
    try:
        space = library.use_model(model)
    except ModelUnavailableError:
        space = library.catalog.ensure_space(_unstated(model, dim))
    if space.dim != dim:
        raise UsageError(
            f"these vectors have {dim} numbers, those of {model} have {space.dim}: name another --model"
        )
    return space


def _unstated(model: str, dim: int) -> EmbeddingSpace:
    """A space known by its model's name only."""
    slug = (
        "".join(letter if letter.isalnum() else "-" for letter in model.lower()).strip("-")[-40:].strip("-")
    )
    return EmbeddingSpace(f"{slug or 'model'}-imported-{dim}", model, "", "", dim)


@dataclass(frozen=True, slots=True)
class _Import(ingest.Arrival):
    """An arrival whose facts are known already."""

    known: ItemFacts = field(default_factory=lambda: ItemFacts(0, "", "", 0, 0))

    def facts(self, item: ItemId) -> ItemFacts:
        return replace(self.known, id=item)


class _Importer:
    """Commits records page by page."""

    def __init__(
        self, library: Library, space: EmbeddingSpace, given: str, report: ImportReport, lease: Lease
    ) -> None:
        self._library = library
        self._space = space
        self._given = given
        self._report = report
        self._lease = lease
        self._seen: dict[tuple[Modality, str], int] = {}
        self._known = {
            (modality, file.uri): file.id
            for modality in Modality
            for file in library.catalog.known_files(modality)
        }
        report.space = space.name
        for modality in Modality:
            committed = {segment.number for segment in library.catalog.segments(space.name, modality)}
            remove_orphans(library.segments_directory(space, modality), committed)

    def take(self, batch: Sequence[Record]) -> None:
        """Commit a page; what repeats or has no direction goes to the ledger."""
        failures: list[Skipped] = []
        for modality in Modality:
            usable = [
                record for record in batch if record.modality is modality and self._usable(record, failures)
            ]
            self._commit(modality, usable)
        self._library.catalog.record_failures(failures)
        self._report.failed += len(failures)

    def _usable(self, record: Record, failures: list[Skipped]) -> bool:
        key = (record.modality, record.uri)
        trouble = None
        if record.vector.shape != (self._space.dim,):
            trouble = f"its vector has {record.vector.size} numbers instead of {self._space.dim}"
        elif not np.isfinite(record.vector).all() or not record.vector.any():
            trouble = "its vector has no direction"
        elif key in self._seen:
            if record.modality is Modality.TEXT:
                return False  # the same words again: the same vector
            trouble = f"row {record.number}: {record.uri} is named by row {self._seen[key]} already"
        if trouble is not None:
            failures.append(Skipped(f"{self._given}#row/{record.number}", "list", trouble))
            return False
        self._seen[key] = record.number
        return True

    def _commit(self, modality: Modality, records: Sequence[Record]) -> None:
        if not records:
            return
        self._lease.check()
        catalog = self._library.catalog
        known = {
            record.uri: self._known[modality, record.uri]
            for record in records
            if (modality, record.uri) in self._known
        }
        vectors = unit_vectors(np.stack([record.vector for record in records]))
        arrivals = [
            _arrival(record, vector, known.get(record.uri))
            for record, vector in zip(records, vectors, strict=True)
        ]
        ids = ingest.commit(
            catalog,
            self._library.segments_directory(self._space, modality),
            self._space.name,
            modality,
            arrivals,
        )
        for item, record in zip(ids, records, strict=True):
            if record.tags:
                catalog.set_tags(item, record.tags)
        self._report.updated += len(known)
        self._report.added += len(records) - len(known)


def _arrival(record: Record, vector: np.ndarray[Any, np.dtype[np.float32]], item: ItemId | None) -> _Import:
    known = record.content_hash or UNREAD + content_hash(record.uri.encode("utf-8", "surrogatepass"))
    facts = ItemFacts(
        item or 0,
        record.uri,
        known,
        record.bytes,
        record.mtime_ns,
        record.width,
        record.height,
        record.format,
        record.text,
        attributes=record.attributes,
    )
    return _Import(
        record.uri, known, record.bytes, record.mtime_ns, vector, item, captions=record.captions, known=facts
    )
