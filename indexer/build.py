"""Build an index over all vectors beside the one in use, then switch to it in one transaction."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.catalog.records import CompactedSegment, GalleryState, GenerationRecord
from vasari.retrieval.domain import EmbeddingSpace, Modality, UnitVectors
from vasari.retrieval.errors import UsageError, VasariError
from vasari.retrieval.library import compaction
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.generation import Manifest, build_generation, remove_generations
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import between_files_and_transaction, remove_orphans, remove_segments

if TYPE_CHECKING:
    from vasari.retrieval.vectors.shards import Spread  # imports FAISS

_LOG = logging.getLogger(__name__)
_SMALL = 50_000  # rows that every machine scans in milliseconds: not worth importing FAISS to ask
_CAPTIONED = 200  # pictures that are asked for a caption to measure recall with
_STALE_SHARE = 0.2  # of a gallery that is searched beside its index before the index is built anew


@dataclass(frozen=True, slots=True)
class Built:
    """A new index that searches use from now on."""

    space: str
    modality: str
    number: int
    kind: str
    rows: int
    recall: float  # measured recall@10 at the chosen effort, in [0, 1]

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.space}/{self.modality}: {self.kind} over {self.rows:,} vectors,"
            f" recall@10 {self.recall:.3f} (generation {self.number})"
        )


def rebuild(
    library: Library,
    *,
    kind: str | None = None,
    recall_target: float = 0.95,
    memory: int | None = None,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> list[Built]:
    """Build and publish an index for each space and modality that has vectors; searches go on meanwhile.

    `kind` is flat, hnsw, ivf or rabitq; None chooses by the number of rows, by `memory` (bytes an index may take) and
    by measured recall. With `spread`, workers elsewhere fill shards of the indexes, which are merged here.

    Raises:
        UsageError: there is no such kind, or it cannot be built in shards.
        LibraryLockedError: another job writes this library.
        LibraryCorruptError: a segment is damaged.
    """
    progress = progress or Silent()
    wanted = _kind(kind)
    if spread is not None:
        check_shards(library, kind)
    built = []
    with library.catalog.lease.acquire("vasari rebuild"):
        galleries = [(space, modality) for space in library.catalog.spaces.all() for modality in Modality]
        for done, (space, modality) in enumerate(galleries):
            progress.update(ProgressEvent("building", done, len(galleries)))
            manifest = publish(
                library,
                space,
                modality,
                kind=wanted,
                recall_target=recall_target,
                memory=memory,
                spread=spread,
            )
            if manifest is not None:
                built.append(
                    Built(
                        space.name, modality, manifest.number, manifest.kind, manifest.rows, manifest.recall
                    )
                )
        progress.update(ProgressEvent("building", len(galleries), len(galleries)))
    return built


def check_shards(library: Library, kind: str | None) -> None:
    """Raise UsageError where indexes of this kind cannot be built in shards: before a cluster is started for it."""
    wanted = _kind(kind)
    if wanted is IndexKind.HNSW:
        raise UsageError(
            "an index of kind hnsw is one graph, which cannot be merged from parts: leave --engine ray away, or choose"
            " --kind ivf or rabitq"
        )
    if wanted is IndexKind.MILVUS or (wanted is None and library.settings.vectors is not None):
        raise UsageError("Milvus builds its indexes itself: leave --engine ray away")


def publish(
    library: Library,
    space: EmbeddingSpace,
    modality: Modality,
    *,
    kind: IndexKind | None = None,
    recall_target: float = 0.95,
    memory: int | None = None,
    spread: Spread | None = None,
) -> Manifest | None:
    """Build an index up to the newest segment and make it active; None where there is nothing to index.

    Small segments and those with many dead rows are replaced by few large ones in the same transaction. The generation
    before stays on disk for searches that began with it; older ones go. The caller holds the lease.
    """
    catalog = library.catalog
    state = catalog.segments.gallery_state(space.name, modality)
    if sum(segment.rows for segment in state.segments) == len(state.dead):
        return None
    segments = library.segments_directory(space, modality)
    directory = library.generations_directory(space, modality)
    store = _store(library, space, modality, kind)
    queries, described = (None, None) if store else text_queries(library, space, modality)
    remove_unpublished(library, space, modality)
    with between_files_and_transaction:  # uploads may have committed since `state` was read
        known = {segment.number for segment in catalog.segments.all(space.name, modality)}
        remove_orphans(segments, known | {segment.number for segment in state.segments})
    compacted = compaction.write(catalog, segments, space, state, compaction.plan(state))
    covered, dead = _rows_after(state, compacted)
    try:
        manifest = build_generation(
            segments,
            directory,
            catalog.segments.reserve_generation(space.name, modality),
            covered,
            dead,
            kind=kind,
            target_recall=recall_target,
            queries=queries,
            described=described,
            memory=memory,
            threads=library.settings.threads,
            store=store,
            spread=spread,
        )
    except BaseException:
        remove_segments(segments, [each.segment.number for each in compacted])
        raise
    record = GenerationRecord(
        space.name, modality, manifest.number, manifest.high_water, manifest.kind, manifest.rows
    )
    catalog.segments.publish_generation(record, compacted)
    name = f"{space.name}/{modality}"
    _LOG.info(
        "built generation %d of %s: %s over %d rows", manifest.number, name, manifest.kind, manifest.rows
    )
    compaction.remove_replaced(segments, compacted)
    before = {state.generation.number} if state.generation else set()
    _retire(library, space, modality, keep={manifest.number} | before)
    return manifest


def _rows_after(
    state: GalleryState, compacted: Sequence[CompactedSegment]
) -> tuple[list[int], list[tuple[int, int]]]:
    """The segments that there are once `compacted` have replaced others, and their dead rows."""
    replaced = {number for each in compacted for number in each.replaces}
    kept = [segment.number for segment in state.segments if segment.number not in replaced]
    written = [each.segment.number for each in compacted]
    return kept + written, [(row.segment, row.row) for row in state.dead if row.segment not in replaced]


def remove_unpublished(library: Library, space: EmbeddingSpace, modality: Modality) -> None:
    """Delete what builds left that were killed: each is as large as an index. The caller holds the lease."""
    published = library.catalog.segments.generations(space.name, modality)
    remove_generations(library.generations_directory(space, modality), [each.number for each in published])


def _retire(library: Library, space: EmbeddingSpace, modality: Modality, keep: Set[int]) -> None:
    """Forget the gallery's other generations, and delete their files."""
    for generation in library.catalog.segments.generations(space.name, modality):
        if generation.number not in keep:
            library.catalog.segments.retire_generation(space.name, modality, generation.number)
    remove_generations(library.generations_directory(space, modality), sorted(keep))


