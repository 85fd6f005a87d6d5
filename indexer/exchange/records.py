"""Exchange record: one item with its vector, between libraries and other tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.encoding import json_text, stored_uri
from vasari.retrieval.catalog.records import FACTS
from vasari.retrieval.domain import Caption, EmbeddingSpace, Item, Modality
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.segments import Segment

PAGE = 4096  # items held in memory at once


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an item, without its id, which belongs to its library; `vector` (dim,) float32."""

    uri: str
    vector: NDArray[np.float32]
    modality: Modality = Modality.IMAGE
    content_hash: str | None = None  # None: the original was not read
    bytes: int = 0
    mtime_ns: int = 0
    width: int | None = None
    height: int | None = None
    format: str | None = None
    text: str | None = None
    captions: tuple[Caption, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    user_attributes: Mapping[str, Any] = field(default_factory=dict)  # those of them that a person set
    missing_since: str | None = None  # of an item whose file was gone: a moment, ISO 8601
    number: int = 0  # of the row it came from, the first being 1; or the id it had


def of_item(
    item: Item, vector: NDArray[np.float32], own: Mapping[str, Any], missing_since: datetime | None = None
) -> Record:
    """An item as a record; `own` is what a person set of its attributes."""
    facts = {name: getattr(item, name) for name in FACTS}
    return Record(
        **facts,
        vector=vector,
        modality=item.modality,
        captions=item.captions,
        tags=item.tags,
        attributes=item.attributes,
        user_attributes=own,
        missing_since=None if missing_since is None else missing_since.isoformat(),
        number=item.id,
    )


def pages(library: Library, space: EmbeddingSpace, modality: Modality) -> Iterator[list[Record]]:
    """All live items of a modality that have a vector in the space, by id."""
    gallery = library.gallery(modality, space)
    ids = gallery.ids()
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        items = library.items(page.tolist())
        own = library.catalog.annotations.user_attributes(page.tolist())
        yield [
            of_item(items[item], vector, own.get(item, {}))
            for item, vector in zip(page.tolist(), gallery.vectors_of(page), strict=True)
            if item in items  # deleted since
        ]


def missing_pages(library: Library, space: EmbeddingSpace, modality: Modality) -> Iterator[list[Record]]:
    """All missing items of a modality that have a vector in the space, by id."""
    rows = library.catalog.segments.missing_rows(space.name, modality)
    directory = library.segments_directory(space, modality)
    for start in range(0, len(rows), PAGE):
        page = rows[start : start + PAGE]
        ids = [row.item for row in page]
        items, own = (
            library.catalog.items.get(ids, missing=True),
            library.catalog.annotations.user_attributes(ids),
        )
        opened = {number: Segment.open(directory, number) for number in {row.segment for row in page}}
        yield [
            of_item(
                items[row.item],
                opened[row.segment].vectors[row.row].astype(np.float32),
                own.get(row.item, {}),
                row.since,
            )
            for row in page
            if row.item in items  # back since
        ]


def as_row(record: Record) -> dict[str, Any]:
    """The record's fields for JSON and tables, without the vector; attributes are an object.

    A uri is spelled as in the catalog: what UTF-8 cannot hold is escaped, see `catalog.encoding`.
    """
    return {
        "id": record.number,
        "modality": record.modality.value,
        **{name: getattr(record, name) for name in FACTS},
        "uri": stored_uri(record.uri),
        "captions": [
            {"text": said.text, "language": said.language, "source": said.source.value}
            for said in record.captions
        ],
        "tags": list(record.tags),
        "attributes": json.loads(json_text(dict(record.attributes))),
        "user_attributes": json.loads(json_text(dict(record.user_attributes))),
        "missing_since": record.missing_since,
    }


def space_as_text(space: EmbeddingSpace) -> str:
    """The space's fields as JSON, to be kept in a file."""
    names = ("name", "model", "weights_fingerprint", "preprocessing_fingerprint", "dim")
    return json.dumps({name: getattr(space, name) for name in names})


def space_from_text(text: str | bytes | None) -> EmbeddingSpace | None:
    """The inverse; None where there is none."""
    if not text:
        return None
    try:
        return EmbeddingSpace(**json.loads(text))
    except (ValueError, TypeError):
        return None


def flat(batches: Iterable[list[Record]]) -> Iterator[Record]:
    """The records of all pages."""
    for batch in batches:
        yield from batch
