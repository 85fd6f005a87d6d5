"""Compaction: small segments, and those with many dead rows, are written anew as few large ones.

    plan ──► write the new files, durably ──► one transaction switches rows over ──► delete the old files

A crash leaves files that no record names, which the next job removes. Searches under way go on with the files they
have open. A segment that a generation covers is replaced together with the generation only
(`vasari.indexer.build`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vasari.retrieval.catalog.records import CompactedSegment, GalleryState, RowOfItem, SegmentRecord
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.vectors.hubs import note_hubs
from vasari.retrieval.vectors.regions import carry_regions
from vasari.retrieval.vectors.segments import (
    Segment,
    between_files_and_transaction,
    live_rows,
    remove_segments,
    write_segment,
)

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog  # SQLAlchemy, for which help would wait

SMALL = 2048  # rows: half a commit, and less than uploads bring
LARGE = 32_768  # rows from which a segment is left as it is
MOST = 65_536  # rows of a segment made of others: 64 MiB of 512 numbers each
_TOGETHER = 1000  # segments replaced by one
_WORN = 0.2  # share of dead rows from which a segment is written anew
DUE = 32  # segments of a size that no generation covers: each costs a search two open files, and a copy of its own


def plan(state: GalleryState, *, above: int = -1, below: int = SMALL) -> list[list[SegmentRecord]]:
    """Groups of segments with fewer live rows than `below`, or worn, to merge, each into one.

    Only segments with numbers beyond `above`.
    """
    dead = Counter(row.segment for row in state.dead)
    groups: list[list[SegmentRecord]] = []
    rows = 0  # of the last group
    for record in state.segments:
        live = record.rows - dead[record.number]
        if record.number <= above or (live >= below and dead[record.number] < _WORN * record.rows):
            continue
        if not groups or rows + live > MOST or len(groups[-1]) == _TOGETHER:
            groups.append([])
            rows = 0
        groups[-1].append(record)
        rows += live
    return [group for group in groups if len(group) > 1 or dead[group[0].number]]


def write(
    catalog: Catalog,
    directory: Path,
    space: EmbeddingSpace,
    state: GalleryState,
    groups: Sequence[Sequence[SegmentRecord]],
) -> list[CompactedSegment]:
    """Write the live rows of each group as one segment below `directory`, which the catalog does not know yet.

    The caller has the right to write. Raises StorageError when the disk is full, LibraryCorruptError for a damaged
    file.
    """
    dead = np.array([(row.segment, row.row) for row in state.dead], np.int64).reshape(-1, 2)
    return [_write(catalog, directory, space, group, dead) for group in groups]


def remove_replaced(directory: Path, compacted: Sequence[CompactedSegment]) -> None:
    """Delete the files of segments that others stand for now."""
    remove_segments(directory, [number for each in compacted for number in each.replaces])


def compact_if_due(catalog: Catalog, directory: Path, space: EmbeddingSpace, modality: Modality) -> int:
    """Merge the segments that no generation covers once many are small, or not large; says how many were replaced.

    Sizes are merged apart, so that uploads of one picture each do not write a large segment again and again. The
    caller has the right to write.
    """
    replaced = 0
    for least, below in pairwise((0, SMALL, LARGE)):
        active = catalog.segments.active_generation(space.name, modality)
        covered = -1 if active is None else active.high_water
        fresh = [record for record in catalog.segments.all(space.name, modality) if record.number > covered]
        if sum(least <= record.rows < below for record in fresh) < DUE:
            continue
        state = catalog.segments.gallery_state(space.name, modality)
        # A transaction each: memory is that of one segment.
        for group in plan(state, above=covered, below=below):
            with between_files_and_transaction:
                compacted = write(catalog, directory, space, state, [group])
                catalog.segments.replace(compacted)
            remove_replaced(directory, compacted)
            replaced += len(group)
    return replaced


def _write(
    catalog: Catalog,
    directory: Path,
    space: EmbeddingSpace,
    group: Sequence[SegmentRecord],
    dead: np.ndarray[tuple[int, int], np.dtype[np.int64]],
) -> CompactedSegment:
    segments = [Segment.open(directory, record.number, rows=record.rows, dim=space.dim) for record in group]
    live = live_rows(segments, dead)
    pairs = list(zip(segments, live, strict=True))
    ids = np.concatenate([segment.ids[rows] for segment, rows in pairs])
    vectors = np.concatenate([segment.vectors[rows] for segment, rows in pairs])
    modality = group[0].modality
    number = catalog.segments.reserve(space.name, modality)
    checksum = write_segment(directory, number, ids, vectors)
    if modality is Modality.IMAGE:
        note_hubs(directory, number, vectors, catalog.spaces.fair_ranking(space.name))
        carry_regions(directory, number, pairs)
    origins = tuple(
        RowOfItem(segment.number, row, item)
        for segment, rows in pairs
        for row, item in zip(rows.tolist(), segment.ids[rows].tolist(), strict=True)
    )
    return CompactedSegment(
        SegmentRecord(space.name, modality, number, len(ids), checksum),
        tuple(segment.number for segment in segments),
        origins,
    )
