"""Integrity check and repair of catalog, segments and generations.

Only what was read and found wrong, or is not there, is damaged; what cannot be read now is reported as that and left
alone. Vectors can be made again from the pictures: a repair moves what is damaged into quarantine, and the next
`vasari index` embeds it anew. Nothing is deleted but the second names of a killed backup; items,
captions and tags are never touched.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.quarantine import Quarantine
from vasari.indexer.towers import examine_towers
from vasari.retrieval.catalog.records import GenerationRecord, RowOfItem, SegmentRecord
from vasari.retrieval.catalog.relocation import relocate
from vasari.retrieval.domain import EmbeddingSpace, FairMethod, Modality
from vasari.retrieval.errors import LibraryCorruptError, LibraryLockedError, ReadOnlyError, StorageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.layout import BACKUP, CONTENT_HASH_LENGTH, UPLOADS, is_content_hash, is_upload
from vasari.retrieval.storage.processes import abandoned
from vasari.retrieval.vectors.generation import Generation, generation_directory
from vasari.retrieval.vectors.hubs import known_hubs, note_hubs, read_bank
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import Segment, orphans, segment_files, verify_segment


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in words that say what to do; `repaired` if it no longer is."""

    # catalog, lease, job, folder, segment, orphan, moved, backup, vector, generation, fair ranking, tower, unreadable
    kind: str
    message: str
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" + (" (repaired)" if self.repaired else "")


def examine(library: Library, *, repair: bool = False, forget_missing: bool = False) -> list[Finding]:
    """Everything that is wrong with a library; none: all is well.

    The write lease is held meanwhile. While another job has it, files without a record are that job's business and
    are passed over; `repair` raises LibraryLockedError then. A library that is only read here is examined without the
    lease, and `repair` raises ReadOnlyError. A folder of vectors that is gone as a whole may come back
    with its disk: it is given up only with `forget_missing`.
    """
    catalog = library.catalog
    findings = [
        Finding("catalog", f"the catalog is damaged: {trouble}; restore it from a backup")
        for trouble in catalog.database.damage()
    ]
    quarantine = Quarantine(library.root) if repair else None
    with ExitStack() as held:
        dead_holder = catalog.lease.holder()
        try:
            held.enter_context(catalog.lease.acquire("vasari doctor"))
            alone = True
        except (LibraryLockedError, ReadOnlyError) as error:
            if repair:
                raise
            alone = isinstance(error, ReadOnlyError) and dead_holder is None
        if alone and dead_holder is not None:
            findings.append(
                Finding("lease", f"{dead_holder} died while it wrote this library", repaired=True)
            )
        if alone:
            findings.extend(_dead_jobs(library, repair))
        for space in catalog.spaces.all():
            for modality in Modality:
                gallery = _Gallery(library, space, modality, quarantine, alone, forget_missing)
                findings.extend(gallery.examine())
        if alone:
            findings.extend(_of_no_space(library, quarantine))
            findings.extend(_uploads(library, quarantine))
            findings.extend(_killed_backup(library, repair))
        findings.extend(_without_vector(library))
    for space in catalog.spaces.all():  # without the lease: making an optimized encoder anew takes its own
        findings.extend(
            Finding(damage.kind, damage.message, damage.mended)
            for damage in examine_towers(library, space, quarantine)
        )
    return findings


def _dead_jobs(library: Library, repair: bool) -> Iterator[Finding]:
    """Jobs that never said how they ended; those that a service left to the next are none."""
    for job in library.catalog.jobs.latest():
        if not job.ended and not job.handed_over:
            if repair:
                library.catalog.jobs.update(job.id, "failed", job.progress)
            yield Finding(
                "job", f"job {job.id} ({job.kind}) died at {job.heartbeat_at:%Y-%m-%d %H:%M}", repair
            )


def _of_no_space(library: Library, quarantine: Quarantine | None) -> Iterator[Finding]:
    """Vectors of spaces that the catalog does not have: an import into a new one was killed, or forgetting one was."""
    known = {space.name for space in library.catalog.spaces.all()}
    folder = library.root / "segments"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name not in known and any(file.is_file() for file in path.rglob("*")):
            said = "" if quarantine is None else quarantine.take_all(path)
            yield Finding("orphan", f"{path} belongs to no space{said}", quarantine is not None)


