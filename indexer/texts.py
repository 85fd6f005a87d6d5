"""Index texts: list → embed → commit, under the library's write lease, by the same commit as pictures.

A text that is known is neither embedded nor written again; one that its file does not hold any more is removed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from time import perf_counter, time_ns

import numpy as np

from indexer.engines.local import IndexOptions, space_to_fill
from indexer.generations import is_due, publish
from indexer.progress import IndexReport, Progress, Pulse, Silent
from indexer.sources.texts import TextEntry, TextSource
from retrieval import ingest
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
        self._arrivals: list[ingest.Arrival] = []

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
        added = 0
        for batch in self._batches(source, known, bare, seen, failed):
            self._embed(batch, known)
            added += len(batch)
            progress.update(Pulse("indexing", len(seen), failed=len(failed)))
            if stop.is_set():
                break
        self._commit()
        removed = 0
        if source.roots is not None:
            if not stop.is_set():
                removed = catalog.delete_items([known[uri] for uri in known if uri not in seen])
            self._note(source.roots, failed)
        seconds = perf_counter() - started
        return IndexReport(
            added=added,
            removed=removed,
            unchanged=len(seen) - added,
            failed=len(failed),
            seconds=seconds,
            images_per_second=added / seconds,
            bottleneck="encode" if added else "list",
            interrupted=stop.is_set(),
        )

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
        vectors = self._library.embed_texts([entry.text for entry in batch], self._space)
        now = time_ns()
        for entry, vector in zip(batch, vectors, strict=True):
            data = entry.text.encode("utf-8", "replace")
            self._arrivals.append(
                ingest.Arrival(
                    uri=entry.uri,
                    content_hash=content_hash(data),
                    bytes=len(data),
                    mtime_ns=now,
                    vector=np.asarray(vector),
                    item=known.get(entry.uri),
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
