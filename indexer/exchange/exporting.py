"""Write a library's items and the vectors of one space in a format of other tools."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vasari.indexer.exchange import clip_retrieval, tables
from vasari.indexer.exchange.records import Record, flat, missing_pages, pages
from vasari.retrieval.domain import EmbeddingSpace, ItemId, Modality
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.atomic import replaced


class Format(StrEnum):
    """What is written, and read again."""

    PARQUET = "parquet"  # one file
    JSONL = "jsonl"  # one file
    CLIP_RETRIEVAL = "clip-retrieval"  # a folder
    FAISS = "faiss"  # a folder: index.faiss and metadata.parquet


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written."""

    format: str
    space: str
    pictures: int
    texts: int
    without_vector: int  # items that have none in this space: left out
    missing: int = 0  # items whose files are gone, with what people wrote of them; in parquet and jsonl only

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def export(
    library: Library, target: Path, layout: Format | None = None, space: str | None = None
) -> ExportReport:
    """Write all items that have a vector in `space` (default: the library's).

    `layout` follows from the target's suffix where it is not given. Raises UsageError where it cannot be told or the
    target is there already, StorageError where it cannot be written. The target appears when it is whole: whatever ends
    an export early leaves nothing under its name.
    """
    if str(target) == "-":
        raise UsageError("an export appears under its name when it is whole: name a file, stdout is none")
    chosen = layout or _format_of(target)
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{target} is there already: export to a new place")
    found = library.space(space)
    counts = {modality: len(library.gallery(modality, found)) for modality in Modality}
    with replaced(target) as (temporary,):
        _write(library, temporary, chosen, found)
        whole = chosen in (Format.PARQUET, Format.JSONL)
        missing = (
            sum(len(library.catalog.segments.missing_rows(found.name, each)) for each in Modality)
            if whole
            else 0
        )
    total = sum(library.catalog.items.count(modality) for modality in Modality)
    return ExportReport(
        chosen,
        found.name,
        counts[Modality.IMAGE],
        counts[Modality.TEXT],
        total - sum(counts.values()),
        missing,
    )


def export_of(
    library: Library, ids: Collection[ItemId], layout: Format, *, whole: bool = True
) -> Iterator[bytes]:
    """These items as `export` would write them, piece by piece, for what is sent; those without a vector are left out.

    Parquet or JSON lines. Not `whole`: without albums, stacks and judgments, which tell of other items too.
    """
    space = library.space()
    batches = chain.from_iterable(pages(library, space, modality, ids) for modality in Modality)
    apart: dict[str, Any] = {"albums": (), "stack": None, "judgments": ()}
    shown = batches if whole else ([replace(one, **apart) for one in batch] for batch in batches)
    if layout is Format.PARQUET:
        return tables.parquet_pieces(space, shown)
    return (line.encode() for line in tables.json_lines(space, shown))


def _write(library: Library, target: Path, chosen: Format, space: EmbeddingSpace) -> None:
    both = chain.from_iterable(pages(library, space, modality) for modality in Modality)
    gone = chain.from_iterable(missing_pages(library, space, modality) for modality in Modality)
    albums = library.catalog.albums.all()
    match chosen:
        case Format.PARQUET:
            tables.write_parquet(target, space, chain(both, gone), albums)
        case Format.JSONL:
            tables.write_json_lines(target, space, chain(both, gone), albums)
        case Format.FAISS:
            _write_faiss(target, space, both)
        case Format.CLIP_RETRIEVAL:
            said = {
                text.text: text.vector for text in flat(pages(library, space, Modality.TEXT)) if text.text
            }
            clip_retrieval.write_folder(target, space, pages(library, space, Modality.IMAGE), said)


def _write_faiss(target: Path, space: EmbeddingSpace, batches: Iterator[list[Record]]) -> None:
    """`index.faiss` under the items' ids, which are the column `id` of `metadata.parquet`."""
    from vasari.retrieval.vectors.faiss_files import write_flat

    target.mkdir(parents=True, exist_ok=True)
    kept: list[list[Record]] = list(batches)
    records = list(flat(kept))
    tables.write_parquet(target / "metadata.parquet", space, kept, vectors=False)
    vectors = (
        np.stack([record.vector for record in records]) if records else np.empty((0, space.dim), np.float32)
    )
    write_flat(target / "index.faiss", np.array([record.number for record in records], np.int64), vectors)


def _format_of(target: Path) -> Format:
    known = {".parquet": Format.PARQUET, ".jsonl": Format.JSONL}
    if target.suffix not in known:
        raise UsageError(f"say in which format to write {target}: --format {'|'.join(Format)}")
    return known[target.suffix]