def _store(
    library: Library, space: EmbeddingSpace, modality: Modality, kind: IndexKind | None
) -> tuple[str, str] | None:
    """The Milvus server of the settings and a new name for a collection, unless another kind of index is wanted."""
    url = library.settings.vectors
    if kind is IndexKind.MILVUS and url is None:
        raise UsageError("an index in Milvus needs its address: set VASARI_VECTORS=milvus+http://HOST:19530")
    if url is None or kind not in (None, IndexKind.MILVUS):
        return None
    name = re.sub(r"\W", "_", f"vasari_{space.name}_{modality}", flags=re.ASCII)
    return url, f"{name[:200]}_{uuid4().hex[:12]}"


def text_queries(
    library: Library, space: EmbeddingSpace, modality: Modality, *, least: int = _SMALL
) -> tuple[UnitVectors | None, str | None]:
    """Texts to measure recall with, embedded (n, dim), and what they are: the library's captions, everyday phrases.

    None where it makes no difference (fewer than `least` rows are scanned), or where the space's model is not on this
    machine.
    """
    from vasari.retrieval.search.relevance import BACKGROUND

    gallery = library.gallery(modality, space)
    if len(gallery) < least:
        return None, None
    ids = gallery.ids()
    chosen = ids[:: max(len(ids) // _CAPTIONED, 1)][:_CAPTIONED].tolist()
    said = [caption.text for item in library.items(chosen).values() for caption in item.captions[:1]]
    try:
        vectors = library.embed_texts([*said, *BACKGROUND], space)
    except VasariError:
        return None, None
    return vectors, f"{len(said)} captions of the library and {len(BACKGROUND)} everyday phrases"


def is_due(library: Library, space: EmbeddingSpace, modality: Modality) -> bool:
    """Whether the gallery has grown so much that searches are better off with a new index."""
    gallery = library.gallery(modality, space)
    stale = gallery.fresh_rows >= _STALE_SHARE * len(gallery)
    if library.settings.vectors is not None:  # there, a small collection too is worth having
        return stale and len(gallery) > 0
    if len(gallery) < _SMALL or not stale:
        return False
    from vasari.retrieval.vectors.tuning import choose_kind  # imports FAISS, 0.3 s

    return choose_kind(len(gallery)) is not IndexKind.EXACT


def _kind(name: str | None) -> IndexKind | None:
    known = [kind.value for kind in IndexKind if kind is not IndexKind.EXACT]
    if name is not None and name not in known:
        raise UsageError(f"there is no index of kind {name!r}: choose one of {', '.join(known)}")
    return None if name is None else IndexKind(name)