def _uploads(library: Library, quarantine: Quarantine | None) -> Iterator[Finding]:
    """Pictures that came as bytes and are no items, as adding one was killed, or taking it out; or lie here by now."""
    stored = {
        path: path.name[:CONTENT_HASH_LENGTH]
        for path in sorted((library.root / UPLOADS).glob("??/*"))
        if is_content_hash(path.name[:CONTENT_HASH_LENGTH])
    }
    items = library.catalog.items
    of_items = items.files_of_content(stored.values(), Modality.IMAGE)
    names = {Path(file.uri).name for file in of_items}
    for path in stored:
        if path.name not in names:
            said = "" if quarantine is None else quarantine.take_all(path)
            yield Finding("orphan", f"{path} belongs to no item{said}", quarantine is not None)
    here = {path.name for path in stored}
    elsewhere = Counter(
        root
        for file in of_items
        if len((uri := Path(file.uri)).parents) > 2
        and is_upload(root := uri.parents[2], uri, file.content_hash)
        and uri.name in here
        and os.path.realpath(root) != os.path.realpath(library.root)
    )
    for root, count in elsewhere.items():  # the library's folder was moved, or is a copy
        old, new = str(root / UPLOADS), str(library.root / UPLOADS)
        if quarantine is not None:
            relocate(library.catalog.database, old, new)
        told = f"{count:,} items that came as bytes lie in {new}, but are looked for in {old}"
        yield Finding("moved", f"{told}: `vasari move-root {old} {new}`", quarantine is not None)


def _killed_backup(library: Library, repair: bool) -> Iterator[Finding]:
    """Second names of files, and a copy of the catalog, that keep space: nothing is lost with them."""
    folder = library.root / BACKUP
    if folder.is_dir():
        with abandoned(folder) as free:
            if free and repair:
                shutil.rmtree(folder)
        if free:
            yield Finding("backup", f"{folder} is what a killed backup left: the next one removes it", repair)


def _without_vector(library: Library) -> Iterator[Finding]:
    """Items that a search in the default space cannot find; those with a known failure are in its ledger."""
    catalog = library.catalog
    space = catalog.spaces.default()
    if space is None:
        return
    missing = set(catalog.segments.missing_embeddings(space.name, Modality.IMAGE))
    if missing:
        failed = {failure.uri for failure in catalog.failures.latest()}
        files = [file.uri for file in catalog.items.known_files(Modality.IMAGE) if file.id in missing]
        lost = [uri for uri in files if uri not in failed]
        if lost:
            yield Finding(
                "vector",
                f"{len(lost)} pictures have no vector in {space.name}, such as {lost[0]}:"
                " `vasari index` on their folders makes them",
            )


