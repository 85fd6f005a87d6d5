"""Import items with their vectors, as other tools or another library wrote them (`formats`): all of them, or none.

    read and check every row ──► the spool, a file without a name ──► one transaction

Nothing of the catalog changes before the last row was read, so that a kill, a full disk or a file that breaks off
leaves the library as it was.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.exchange.formats import albums_of, open_records, readable
from vasari.indexer.exchange.records import PAGE, Record
from vasari.indexer.exchange.rows import Refused
from vasari.indexer.exchange.spool import Spool
from vasari.indexer.identity import pair
from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.indexer.sources.columns import Columns
from vasari.retrieval.catalog.lease import HeldLease
from vasari.retrieval.catalog.records import NEW, KnownFile, NewItem, Sighting
from vasari.retrieval.domain import (
    Caption,
    CaptionSource,
    EmbeddingSpace,
    Item,
    ItemId,
    Modality,
    Skipped,
    unit_vectors,
)
from vasari.retrieval.errors import ModelUnavailableError, UsageError, VasariError
from vasari.retrieval.library import commit
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.registry.resolve import absolute_reference
from vasari.retrieval.storage.admission import LONGEST_URI, admitted
from vasari.retrieval.storage.local_files import content_hash, printable
from vasari.retrieval.storage.uris import UNREAD
from vasari.retrieval.vectors.segments import remove_orphans

_READER = "import"  # of text in pictures, whoever read it: `vasari read --again` reads it anew


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
    page: int = PAGE,
) -> ImportReport:
    """Add what `given` holds; items whose uri is known are updated, missing ones of the same content are back.

    `model` is the reference of the model that made the vectors: it may be left out where the files name it. Its
    weights are not needed, except for searching by words later. A row that cannot be used goes to the ledger of
    failures; a file that breaks off raises UsageError. Whatever ends an import early leaves the library as it was,
    but for a job that is known to have failed. `page` records are held in memory at once.

    Raises UsageError, NotFoundError for what cannot be read, StorageError when the disk is full, LibraryLockedError
    while another job writes.
    """
    progress = progress or Silent()
    with readable(given):
        stated, records = open_records(given, metadata, columns or Columns())
        albums = albums_of(given)
    with library.catalog.lease.acquire("vasari import") as lease, _job(library, given) as job:
        importer: _Importer | None = None
        with Spool(library.root) as spool:
            while batch := _page(given, records, page):
                if importer is None:
                    space = _space(library, stated, model, _usual_length(batch))
                    importer = _Importer(library, space, given.absolute(), spool)
                lease.check()
                importer.read(batch)
                progress.update(ProgressEvent("reading", spool.records, 0, importer.report.failed))
            if importer is None:
                return ImportReport()
            with _no_orphans(library, importer.space, lease), library.catalog.database.together():
                library.catalog.albums.restore_all(albums)
                importer.commit(progress)
                library.catalog.jobs.update(job, "done", importer.report.as_json())
    return importer.report


@contextmanager
def _job(library: Library, given: Path) -> Iterator[int]:
    """The import in the list of jobs: done, or failed, or found by the doctor to have died."""
    job = library.catalog.jobs.start("import", {"path": printable(str(given.absolute()))})
    try:
        yield job
    except BaseException:
        library.catalog.jobs.end(job, "failed")
        raise
    library.catalog.jobs.end(job, "done")


@contextmanager
def _no_orphans(library: Library, space: EmbeddingSpace, lease: HeldLease) -> Iterator[None]:
    """No vectors of the space are left that the catalog does not name, neither of killed jobs nor of this one."""

    def remove() -> None:
        lease.check()  # they may be another job's by now
        is_known = space.name in {one.name for one in library.catalog.spaces.all()}
        for modality in Modality:
            named = library.catalog.segments.all(space.name, modality) if is_known else ()
            remove_orphans(library.segments_directory(space, modality), {one.number for one in named})

    remove()
    try:
        yield
    except BaseException:
        # What went wrong first is what to tell; the next job tries again.
        with suppress(VasariError, OSError):
            remove()
        raise


def _page(given: Path, records: Iterator[Record | Refused], size: int) -> list[Record | Refused]:
    with readable(given):
        return list(islice(records, size))


def _usual_length(batch: Sequence[Record | Refused]) -> int:
    """How many numbers most vectors have."""
    lengths = Counter(len(record.vector) for record in batch if isinstance(record, Record))
    return lengths.most_common(1)[0][0] if lengths else 0


def _space(library: Library, stated: EmbeddingSpace | None, model: str | None, dim: int) -> EmbeddingSpace:
    """Where the vectors belong; the library need not have it yet."""
    model = absolute_reference(model) if model is not None else None
    if stated is not None:
        if model is not None and model != stated.model:
            raise UsageError(f"these vectors were made by {stated.model}, not by {model}")
        return stated
    if model is None:
        raise UsageError("these files do not say which model made the vectors: name it by --model")
    try:
        space = library.space_of(model)
    except ModelUnavailableError:
        space = _unstated(model, dim)
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
    """Reads records into a spool, and commits them from there."""

    def __init__(self, library: Library, space: EmbeddingSpace, given: Path, spool: Spool) -> None:
        self.space = space
        self.report = ImportReport(space=space.name)
        self._stacked: dict[ItemId, int] = {}  # by hand; see `Stacks.by_hand`
        self._library = library
        self._given = given
        self._spool = spool
        self._folder = os.path.dirname(given)  # noqa: PTH120 (a uri may hold any characters)

    def read(self, batch: Sequence[Record | Refused]) -> None:
        """Put a page aside; what cannot be used, or repeats, will go to the ledger."""
        found = [self._usable(entry) for entry in batch]
        failures = [
            Skipped(self._row(one.number), "list", one.reason) for one in found if isinstance(one, Refused)
        ]
        self._spool.add([one for one in found if isinstance(one, Record)], failures)
        self.report.failed += len(failures)

    def commit(self, progress: Progress) -> None:
        """Make all of it part of the library, within the transaction that the caller has begun."""
        catalog = self._library.catalog
        self.space = catalog.spaces.ensure(self.space)
        for records, failures in self._spool.pages():
            for modality in Modality:
                of_it = [one for one in records if one.modality is modality]
                failures += self._commit(modality, [one for one in of_it if one.missing_since is None])
                failures += self._commit_missing(modality, [one for one in of_it if one.missing_since])
            catalog.failures.record(failures)
            done = self.report.added + self.report.updated
            progress.update(ProgressEvent("importing", done, self._spool.records, self.report.failed))
        if self._stacked:
            catalog.stacks.restore(self._stacked)

    def _row(self, number: int) -> str:
        return f"{self._given}#row/{number}"

    def _usable(self, entry: Record | Refused) -> Record | Refused | None:
        """The record under the uri it gets, or why it cannot be used; None for words that were there already."""
        if isinstance(entry, Refused):
            return entry
        if entry.vector.shape != (self.space.dim,):
            trouble = f"its vector has {entry.vector.size} numbers instead of {self.space.dim}"
            return Refused(entry.number, trouble)
        try:
            uri = self._uri(entry)
        except UsageError as error:
            return Refused(entry.number, str(error))
        # Another picture may have come to where a missing one was.
        content = f"\0{_content_hash(entry)}" if entry.missing_since else ""
        first = self._spool.first(entry.modality, f"{uri}{content}", entry.number)
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

    def _commit(self, modality: Modality, records: Sequence[Record]) -> list[Skipped]:
        """Commit records as a segment; what of them had to be left out."""
        if not records:
            return []
        catalog = self._library.catalog
        known = catalog.items.ids_by_uri([record.uri for record in records], modality)
        known |= self._revive(modality, [record for record in records if record.uri not in known])
        records = self._with_written(records, known)
        ids = self._write(modality, records, known)
        committed = dict(zip(ids, records, strict=True))
        self._note_text(committed)
        return self._restore(committed)

    def _note_text(self, records: Mapping[ItemId, Record]) -> None:
        """Take down what was read in pictures elsewhere."""
        lines = {item: one.text_lines for item, one in records.items() if one.text_lines is not None}
        self._library.catalog.readings.note(_READER, lines)

    def _commit_missing(self, modality: Modality, records: Sequence[Record]) -> list[Skipped]:
        """Commit items that are missing where they come from; what is here already only learns what people wrote."""
        if not records:
            return []
        catalog = self._library.catalog
        contents = {_content_hash(record) for record in records}
        here = {
            (file.content_hash, file.uri): file.id
            for file in catalog.items.files_of_content(contents, modality)
        }
        there = {here[key]: one for one in records if (key := (_content_hash(one), one.uri)) in here}
        new = [one for one in records if (_content_hash(one), one.uri) not in here]
        both = there | dict(zip(self._write(modality, new, {}), new, strict=True))
        self.report.updated += len(there)
        said = {
            item: [c for c in one.captions if c.source is CaptionSource.USER] for item, one in there.items()
        }
        catalog.annotations.add_captions({item: captions for item, captions in said.items() if captions})
        return self._restore(both)

    def _write(
        self, modality: Modality, records: Sequence[Record], known: Mapping[str, ItemId]
    ) -> list[ItemId]:
        """Commit a segment; the items' ids."""
        if not records:
            return []
        vectors = unit_vectors(np.stack([record.vector for record in records]))
        items = [
            _new_item(record, vector, known.get(record.uri, NEW))
            for record, vector in zip(records, vectors, strict=True)
        ]
        self.report.updated += len(known)
        self.report.added += len(records) - len(known)
        catalog = self._library.catalog
        return commit.commit_items(
            catalog,
            self._library.segments_directory(self.space, modality),
            self.space.name,
            modality,
            items,
            recovered=[self._row(record.number) for record in records] if catalog.failures.count() else (),
        )

    def _restore(self, records: Mapping[ItemId, Record]) -> list[Skipped]:
        """Add what people said of items elsewhere to what is said here; stacks wait until all items are there."""
        catalog = self._library.catalog
        catalog.annotations.add_tags({item: one.tags for item, one in records.items() if one.tags})
        catalog.albums.restore({item: one.albums for item, one in records.items() if one.albums})
        catalog.judgments.restore(
            replace(said, item=item) for item, one in records.items() for said in one.judgments
        )
        self._stacked |= {item: one.stack for item, one in records.items() if one.stack is not None}
        return self._add_attributes(records)

    def _add_attributes(self, records: Mapping[ItemId, Record]) -> list[Skipped]:
        own = {item: record.user_attributes for item, record in records.items() if record.user_attributes}
        refused = self._library.catalog.annotations.add_attributes(own)
        self.report.failed += len(refused)
        return [
            Skipped(
                self._row(records[item].number),
                "list",
                f"what a person set of its attributes is left out, with what was set here it is too much: {error}",
            )
            for item, error in refused.items()
        ]

    def _revive(self, modality: Modality, records: Sequence[Record]) -> dict[str, ItemId]:
        """Put missing items whose content records have under the uris of these, with all that was said of them."""
        catalog = self._library.catalog
        new: dict[str, dict[str, Record]] = defaultdict(dict)
        for record in records:
            new[_content_hash(record)][record.uri] = record
        missing: dict[str, list[KnownFile]] = defaultdict(list)
        for file in catalog.items.files_of_content(new, modality):
            if file.missing:
                missing[file.content_hash].append(file)
        found = {
            uri: Sighting(file.id, uri, new[content][uri].bytes, new[content][uri].mtime_ns)
            for content, files in missing.items()
            for uri, file in pair(list(new[content]), files).items()
        }
        catalog.items.move(list(found.values()))
        return {uri: seen.item for uri, seen in found.items()}

    def _with_written(self, records: Sequence[Record], known: Mapping[str, ItemId]) -> list[Record]:
        """The records, with what people wrote of the items they update: an import adds captions, and takes none."""
        items = self._library.catalog.items.get(list(known.values()))
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
        attributes={
            name: value for name, value in record.attributes.items() if name not in record.user_attributes
        },
        captions=record.captions,
        missing_since=datetime.fromisoformat(record.missing_since) if record.missing_since else None,
        annotated=bool(record.tags or record.albums or record.user_attributes),
    )
