"""Exchange record: one item with its vector, between libraries and other tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.encoding import json_text, stored_uri
from vasari.retrieval.catalog.records import FACTS, Album, Judgment
from vasari.retrieval.domain import Caption, EmbeddingSpace, Item, ItemId, Modality, TextLine
from vasari.retrieval.errors import UsageError
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
    albums: tuple[str, ...] = ()  # by hand, by name
    # By hand: items of one number are one; 0: taken out of its stack; None: nobody did.
    stack: int | None = None
    judgments: tuple[Judgment, ...] = ()  # for which queries it is right or wrong
    text_lines: tuple[TextLine, ...] | None = None  # read in the picture; None: it was not read
    missing_since: str | None = None  # of an item whose file was gone: a moment, ISO 8601
    number: int = 0  # of the row it came from, the first being 1; or the id it had


@dataclass(frozen=True, slots=True)
class Said:
    """What people said of items that an `Item` does not tell apart or at all, and what was read in them, by item."""

    attributes: Mapping[ItemId, Mapping[str, Any]]
    albums: Mapping[ItemId, Sequence[str]]
    stacks: Mapping[ItemId, int]
    judgments: Mapping[ItemId, Sequence[Judgment]]
    read: Mapping[ItemId, tuple[TextLine, ...]]

    @classmethod
    def of(cls, library: Library, ids: Sequence[ItemId]) -> Self:
        """Of these items, live or missing."""
        catalog = library.catalog
        return cls(
            attributes=catalog.annotations.user_attributes(ids),
            albums=catalog.albums.names_of(ids),
            stacks=catalog.stacks.by_hand(ids),
            judgments=catalog.judgments.of(ids),
            read=catalog.readings.of(ids),
        )


def of_item(
    item: Item, vector: NDArray[np.float32], said: Said, missing_since: datetime | None = None
) -> Record:
    """An item as a record; `said` is what people said of it beside what the item itself has."""
    facts = {name: getattr(item, name) for name in FACTS}
    return Record(
        **facts,
        vector=vector,
        modality=item.modality,
        captions=item.captions,
        tags=item.tags,
        attributes=item.attributes,
        user_attributes=said.attributes.get(item.id, {}),
        albums=tuple(said.albums.get(item.id, ())),
        stack=said.stacks.get(item.id),
        judgments=tuple(said.judgments.get(item.id, ())),
        text_lines=said.read.get(item.id),
        missing_since=None if missing_since is None else missing_since.isoformat(),
        number=item.id,
    )


def pages(
    library: Library, space: EmbeddingSpace, modality: Modality, only: Collection[ItemId] | None = None
) -> Iterator[list[Record]]:
    """All live items of a modality that have a vector in the space, or `only` these of them, by id."""
    gallery = library.gallery(modality, space)
    ids = gallery.ids()
    if only is not None:
        ids = ids[np.isin(ids, np.array(sorted(only), np.int64))]
    return pages_of(library, ids, gallery.vectors_of)


def pages_of(
    library: Library,
    ids: NDArray[np.int64],
    vectors_of: Callable[[NDArray[np.int64]], Iterable[NDArray[np.float32]]],
) -> Iterator[list[Record]]:
    """These items, each with its vector."""
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        items = library.items(page.tolist())
        said = Said.of(library, page.tolist())
        yield [
            of_item(items[item], vector, said)
            for item, vector in zip(page.tolist(), vectors_of(page), strict=True)
            if item in items  # deleted since
        ]


def missing_pages(library: Library, space: EmbeddingSpace, modality: Modality) -> Iterator[list[Record]]:
    """All missing items of a modality that have a vector in the space, by id."""
    rows = library.catalog.segments.missing_rows(space.name, modality)
    directory = library.segments_directory(space, modality)
    for start in range(0, len(rows), PAGE):
        page = rows[start : start + PAGE]
        ids = [row.item for row in page]
        items, said = library.catalog.items.get(ids, missing=True), Said.of(library, ids)
        opened = {number: Segment.open(directory, number) for number in {row.segment for row in page}}
        yield [
            of_item(
                items[row.item],
                opened[row.segment].vectors[row.row].astype(np.float32),
                said,
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
        "albums": list(record.albums),
        "stack": record.stack,
        "judgments": judgments_as_rows(record.judgments),
        "text_lines": None if record.text_lines is None else lines_as_rows(record.text_lines),
        "missing_since": record.missing_since,
    }


def judgments_as_rows(said: Iterable[Judgment]) -> list[dict[str, Any]]:
    """Judgments of one item as JSON has them."""
    return [
        {
            "query": one.query,
            "filter": one.filter,
            "grade": one.grade,
            "who": one.who,
            "at": one.at.isoformat(),
        }
        for one in said
    ]


def lines_as_rows(lines: Iterable[TextLine]) -> list[dict[str, Any]]:
    """Lines of text as JSON has them."""
    return [
        {
            "text": line.text,
            "confidence": line.confidence,
            "corners": [list(corner) for corner in line.corners],
        }
        for line in lines
    ]


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


def albums_as_text(albums: Iterable[Album]) -> str:
    """Names of albums, with the query and filter of saved searches, as JSON."""
    return json.dumps([{"name": one.name, "query": one.query, "filter": one.filter} for one in albums])


def albums_from_text(text: str | bytes | None) -> list[tuple[str, str | None, str | None]]:
    """The inverse: name, query and filter of each; UsageError for anything else."""
    if not text:
        return []
    try:
        found = [(one["name"], one["query"], one["filter"]) for one in json.loads(text)]
    except (ValueError, TypeError, KeyError):
        raise UsageError("its list of albums is damaged") from None
    if not all(
        isinstance(name, str) and all(isinstance(said, str | None) for said in rest) for name, *rest in found
    ):
        raise UsageError("its list of albums is damaged")
    return found


def flat(batches: Iterable[list[Record]]) -> Iterator[Record]:
    """The records of all pages."""
    for batch in batches:
        yield from batch