class _Gallery:
    """The checks of one space and modality."""

    def __init__(
        self,
        library: Library,
        space: EmbeddingSpace,
        modality: Modality,
        quarantine: Quarantine | None,
        alone: bool,
        forget_missing: bool,
    ) -> None:
        self._catalog = library.catalog
        self._space = space
        self._modality = modality
        self._segments = library.segments_directory(space, modality)
        self._generations = library.generations_directory(space, modality)
        self._store = library.settings.vectors
        self._quarantine = quarantine  # where a repair moves things; None: nothing is to be mended
        self._alone = alone
        self._forget_missing = forget_missing

    def examine(self) -> Iterator[Finding]:
        records = self._catalog.segments.all(self._space.name, self._modality)
        live = _by_segment(self._catalog.segments.live_rows(self._space.name, self._modality))
        dead = _by_segment(self._catalog.segments.dead_rows(self._space.name, self._modality))
        nothing = np.empty((0, 2), np.int64)
        if records and not self._forget_missing and self._is_gone():
            yield Finding(
                "folder",
                f"{self._segments} is not there or empty, which {len(records)} files of vectors should be in: bring"
                " it back (another disk? a backup?), or give them up by `vasari doctor --repair --forget-missing`",
            )
            return
        for record in records:
            number = record.number
            try:
                self._check_segment(record, live.pop(number, nothing), dead.pop(number, nothing))
            except LibraryCorruptError as error:
                yield self._drop(number, str(error))
            except StorageError as error:
                yield Finding("unreadable", str(error))
        for number in sorted(live):
            yield self._drop(
                number, f"{len(live[number])} items point into segment {number}, which is not there"
            )
        yield from self._check_fair_ranking()
        yield from self._check_generations()
        if self._alone:
            yield from self._check_orphans()

    def _check_segment(self, record: SegmentRecord, live: NDArray[np.int64], dead: NDArray[np.int64]) -> None:
        """Raise LibraryCorruptError unless the files are whole and their ids are those of the catalog."""
        verify_segment(self._segments, record.number, record.checksum)
        segment = Segment.open(self._segments, record.number, rows=record.rows, dim=self._space.dim)
        rows = np.concatenate([live, dead])
        if not np.array_equal(np.sort(rows[:, 0]), np.arange(len(segment))):
            raise LibraryCorruptError(
                f"segment {record.number} has {len(segment)} rows, of which the catalog knows {len(rows)}"
            )
        if not np.array_equal(segment.ids[rows[:, 0]], rows[:, 1]):
            raise LibraryCorruptError(
                f"segment {record.number} and the catalog disagree on whose vectors it has"
            )

    def _is_gone(self) -> bool:
        return not self._segments.is_dir() or not any(self._segments.iterdir())

    def _drop(self, number: int, message: str) -> Finding:
        if self._quarantine is None:
            return Finding("segment", message)
        # The files go first: what the catalog does not name any more is deleted by the next job.
        said = self._quarantine.take_all(*segment_files(self._segments, number))
        lost = self._catalog.segments.drop(self._space.name, self._modality, number)
        return Finding("segment", f"{message}; {lost} items lost their vector{said}", repaired=True)

    def _check_fair_ranking(self) -> Iterator[Finding]:
        """The bank, and the hub numbers of each segment: a repair makes them anew, or ranks by cosine again."""
        fair = self._catalog.spaces.fair_ranking(self._space.name)
        if fair is None or self._modality is not Modality.IMAGE:
            return
        repairs = self._quarantine is not None
        try:
            read_bank(self._segments, fair.bank)
        except LibraryCorruptError as error:
            if repairs:
                self._catalog.spaces.set_fair_ranking(self._space.name, None)
            yield Finding("fair ranking", str(error), repairs)
            return
        for record in self._catalog.segments.all(self._space.name, self._modality):
            try:
                segment = Segment.open(self._segments, record.number)
            except (LibraryCorruptError, StorageError):
                continue  # reported as what it is
            if fair.method is FairMethod.NNN and known_hubs(self._segments, segment, fair.bank) is None:
                if repairs:
                    note_hubs(self._segments, record.number, segment.vectors, fair)
                yield Finding("fair ranking", f"segment {record.number} has no hub numbers", repairs)

    def _check_generations(self) -> Iterator[Finding]:
        for record in self._catalog.segments.generations(self._space.name, self._modality):
            try:
                trouble = self._trouble_of(record)
            except StorageError as error:
                yield Finding("unreadable", str(error))
                continue
            if trouble is None:
                continue
            said = ""
            if self._quarantine is not None:
                said = self._quarantine.take_all(generation_directory(self._generations, record.number))
                self._catalog.segments.retire_generation(self._space.name, self._modality, record.number)
            yield Finding("generation", f"{trouble}{said}", self._quarantine is not None)

    def _trouble_of(self, record: GenerationRecord) -> str | None:
        """What is wrong with a published index; StorageError where it cannot be read."""
        try:
            generation = Generation.open(self._generations, record.number, store=self._store)
            generation.verify()
            if generation.manifest.kind is IndexKind.MILVUS:
                generation.verify_rows(self._ids_in(generation))
        except LibraryCorruptError as error:
            return str(error)
        segments = {found.number for found in self._catalog.segments.all(self._space.name, self._modality)}
        active = self._catalog.segments.active_generation(self._space.name, self._modality)
        # The one before serves searches that began with it, whatever became of its segments.
        if record != active or set(generation.manifest.segments) <= segments:
            return None
        return f"generation {record.number} covers segments that are gone: run `vasari rebuild`"

    def _ids_in(self, generation: Generation) -> NDArray[np.int64]:
        """The items whose rows a generation covers, sorted: all rows of its segments but those it leaves out."""
        segments, where = self._catalog.segments, (self._space.name, self._modality)
        rows = np.array([*segments.live_rows(*where), *segments.dead_rows(*where)], np.int64)
        rows = rows.reshape(-1, 3)  # segment, row, item
        rows = rows[np.isin(rows[:, 0], generation.manifest.segments)]
        left_out = set(map(tuple, generation.dead.tolist()))
        kept = [item for segment, row, item in rows.tolist() if (segment, row) not in left_out]
        return np.sort(np.array(kept, np.int64))

    def _check_orphans(self) -> Iterator[Finding]:
        known = [record.number for record in self._catalog.segments.all(self._space.name, self._modality)]
        for path in orphans(self._segments, known):
            yield self._orphan(path, "commit")
        kept = {
            generation_directory(self._generations, record.number)
            for record in self._catalog.segments.generations(self._space.name, self._modality)
        }
        for path in sorted(self._generations.iterdir()) if self._generations.is_dir() else []:
            if path.is_dir() and path not in kept:
                yield self._orphan(path, "published index")

    def _orphan(self, path: Path, missed: str) -> Finding:
        said = "" if self._quarantine is None else self._quarantine.take_all(path)
        return Finding("orphan", f"{path} belongs to no {missed}{said}", self._quarantine is not None)


def _by_segment(rows: Sequence[RowOfItem]) -> dict[int, NDArray[np.int64]]:
    """Row and item (n, 2) of each segment."""
    if not rows:
        return {}
    table = np.array(rows, dtype=np.int64)  # (n, 3)
    numbers, starts = np.unique(table[:, 0], return_index=True)  # the catalog sorts by segment
    return {
        int(number): part[:, 1:] for number, part in zip(numbers, np.split(table, starts[1:]), strict=True)
    }
