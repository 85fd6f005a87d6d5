"""Items: pictures and texts as the catalog knows them, live, missing or deleted.

A vector row is alive while `embeddings` points at it. Whatever takes that pointer away, be it deletion, changed
content or a new vector, writes the row to `dead_rows`, from which searches learn what to leave out. The row of an item
that is only missing is in both: dead for searches, and found again without embedding when its content comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from vasari.retrieval.catalog import perceptual_hashes
from vasari.retrieval.catalog.database import Repository, bump_revision, chunks, reserve
from vasari.retrieval.catalog.dialects import among, among_given, given, in_composed_letters
from vasari.retrieval.catalog.encoding import ESCAPE, original_uri, stored_uri, uri_key
from vasari.retrieval.catalog.full_text import forget, refresh
from vasari.retrieval.catalog.records import ITEM_COLUMNS, KnownFile, Sighting, item_of
from vasari.retrieval.catalog.tables import (
    KEPT,
    LIVE,
    album_items,
    captions,
    dead_rows,
    descriptions,
    embeddings,
    former_contents,
    items,
    judgments,
    readings,
    stack_items,
    tags,
    unread_facts,
)
from vasari.retrieval.domain import Caption, CaptionSource, Item, ItemId, Modality
from vasari.retrieval.storage.file_names import composed
from vasari.retrieval.storage.uris import beginnings

_MOST_FOLDERS = 200  # SQLite allows an expression a depth of 1000
_SEEN = ("bytes", "mtime_ns", "ctime_ns")
_ANY_ID = 2**63 - 1
# Made once: making them anew took half the time of reading a page of hits.
_OF_THESE = select(*(items.c[name] for name in ITEM_COLUMNS)).where(among_given(items.c.id))
_LIVE, _MISSING = _OF_THESE.where(LIVE), _OF_THESE.where(items.c.missing_since.is_not(None))
_SAID = (
    select(captions.c.item_id, captions.c.text, captions.c.language, captions.c.source)
    .where(among_given(captions.c.item_id))
    .order_by(captions.c.id)
)
_TAGGED = select(tags.c.item_id, tags.c.tag).where(among_given(tags.c.item_id))
_FILES = select(  # what `KnownFile` holds
    items.c.id,
    items.c.uri,
    items.c.bytes,
    items.c.mtime_ns,
    items.c.content_hash,
    items.c.ctime_ns,
    descriptions.c.teller,
    func.coalesce(descriptions.c.stamp, 0),
    items.c.missing_since.is_not(None),
).outerjoin(descriptions, descriptions.c.item_id == items.c.id)
_OF_CONTENT = _FILES.where(
    items.c.modality == bindparam("modality"),
    KEPT,
    items.c.id <= bindparam("newest"),
    items.c.content_hash.in_(bindparam("hashes", expanding=True)),
).order_by(items.c.id)


class Items(Repository):
    """The items of a library; ids ascend with time, and none is given out twice."""

    def get(self, ids: Iterable[ItemId], *, missing: bool = False) -> dict[ItemId, Item]:
        """The live items among `ids`, or those that are missing, in that order, with captions and tags."""
        with self._database.read() as connection:
            return _items(connection, ids, _MISSING if missing else _LIVE)

    def by_uri(self, uri: str, modality: Modality = Modality.IMAGE) -> Item | None:
        """The live item with this uri."""
        with self._database.read() as connection:
            found = holders(connection, modality, [uri]).values()
            return next(iter(_items(connection, found).values()), None)

    def ids_by_uri(self, uris: Collection[str], modality: Modality) -> dict[str, ItemId]:
        """The live items that have these very uris."""
        with self._database.read() as connection:
            found = holders(connection, modality, uris)
        return {uri: found[key] for uri in uris if (key := uri_key(uri)) in found}

    def named(self, name: str) -> list[ItemId]:
        """Live items of any modality whose uri is this one, or canonically equivalent to it, by id."""
        query = select(items.c.id).where(LIVE).order_by(items.c.id)
        uri = in_composed_letters(type_coerce(items.c.uri, Text()))
        with self._database.read() as connection:
            found = connection.execute(query.where(items.c.uri_key == uri_key(name))).scalars().all()
            if not found and not name.isascii():
                same = uri == stored_uri(composed(name))
                found = connection.execute(query.where(same)).scalars().all()
        return list(found)

    def live_ids(self, modality: Modality) -> NDArray[np.int64]:
        """Ids (n,) of all live items, ascending."""
        query = select(items.c.id).where(items.c.modality == modality.value, LIVE)
        with self._database.read() as connection:
            found = np.fromiter((row[0] for row in connection.execute(query)), dtype=np.int64)
        found.sort()
        return found

    def count(self, modality: Modality) -> int:
        """How many live items there are."""
        return self._count(items.c.modality == modality.value, LIVE)

    def count_missing(self) -> int:
        """How many items are missing: hidden, as their files were gone when they were last looked for."""
        return self._count(items.c.missing_since.is_not(None))

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(items).where(*conditions)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def missing(self, since: datetime | None = None, under: Sequence[str] | None = None) -> list[ItemId]:
        """Items that are missing since `since` or longer, and lay in one of the places `under`; by id."""
        query = select(items.c.id).where(items.c.missing_since.is_not(None))
        if since is not None:
            query = query.where(items.c.missing_since <= since)
        if under is not None:
            query = query.where(or_(*map(_inside, _outermost(under))))
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(items.c.id)).scalars())

    def newest(self) -> ItemId:
        """The greatest id given so far to an item; 0 in an empty library."""
        with self._database.read() as connection:
            return connection.execute(select(func.coalesce(func.max(items.c.id), 0))).scalar_one()

    # Planning

    def known_files(self, modality: Modality, under: Sequence[str] | None = None) -> Iterator[KnownFile]:
        """Live items by id; with `under`, those that are one of these uris or lie in one of these folders.

        In pages, so that no transaction stays open while the caller works.
        """
        query = _FILES.where(items.c.modality == modality.value, LIVE)
        groups = [None] if under is None else list(chunks(_outermost(under), _MOST_FOLDERS))
        for group in groups:
            narrowed = query if group is None else query.where(or_(*map(_inside, group)))
            for page in self._database.raw_pages(narrowed, items.c.id):
                yield from map(_as_known, _with_original_uris(page))

    def files_of_content(
        self, hashes: Iterable[str], modality: Modality, *, newest: ItemId | None = None
    ) -> list[KnownFile]:
        """Items with one of these content hashes, live or missing, whose id is not beyond `newest`; by id."""
        asked = {"modality": modality.value, "newest": _ANY_ID if newest is None else newest}
        with self._database.read() as connection:
            return [
                KnownFile._make(row)
                for chunk in chunks(hashes)
                for row in connection.execute(_OF_CONTENT, {**asked, "hashes": chunk})
            ]

    def holds_content(self, content_hash: str, modality: Modality, *, newest: ItemId) -> bool:
        """Whether `files_of_content` would find anything: asked once for each new file."""
        same = (items.c.content_hash == content_hash) & (items.c.modality == modality.value)
        query = select(items.c.id).where(same, items.c.id <= newest, KEPT).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def contents(self, modality: Modality) -> set[str]:
        """The content hashes of all items, live or missing."""
        query = select(items.c.content_hash).where(items.c.modality == modality.value, KEPT)
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    # Changes; new items come by `Segments.commit`

    def reserve(self, count: int) -> range:
        """`count` item ids that are given to nobody else, ever."""
        with self._database.write() as connection:
            return reserve(connection, "items", count)

    def move(self, moves: Sequence[Sighting]) -> None:
        """Give items other places: they keep captions and vectors. Names may be swapped; a missing item is back.

        An item that has lain under such a name, and gets no other, is missing from now on.
        """
        if moves:
            moving = {seen.item for seen in moves}
            with self._database.change() as connection:
                for chunk in chunks(moves):
                    _move(connection, chunk, moving)
                    refresh(connection, [seen.item for seen in chunk])

    def touch(self, touches: Sequence[Sighting]) -> None:
        """Note size and times of files whose content is the same, and lies where it lay."""
        values = [
            {"item": seen.item, **{f"new_{name}": getattr(seen, name) for name in _SEEN}} for seen in touches
        ]
        statement = update(items).where(items.c.id == bindparam("item"))
        if values:
            with self._database.change() as connection:
                connection.execute(
                    statement.values({name: bindparam(f"new_{name}") for name in _SEEN}), values
                )

    def lose(self, ids: Iterable[ItemId]) -> int:
        """Hide live items whose files are gone, until their content is seen again; says how many there were.

        They keep captions, tags, attributes and vectors.
        """
        with self._database.write() as connection:
            lost = lose(connection, ids)
            if lost:
                bump_revision(connection)
            return lost

    def purge(self, ids: Iterable[ItemId]) -> int:
        """Forget missing items and all that is said of them, for good; says how many there were."""
        purged = 0
        with self._database.write() as connection:
            for chunk in chunks(ids):
                query = select(items.c.id).where(among(items.c.id, chunk), items.c.missing_since.is_not(None))
                gone = list(connection.execute(query).scalars())
                perceptual_hashes.forget(connection, gone)
                for table in (
                    captions,
                    tags,
                    album_items,
                    judgments,
                    readings,
                    stack_items,
                    descriptions,
                    former_contents,
                    unread_facts,
                    embeddings,
                ):
                    connection.execute(delete(table).where(among(table.c["item_id"], gone)))
                purged += connection.execute(delete(items).where(among(items.c.id, gone))).rowcount
            if purged:
                bump_revision(connection)
        return purged

    def delete(self, ids: Iterable[ItemId]) -> int:
        """Delete live items, and declare their vectors dead: no search finds them again; says how many there were."""
        deleted = 0
        with self._database.write() as connection:
            for wanted in chunks(ids):
                chunk = _live(connection, wanted)
                bury(connection, chunk)
                gone = update(items).where(among(items.c.id, chunk), LIVE)
                deleted += connection.execute(gone.values(deleted_at=datetime.now(UTC))).rowcount
                forget(connection, chunk)
                perceptual_hashes.forget(connection, chunk)
            if deleted:
                bump_revision(connection)
        return deleted


def _items(connection: Connection, ids: Iterable[ItemId], wanted: Select[Any] = _LIVE) -> dict[ItemId, Item]:
    """Those of these items that are `wanted`, in the order of `ids`."""
    found: dict[ItemId, Item] = {}
    for chunk in chunks(dict.fromkeys(ids)):
        rows = {row.id: row._asdict() for row in connection.execute(wanted, given(chunk))}
        said: dict[ItemId, list[Caption]] = defaultdict(list)
        for item, text, language, source in connection.execute(_SAID, given(rows)):
            said[item].append(Caption(text, language, CaptionSource(source)))
        tagged: dict[ItemId, list[str]] = defaultdict(list)
        for item, tag in connection.execute(_TAGGED, given(rows)):
            tagged[item].append(tag)
        found |= {item: item_of(rows[item], said[item], tagged[item]) for item in chunk if item in rows}
    return found


def holders(connection: Connection, modality: str, uris: Iterable[str]) -> dict[bytes, ItemId]:
    """The live items that have these uris, by `uri_key`."""
    query = select(items.c.uri_key, items.c.id).where(LIVE, items.c.modality == modality)
    return {
        row.uri_key: row.id
        for chunk in chunks(uri_key(uri) for uri in uris)
        for row in connection.execute(query.where(items.c.uri_key.in_(chunk)))
    }


def _with_original_uris(page: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """The rows with the very characters of their uris, which nearly all have already."""
    if ESCAPE not in "".join([row[1] for row in page]):
        return page
    return [(row[0], original_uri(row[1]), *row[2:]) for row in page]


# Without a call in Python.
_as_known: Callable[[tuple[Any, ...]], KnownFile] = partial(tuple.__new__, KnownFile)


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
    return or_(uri == name, func.substr(uri, 1, len(name) + 1).in_(beginnings(name)))


def _live(connection: Connection, ids: Sequence[ItemId]) -> list[ItemId]:
    query = select(items.c.id).where(among(items.c.id, ids), LIVE)
    return list(connection.execute(query).scalars())


def lose(connection: Connection, ids: Iterable[ItemId]) -> int:
    """Mark live items missing: hidden until their content is seen again; says how many were there."""
    lost = 0
    now = datetime.now(UTC)
    for chunk in chunks(ids):
        live = _live(connection, chunk)
        lost += len(live)
        bury(connection, live, keep=True)
        connection.execute(
            update(items).where(among(items.c.id, live)).values(deleted_at=now, missing_since=now)
        )
        forget(connection, live)
        perceptual_hashes.sleep(connection, live)
    return lost


def revive(connection: Connection, uris: Mapping[ItemId, str]) -> None:
    """Show those of these items that are missing again, each under its uri: with their vectors and all that is said."""
    for chunk in chunks(uris):
        query = select(items.c.id).where(among(items.c.id, chunk), items.c.missing_since.is_not(None))
        back = list(connection.execute(query).scalars())
        if not back:
            continue
        _unbury(connection, back)
        connection.execute(
            update(items)
            .where(items.c.id == bindparam("item"))
            .values(
                uri=bindparam("new_uri"), uri_key=bindparam("new_key"), deleted_at=None, missing_since=None
            ),
            [{"item": item, "new_uri": uris[item], "new_key": uri_key(uris[item])} for item in back],
        )
        perceptual_hashes.wake(connection, back)


def bury(
    connection: Connection,
    ids: Sequence[ItemId],
    where: ColumnElement[bool] | None = None,
    *,
    keep: bool = False,
) -> None:
    """Declare the vectors of these live items dead, in all spaces or where told; `keep` where they lie."""
    for chunk in chunks(ids):
        condition = and_(among(embeddings.c.item_id, chunk), true() if where is None else where)
        dying = (
            select(
                embeddings.c.space_id,
                items.c.modality,
                embeddings.c.segment,
                embeddings.c.row,
                embeddings.c.item_id,
            )
            .join(items, items.c.id == embeddings.c.item_id)
            .where(condition)
        )
        connection.execute(
            insert(dead_rows).from_select(["space_id", "modality", "segment", "row", "item_id"], dying)
        )
        if not keep:
            connection.execute(delete(embeddings).where(condition))


def _unbury(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Declare the vectors of missing items alive."""
    place = and_(
        embeddings.c.space_id == dead_rows.c.space_id,
        embeddings.c.segment == dead_rows.c.segment,
        embeddings.c.row == dead_rows.c.row,
        embeddings.c.item_id == dead_rows.c.item_id,
        items.c.id == embeddings.c.item_id,
        items.c.modality == dead_rows.c.modality,
    )
    known = select(embeddings.c.item_id).where(place, among(embeddings.c.item_id, ids)).exists()
    connection.execute(delete(dead_rows).where(among(dead_rows.c.item_id, ids), known))


