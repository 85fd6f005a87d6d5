"""Questions about items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    func,
    or_,
    select,
    type_coerce,
)

from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.encoding import stored_uri, uri_key
from vasari.retrieval.catalog.normalization import in_composed_letters
from vasari.retrieval.catalog.records import ITEM_COLUMNS, KnownFile, item_of
from vasari.retrieval.catalog.statements import chunks
from vasari.retrieval.catalog.tables import captions, descriptions, embeddings, items, tags
from vasari.retrieval.domain import Caption, CaptionSource, Item, ItemId, Modality
from vasari.retrieval.storage.file_names import composed

PAGE = 5000  # rows of one step through a large table
_MOST_FOLDERS = 200  # SQLite allows an expression a depth of 1000


def items_of(connection: Connection, ids: Iterable[ItemId], *, missing: bool = False) -> dict[ItemId, Item]:
    """The live items among `ids`, or those that are missing, in the order of `ids`, with captions and tags."""
    found: dict[ItemId, Item] = {}
    wanted = items.c.missing_since.is_not(None) if missing else items.c.deleted_at.is_(None)
    for chunk in chunks(dict.fromkeys(ids)):
        query = select(*(items.c[name] for name in ITEM_COLUMNS)).where(wanted)
        rows = {row.id: row._asdict() for row in connection.execute(query.where(items.c.id.in_(chunk)))}
        said, tagged = _captions(connection, rows), _tags(connection, rows)
        found |= {item: item_of(rows[item], said[item], tagged[item]) for item in chunk if item in rows}
    return found


def user_attributes(connection: Connection, ids: Iterable[ItemId]) -> dict[ItemId, dict[str, Any]]:
    """What people set of the attributes of the live and missing items among `ids`, where there is any."""
    found: dict[ItemId, dict[str, Any]] = {}
    for chunk in chunks(dict.fromkeys(ids)):
        query = select(items.c.id, items.c.user_attributes).where(items.c.id.in_(chunk))
        kept = connection.execute(query.where(is_kept()))
        found |= {row.id: dict(row.user_attributes) for row in kept if row.user_attributes}
    return found


def is_kept() -> ColumnElement[bool]:
    """Whether an item is live or missing: not removed by a person."""
    return or_(items.c.deleted_at.is_(None), items.c.missing_since.is_not(None))


def item_by_uri(connection: Connection, uri: str, modality: Modality) -> Item | None:
    """The live item with this uri."""
    query = select(items.c.id).where(
        items.c.modality == modality.value, items.c.uri_key == uri_key(uri), items.c.deleted_at.is_(None)
    )
    found = connection.execute(query).scalar()
    return None if found is None else items_of(connection, [found]).get(found)


def holders(connection: Connection, modality: str, uris: Iterable[str]) -> dict[bytes, ItemId]:
    """The live items that have these uris, by `uri_key`."""
    query = select(items.c.uri_key, items.c.id).where(
        items.c.deleted_at.is_(None), items.c.modality == modality
    )
    return {
        row.uri_key: row.id
        for chunk in chunks(uri_key(uri) for uri in uris)
        for row in connection.execute(query.where(items.c.uri_key.in_(chunk)))
    }


def items_named(connection: Connection, name: str) -> list[ItemId]:
    """Live items of any modality whose uri is this one, or canonically equivalent to it, by id."""
    query = select(items.c.id).where(items.c.deleted_at.is_(None)).order_by(items.c.id)
    found = connection.execute(query.where(items.c.uri_key == uri_key(name))).scalars().all()
    if found or name.isascii():
        return list(found)
    uri = in_composed_letters(type_coerce(items.c.uri, Text()))
    return list(connection.execute(query.where(uri == stored_uri(composed(name)))).scalars())


def known_files(database: Database, modality: Modality, under: Sequence[str] | None) -> Iterator[KnownFile]:
    """Live items by id, in pages, so that no transaction stays open while the caller works."""
    query = _files().where(items.c.modality == modality.value, items.c.deleted_at.is_(None))
    groups = [None] if under is None else list(chunks(_outermost(under), _MOST_FOLDERS))
    for group in groups:
        narrowed = query if group is None else query.where(or_(*map(_inside, group)))
        for page in pages(database, narrowed, items.c.id):
            yield from map(_known, page)


def files_of_content(
    connection: Connection, modality: Modality, hashes: Iterable[str], newest: ItemId
) -> list[KnownFile]:
    """Items with one of these contents, live or missing, by id; those that came after `newest` are left out."""
    query = _files().where(
        items.c.modality == modality.value,
        items.c.id <= newest,
        is_kept(),
    )
    return [
        _known(row)
        for chunk in chunks(hashes)
        for row in connection.execute(query.where(items.c.content_hash.in_(chunk)).order_by(items.c.id))
    ]


def holds_content(connection: Connection, modality: Modality, content_hash: str, newest: ItemId) -> bool:
    """Whether `files_of_content` would find anything: asked once for each new file."""
    query = select(items.c.id).where(
        items.c.content_hash == content_hash,
        items.c.modality == modality.value,
        items.c.id <= newest,
        is_kept(),
    )
    return connection.execute(query.limit(1)).first() is not None


def written_about(connection: Connection, ids: Iterable[ItemId]) -> set[ItemId]:
    """Those of these items, live or missing, that have tags, captions or attributes from people."""
    found: set[ItemId] = set()
    for chunk in chunks(ids):
        tagged = select(tags.c.item_id).where(tags.c.item_id.in_(chunk))
        captioned = select(captions.c.item_id).where(
            captions.c.item_id.in_(chunk), captions.c.source == CaptionSource.USER.value
        )
        found.update(connection.execute(tagged.union(captioned)).scalars())
        own = select(items.c.id, items.c.user_attributes).where(items.c.id.in_(chunk))
        found.update(row.id for row in connection.execute(own) if row.user_attributes)
    return found


def newest(connection: Connection) -> ItemId:
    """The greatest id; 0 in an empty library."""
    return connection.execute(select(func.coalesce(func.max(items.c.id), 0))).scalar_one()


def contents(connection: Connection, modality: Modality) -> set[str]:
    """The content hashes of all items, live or missing."""
    query = select(items.c.content_hash).where(
        items.c.modality == modality.value,
        is_kept(),
    )
    return set(connection.execute(query).scalars())


def without_vector(connection: Connection, space: int, ids: Iterable[ItemId]) -> set[ItemId]:
    """Those of these items that have no vector in the space, be they live or missing."""
    wanted = set(ids)
    query = select(embeddings.c.item_id).where(embeddings.c.space_id == space)
    for chunk in chunks(sorted(wanted)):
        wanted.difference_update(connection.execute(query.where(embeddings.c.item_id.in_(chunk))).scalars())
    return wanted


def _files() -> Select[*tuple[Any, ...]]:
    """What `KnownFile` holds, without conditions."""
    return select(
        items.c.id,
        items.c.uri,
        items.c.bytes,
        items.c.mtime_ns,
        items.c.content_hash,
        items.c.ctime_ns,
        descriptions.c.teller,
        descriptions.c.stamp,
        items.c.missing_since,
    ).outerjoin(descriptions, descriptions.c.item_id == items.c.id)


def _known(row: Row[*tuple[Any, ...]]) -> KnownFile:
    *facts, stamp, missing_since = row
    return KnownFile._make([*facts, stamp or 0, missing_since is not None])


def missing_embeddings(database: Database, space: int, modality: Modality) -> Iterator[ItemId]:
    """Live items without a vector in this space, by id."""
    query = (
        select(items.c.id)
        .outerjoin(embeddings, and_(embeddings.c.item_id == items.c.id, embeddings.c.space_id == space))
        .where(
            items.c.modality == modality.value, items.c.deleted_at.is_(None), embeddings.c.item_id.is_(None)
        )
    )
    for page in pages(database, query, items.c.id):
        yield from (row.id for row in page)


def count(connection: Connection, modality: Modality) -> int:
    """How many live items there are."""
    return connection.execute(
        select(func.count())
        .select_from(items)
        .where(items.c.modality == modality.value, items.c.deleted_at.is_(None))
    ).scalar_one()


def count_missing(connection: Connection, modality: Modality | None = None) -> int:
    """How many items are missing."""
    query = select(func.count()).select_from(items).where(items.c.missing_since.is_not(None))
    if modality is not None:
        query = query.where(items.c.modality == modality.value)
    return connection.execute(query).scalar_one()


def missing_items(
    connection: Connection, since: datetime | None = None, under: Sequence[str] | None = None
) -> list[ItemId]:
    """Items that are missing, and were so at `since`, and lay below one of the places `under`; by id."""
    query = select(items.c.id).where(items.c.missing_since.is_not(None))
    if since is not None:
        query = query.where(items.c.missing_since <= since)
    if under is not None:
        query = query.where(or_(*map(_inside, _outermost(under))))
    return list(connection.execute(query.order_by(items.c.id)).scalars())


def live_ids(connection: Connection, modality: Modality) -> NDArray[np.int64]:
    """The ids (n,) of live items, ascending."""
    query = select(items.c.id).where(items.c.modality == modality.value, items.c.deleted_at.is_(None))
    found = np.fromiter((row[0] for row in connection.execute(query)), dtype=np.int64)
    found.sort()
    return found


def _outermost(folders: Sequence[str]) -> list[str]:
    """`folders` without those that lie inside another, so that nothing is listed twice."""
    kept: list[str] = []
    for folder in sorted({folder.rstrip("/") for folder in folders}):
        if not any(folder == outer or folder.startswith(outer + "/") for outer in kept):
            kept.append(folder)
    return kept


def _inside(folder: str) -> ColumnElement[bool]:
    """The uri itself, or anything in it: /a/b holds /a/b/c and not /a/bc, /a/b.tar holds /a/b.tar#c.

    Canonically equivalent names are the same name.
    """
    uri: ColumnElement[str] = type_coerce(items.c.uri, Text())
    exact = _begins(uri, stored_uri(folder))
    return (
        exact
        if folder.isascii()
        else or_(exact, _begins(in_composed_letters(uri), stored_uri(composed(folder))))
    )


def _begins(uri: ColumnElement[str], name: str) -> ColumnElement[bool]:
    return or_(uri == name, func.substr(uri, 1, len(name) + 1).in_((name + "/", name + "#")))


def pages(
    database: Database, query: Select[*tuple[Any, ...]], key: ColumnElement[int]
) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    """The rows of a query by rising `key`, its first column, each page in a transaction of its own."""
    last = -1
    while True:
        with database.read() as connection:
            page = connection.execute(query.where(key > last).order_by(key).limit(PAGE)).all()
        if page:
            yield page
        if len(page) < PAGE:
            return
        last = page[-1][0]


def _captions(connection: Connection, ids: Iterable[ItemId]) -> dict[ItemId, list[Caption]]:
    said = defaultdict(list)
    query = select(captions).where(captions.c.item_id.in_(list(ids))).order_by(captions.c.id)
    for row in connection.execute(query):
        said[row.item_id].append(Caption(row.text, row.language, CaptionSource(row.source)))
    return said


def _tags(connection: Connection, ids: Iterable[ItemId]) -> dict[ItemId, list[str]]:
    tagged = defaultdict(list)
    for row in connection.execute(select(tags).where(tags.c.item_id.in_(list(ids)))):
        tagged[row.item_id].append(row.tag)
    return tagged
