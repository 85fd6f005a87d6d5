"""Bring items with their vectors into a library, as other tools or another library wrote them.

| given | read as |
|---|---|
| .parquet with uri and embedding, .jsonl | what `vasari export` writes |
| a folder with img_emb/ and metadata/ | clip-retrieval's layout |
| a folder with index.faiss and metadata.parquet | a FAISS index with its id map |
| an index file and --metadata TABLE | a plain FAISS index; a row's `id`, else its position, says which vector is its |
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.exchange import clip_retrieval, tables
from indexer.exchange.records import PAGE, Record
from indexer.exchange.rows import Refused, checked, from_row
from indexer.identity import pair
from indexer.progress import Progress, Pulse, Silent
from indexer.sources.columns import Columns
from indexer.sources.rows import Row, resolve
from indexer.sources.table import TableSource
from retrieval import ingest
from retrieval.catalog.encoding import stored_uri
from retrieval.catalog.leases import Lease
from retrieval.catalog.records import NEW, KnownFile, NewItem, Sighting
from retrieval.domain import (
    Caption,
    CaptionSource,
    EmbeddingSpace,
    Item,
    ItemId,
    Modality,
    Skipped,
    unit_vectors,
)
from retrieval.errors import ModelUnavailableError, NotFoundError, UsageError, VasariError
from retrieval.imaging.files import content_hash, printable
from retrieval.library import Library
from retrieval.models.sources import absolute_reference
from retrieval.originals.admission import LONGEST_URI, admitted
from retrieval.originals.uris import UNREAD
from retrieval.storage.trouble import cannot_read
from retrieval.vectors.segments import remove_orphans


@dataclass(slots=True)
class ImportReport:
    """What became of the records."""

    added: int = 0
    updated: int = 0  # their uris were known, or their content was that of missing items
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
    """Add what `given` holds; items whose uri is known are updated, missing ones of the same content are back.

    `model` is the reference of the model that made the vectors: it may be left out where the files name it. Its
    weights are not needed, except for searching by words later. What cannot be used goes to the ledger of failures.

    Pages of some thousand rows are committed one after the other. An import that ended early is a job that is known to
    have failed; the same again goes on where it ended, as what is there is updated.

    Raises UsageError, NotFoundError for what cannot be read, LibraryLockedError while another job writes.
    """
    progress = progress or Silent()
    with _readable(given):
        stated, records = _open(given, metadata, columns or Columns())
    report = ImportReport()
    with library.catalog.acquire_lease("vasari import") as lease, _job(library, given, report):
        importer: _Importer | None = None
        while batch := _page(given, records):
            if importer is None:
                space = _space(library, stated, model, _usual_length(batch))
                importer = _Importer(library, space, str(given.absolute()), report, lease)
            importer.take(batch)
            progress.update(Pulse("importing", report.added + report.updated, 0, report.failed))
    return report


@contextmanager
def _job(library: Library, given: Path, report: ImportReport) -> Iterator[None]:
    """The import in the list of jobs: done, or failed, or found by the doctor to have died."""
    job = library.catalog.start_job("import", {"path": printable(str(given.absolute()))})
    try:
        yield
    except BaseException:
        library.catalog.update_job(job, "failed", report.as_json())
        raise
    library.catalog.update_job(job, "done", report.as_json())


def _page(given: Path, records: Iterator[Record | Refused]) -> list[Record | Refused]:
    with _readable(given):
        return list(islice(records, PAGE))


@contextmanager
def _readable(given: Path) -> Iterator[None]:
    """What a file is not, or where it is damaged, in one line."""
    try:
        yield
    except VasariError:
        raise
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file: {error.filename or given}") from error
    except OSError as error:
        if error.errno:
            raise cannot_read(given, error) from error
        raise UsageError(f"{given} is not what its name says, or damaged: {_line(error)}") from error
    except MemoryError as error:
        raise UsageError(f"{given} asks for more memory than there is: is it damaged?") from error
    except Exception as error:  # each library for a format has its own kinds of errors
        raise UsageError(f"{given} is not what its name says, or damaged: {_line(error)}") from error


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:200] or type(error).__name__


def _usual_length(batch: Sequence[Record | Refused]) -> int:
    """How many numbers most vectors have."""
    lengths = Counter(len(record.vector) for record in batch if isinstance(record, Record))
    return lengths.most_common(1)[0][0] if lengths else 0


def _open(
    given: Path, metadata: Path | None, columns: Columns
) -> tuple[EmbeddingSpace | None, Iterator[Record | Refused]]:
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


def _indexed(index: Path, table: Path, columns: Columns) -> Iterator[Record | Refused]:
    """The vectors of a FAISS index with the rows that describe them."""
    from retrieval.vectors.faiss_files import read_vectors

    ids, vectors = read_vectors(index)
    places = {int(name): place for place, name in enumerate(ids)}
    if tables.is_own(table):
        for number, noted in enumerate(tables.plain_rows(table), start=1):
            yield checked(number, partial(_noted, noted, places, vectors, number))
        return
    file = str(table.absolute())
    source = TableSource([file], columns)
    for row in source.rows(file):
        name = row.attributes.get("id", row.number - 1)
        place = places.get(name) if isinstance(name, int) else None
        if row.trouble is not None:
            yield Refused(row.number, row.trouble)
        elif place is not None:
            yield checked(row.number, partial(_described, row, source.folders(file), vectors[place]))


def _noted(
    row: Mapping[str, Any], places: Mapping[int, int], vectors: NDArray[np.float32], number: int
) -> Record:
    place = places.get(row["id"])
    if place is None:
        raise ValueError(f"the index has no vector {row['id']}")
    return from_row(row, vectors[place], number)


def _described(row: Row, folders: Sequence[str], vector: NDArray[np.float32]) -> Record:
    fields = {
        "uri": stored_uri(resolve(row.image, folders)),
        "captions": [said.text for said in row.captions],
        "attributes": {key: value for key, value in row.attributes.items() if key != "id"},
    }
    return from_row(fields, vector, row.number)


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
        self._folder = os.path.dirname(given)  # noqa: PTH120 (a uri may hold any characters)
        self._failed = {
            failure.uri for failure in library.catalog.failures() if failure.uri.startswith(f"{given}#row/")
        }
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

    def take(self, batch: Sequence[Record | Refused]) -> None:
        """Commit a page; what cannot be used, or repeats, goes to the ledger."""
        failures: list[Skipped] = []
        usable: dict[Modality, list[Record]] = {modality: [] for modality in Modality}
        for entry in batch:
            found = self._usable(entry)
            if isinstance(found, Record):
                usable[found.modality].append(found)
            elif found is not None:
                failures.append(Skipped(self._row(found.number), "list", found.reason))
        for modality, records in usable.items():
            self._commit(modality, records)
        self._library.catalog.record_failures(failures)
        self._report.failed += len(failures)

    def _row(self, number: int) -> str:
        return f"{self._given}#row/{number}"

    def _usable(self, entry: Record | Refused) -> Record | Refused | None:
        """The record under the uri it gets, or why it cannot be used; None for words that were there already."""
        if isinstance(entry, Refused):
            return entry
        if entry.vector.shape != (self._space.dim,):
            trouble = f"its vector has {entry.vector.size} numbers instead of {self._space.dim}"
            return Refused(entry.number, trouble)
        try:
            uri = self._uri(entry)
        except UsageError as error:
            return Refused(entry.number, str(error))
        first = self._seen.setdefault((entry.modality, uri), entry.number)
        if first != entry.number:
            if entry.modality is Modality.TEXT:
                return None  # the same words again: the same vector
            return Refused(entry.number, f"row {entry.number}: {uri} is named by row {first} already")
        return replace(entry, uri=uri)

    def _uri(self, record: Record) -> str:
        if record.modality is Modality.IMAGE:
            return admitted(
                record.uri, self._library.root, folder=self._folder, content_hash=record.content_hash or ""
            )
        if not record.uri.startswith("text:") or "\0" in record.uri or len(record.uri) > LONGEST_URI:
            raise UsageError("the uri of a text is text: and what tells it from others")
        return record.uri

    def _commit(self, modality: Modality, records: Sequence[Record]) -> None:
        if not records:
            return
        self._lease.check()
        catalog = self._library.catalog
        self._revive(modality, records)
        known = {
            record.uri: self._known[modality, record.uri]
            for record in records
            if (modality, record.uri) in self._known
        }
        records = self._with_written(records, known)
        vectors = unit_vectors(np.stack([record.vector for record in records]))
        items = [
            _new_item(record, vector, known.get(record.uri, NEW))
            for record, vector in zip(records, vectors, strict=True)
        ]
        ids = ingest.commit(
            catalog,
            self._library.segments_directory(self._space, modality),
            self._space.name,
            modality,
            items,
            recovered=[row for record in records if (row := self._row(record.number)) in self._failed],
        )
        catalog.add_tags(
            {item: record.tags for item, record in zip(ids, records, strict=True) if record.tags}
        )
        own = zip(ids, (record.user_attributes for record in records), strict=True)
        catalog.add_attributes({item: said for item, said in own if said})
        self._report.updated += len(known)
        self._report.added += len(records) - len(known)

    def _revive(self, modality: Modality, records: Sequence[Record]) -> None:
        """Put missing items whose content records have under the uris of these, with all that was said of them."""
        catalog = self._library.catalog
        new: dict[str, dict[str, Record]] = defaultdict(dict)
        for record in records:
            if (modality, record.uri) not in self._known:
                new[_content_hash(record)][record.uri] = record
        missing: dict[str, list[KnownFile]] = defaultdict(list)
        for file in catalog.files_of_content(new, modality, newest=catalog.newest_item()):
            if file.missing:
                missing[file.content_hash].append(file)
        found = {
            uri: Sighting(file.id, uri, new[content][uri].bytes, new[content][uri].mtime_ns)
            for content, files in missing.items()
            for uri, file in pair(list(new[content]), files).items()
        }
        catalog.move_items(list(found.values()))
        self._known |= {(modality, uri): seen.item for uri, seen in found.items()}

    def _with_written(self, records: Sequence[Record], known: Mapping[str, ItemId]) -> list[Record]:
        """The records, with what people wrote of the items they update: an import adds captions, and takes none."""
        items = self._library.items(list(known.values()))
        return [
            replace(
                record, captions=(*record.captions, *_written(items.get(known.get(record.uri, 0)), record))
            )
            for record in records
        ]


def _written(item: Item | None, record: Record) -> Iterator[Caption]:
    said = () if item is None else item.captions
    return (each for each in said if each.source is CaptionSource.USER and each not in record.captions)


def _content_hash(record: Record) -> str:
    return record.content_hash or UNREAD + content_hash(record.uri.encode("utf-8", "surrogatepass"))


def _new_item(record: Record, vector: NDArray[np.float32], item: ItemId) -> NewItem:
    return NewItem(
        uri=record.uri,
        content_hash=_content_hash(record),
        bytes=record.bytes,
        mtime_ns=record.mtime_ns,
        vector=vector,
        id=item,
        width=record.width,
        height=record.height,
        format=record.format,
        text=record.text,
        attributes=record.attributes,
        captions=record.captions,
    )