def displace(connection: Connection, modality: Modality, uris: Mapping[ItemId, str]) -> None:
    """Make way for items that are about to have these uris.

    Another item that lives under one is missing from now on, as its content is not there; one of their own number,
    which is to have another uri itself, stands aside until its turn.
    """
    lost = []
    for key, holder in holders(connection, modality, uris.values()).items():
        if holder not in uris:
            lost.append(holder)
        elif uri_key(uris[holder]) != key:
            _set_aside(connection, holder)
    lose(connection, lost)


def _set_aside(connection: Connection, item: ItemId) -> None:
    connection.execute(update(items).where(items.c.id == item).values(uri_key=b"moving:%d" % item))


def _move(connection: Connection, moves: Sequence[Sighting], moving: set[ItemId]) -> None:
    targets = {seen.item: seen.uri for seen in moves}
    modalities = connection.execute(
        select(items.c.modality).where(among(items.c.id, targets)).distinct()
    ).scalars()
    for modality in modalities.all():
        for holder in holders(connection, modality, targets.values()).values():
            if holder in moving:  # it goes elsewhere itself: out of the way until its turn
                _set_aside(connection, holder)
            else:
                lose(connection, [holder])
    revive(connection, targets)
    columns = ("uri", "uri_key", *_SEEN)
    connection.execute(
        update(items)
        .where(items.c.id == bindparam("item"), LIVE)
        .values({**{name: bindparam(f"new_{name}") for name in columns}, "updated_at": datetime.now(UTC)}),
        [
            {
                "item": seen.item,
                "new_uri": seen.uri,
                "new_uri_key": uri_key(seen.uri),
                **{f"new_{name}": getattr(seen, name) for name in _SEEN},
            }
            for seen in moves
        ],
    )
