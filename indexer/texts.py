"""Index texts: list → embed → commit, under the library's write lease, by the same commit as pictures.

A text that is known is neither embedded nor written again; one that its file does not hold any more is missing, and
comes back with it.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from time import perf_counter, time_ns

import numpy as np

from indexer.engines.local import IndexOptions, space_to_fill
from indexer.generations import is_due, publish
from indexer.plan import Places
from indexer.progress import IndexReport, Progress, Pulse, Silent
from indexer.removal import Withheld
from indexer.sources.texts import TextEntry, TextSource
from retrieval import ingest
from retrieval.catalog.records import NEW, NewItem, Sighting
from retrieval.domain import EmbeddingSpace, ItemId, Modality, Skipped
from retrieval.imaging.files import content_hash
from retrieval.library import Library
from retrieval.vectors.segments import remove_orphans

_MODALITY = Modality.TEXT


def index_texts(
    library: Library,
    source: TextSource,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> IndexReport:
    """Bring the library's texts in step with the source; the report counts texts.

    When `stop` is set, the batch at work is finished and committed, and the report says `interrupted`. Raises
    LibraryLockedError, ModelUnavailableError and StorageError as indexing pictures does, and what the source raises.
    """
    options, progress, stop = options or IndexOptions(), progress or Silent(), stop or threading.Event()
    with library.catalog.acquire_lease("vasari index"):
        space = space_to_fill(library, options.space)
        job = _Job(library, space, options)
        job.sweep()
        report = job.run(source, progress, stop)
        if report.added and not report.interrupted and is_due(library, space, _MODALITY):
            progress.update(Pulse("building"))
            publish(library, space, _MODALITY)
    return report


class _Job:
    def __init__(self, library: Library, space: EmbeddingSpace, options: IndexOptions) -> None:
        self._library = library
        self._space = space
        self._options = options
        self._directory = library.segments_directory(space, _MODALITY)
        self._newest = library.catalog.newest_item()
        self._arrivals: list[NewItem] = []

    def sweep(self) -> None:
        """Remove files that a killed job left between file and transaction."""
        known = {segment.number for segment in self._library.catalog.segments(self._space.name, _MODALITY)}
        remove_orphans(self._directory, known)

    def run(self, source: TextSource, progress: Progress, stop: threading.Event) -> IndexReport:
        started = perf_counter()
        catalog = self._library.catalog
        known = {file.uri: file.id for file in catalog.known_files(_MODALITY, source.roots)}
        bare = set(catalog.missing_embeddings(self._space.name, _MODALITY))
        seen: set[str] = set()
        failed: list[Skipped] = []
        added = restored = 0
        for batch in self._batches(source, known, bare, seen, failed):
            new = self._restore(batch)
            self._embed(new, known)
            added += len(new)
            restored += len(batch) - len(new)
            progress.update(Pulse("indexing", len(seen), failed=len(failed)))
            if stop.is_set():
                break
        self._commit()
        removed = 0
        withheld: tuple[Withheld, ...] = ()
        if source.roots is not None:
            if not stop.is_set():
                removed, withheld = self._remove(source, known, seen)
            self._note(source.roots, failed)
        seconds = perf_counter() - started
        return IndexReport(
            added=added,
            restored=restored,
            removed=removed,
            unchanged=len(seen) - added - restored,
            failed=len(failed),
            seconds=seconds,
            images_per_second=added / seconds,
            bottleneck="encode" if added else "list",
            interrupted=stop.is_set(),
            withheld=withheld,
        )

    def _restore(self, batch: Sequence[TextEntry]) -> list[TextEntry]:
        """Those of the texts that are no missing items, or have no vector any more; the others are back."""
        catalog = self._library.catalog
        hashes = [content_hash(_bytes(entry)) for entry in batch]
        missing = {
            file.uri: file.id
            for file in catalog.files_of_content(hashes, _MODALITY, newest=self._newest)
            if file.missing
        }
        bare = catalog.without_vector(self._space.name, missing.values())
        back = [entry for entry in batch if entry.uri in missing and missing[entry.uri] not in bare]
        catalog.move_items(
            [Sighting(missing[entry.uri], entry.uri, len(_bytes(entry)), time_ns()) for entry in back]
        )
        return [entry for entry in batch if entry not in back]

    def _remove(
        self, source: TextSource, known: Mapping[str, ItemId], seen: Set[str]
    ) -> tuple[int, tuple[Withheld, ...]]:
        """Hide texts that are not listed any more, unless a file has come to hold less than half of what it held."""
        places = Places((source.roots or ()) if source.may_fail else ())
        before = Counter(place for uri in known for place in places.of(uri))
        now = Counter(place for uri in seen for place in places.of(uri))
        gone: dict[str, list[ItemId]] = defaultdict(list)
        for uri, item in known.items():
            if uri not in seen:
                gone[next(iter(places.of(uri)), "")].append(item)
        doubted = {place: ids for place, ids in gone.items() if 2 * now[place] < before[place]}
        if sum(map(len, doubted.values())) <= self._options.allow_removal:
            doubted = {}
        lost = [item for place, ids in gone.items() if place not in doubted for item in ids]
        withheld = [Withheld(place, before[place], len(ids)) for place, ids in sorted(doubted.items())]
        return self._library.catalog.lose_items(lost) if lost else 0, tuple(withheld)

    def _batches(
        self,
        source: TextSource,
        known: dict[str, ItemId],
        bare: set[ItemId],
        seen: set[str],
        failed: list[Skipped],
    ) -> Iterator[list[TextEntry]]:
        """Texts that need a vector; what was listed goes to `seen` and `failed`."""
        batch: list[TextEntry] = []
        for entry in source.entries():
            if isinstance(entry, Skipped):
                failed.append(entry)
                continue
            uri = entry.uri
            if uri in seen:
                continue
            seen.add(uri)
            if uri not in known or known[uri] in bare:
                batch.append(entry)
            if len(batch) >= self._options.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _embed(self, batch: Sequence[TextEntry], known: dict[str, ItemId]) -> None:
        if not batch:
            return
        vectors = self._library.embed_texts([entry.text for entry in batch], self._space)
        now = time_ns()
        for entry, vector in zip(batch, vectors, strict=True):
            data = _bytes(entry)
            self._arrivals.append(
                NewItem(
                    uri=entry.uri,
                    content_hash=content_hash(data),
                    bytes=len(data),
                    mtime_ns=now,
                    vector=np.asarray(vector),
                    id=known.get(entry.uri, NEW),
                    text=entry.text,
                    attributes=entry.attributes,
                )
            )
        if len(self._arrivals) >= self._options.commit_every:
            self._commit()

    def _commit(self) -> None:
        catalog, space = self._library.catalog, self._space.name
        ingest.commit(catalog, self._directory, space, _MODALITY, self._arrivals)
        self._arrivals = []

    def _note(self, roots: Sequence[str], failed: Sequence[Skipped]) -> None:
        """Bring the ledger of failures in step: lines that were mended or are gone are struck off."""
        catalog = self._library.catalog
        now = {skipped.uri for skipped in failed}
        places = tuple(f"{root}/" for root in roots)
        old = [failure.uri for failure in catalog.failures() if failure.uri.startswith(places)]
        catalog.clear_failures([uri for uri in old if uri not in now])
        catalog.record_failures(failed)


def _bytes(entry: TextEntry) -> bytes:
    return entry.text.encode("utf-8", "replace")
