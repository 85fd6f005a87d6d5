"""Albums: pictures that people put together by hand, and saved searches (smart albums), whose pictures are found anew.

An album is one or the other. Membership belongs to the item, as tags do: it stays when a file is moved, edited, missing
for a while or indexed again, and goes with an export. What a saved search finds is never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from vasari.retrieval.catalog.database import Repository, chunks, reserve, upserting
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.records import Album
from vasari.retrieval.catalog.tables import KEPT, LIVE, album_items, albums, api_keys, items
from vasari.retrieval.domain import ItemId
from vasari.retrieval.errors import NotFoundError, Sentence, UsageError
from vasari.retrieval.storage.file_names import composed

LONGEST_NAME = 200  # characters
MOST = 10_000  # albums of a library


class Albums(Repository):
    """The albums of a library. Methods raise NotFoundError for an album that is not there."""

    def all(self) -> list[Album]:
        """All albums, by name."""
        with self._database.read() as connection:
            return _counted(connection, select(albums))

    def get(self, album: int) -> Album:
        """One album."""
        with self._database.read() as connection:
            return _album(connection, album)

    def named(self, name: str) -> Album:
        """The album of this name, in whatever letters."""
        with self._database.read() as connection:
            for album in _of_name(connection, name):
                return _album(connection, album)
        raise NotFoundError(f"there is no album {name!r}: `vasari album list` names those there are")

    def create(self, name: str, query: str | None = None, filter: str | None = None) -> Album:  # noqa: A002
        """A new album, a saved search if it has a query or a filter; raises UsageError where the name is taken."""
        with self._database.change() as connection:
            made = ensure(connection, name, query, filter)
            if made is None:
                raise UsageError(Sentence("there is an album {name!r} already", name=name))
            return _album(connection, made)

    def change(self, album: int, **fields: str | None) -> Album:
        """Change `name`, `query` or `filter`; raises UsageError where the name is taken, or the kind would change.

        Keys that see the album, and nothing else, follow its name.
        """
        with self._database.change() as connection:
            before = _album(connection, album)
            values: dict[str, Any] = {name: value or None for name, value in fields.items()}
            if "name" in fields:
                values["name"] = name = _usable(fields["name"] or "")
                if _of_name(connection, name) not in ([], [album]):
                    raise UsageError(Sentence("there is an album {name!r} already", name=name))
            searched = {"query": before.query, "filter": before.filter, **values}
            if before.is_search != bool(searched["query"] or searched["filter"]):
                raise UsageError(
                    "an album by hand and a saved search do not become each other: make a new one"
                )
            changed = update(albums).where(albums.c.id == album)
            connection.execute(changed.values(**values, updated_at=datetime.now(UTC)))
            after = _album(connection, album)
            shared = update(api_keys).where(api_keys.c.filter == condition(before))
            connection.execute(shared.values(filter=condition(after)))
            return after

    def delete(self, album: int) -> None:
        """Forget an album; its pictures stay. Keys that see it, and nothing else, are revoked."""
        with self._database.change() as connection:
            shared = api_keys.c.filter == condition(_album(connection, album))
            ending = update(api_keys).where(shared, api_keys.c.revoked_at.is_(None))
            connection.execute(ending.values(revoked_at=datetime.now(UTC)))
            connection.execute(delete(album_items).where(album_items.c.album_id == album))
            connection.execute(delete(albums).where(albums.c.id == album))

    def add(self, album: int, ids: Iterable[ItemId]) -> list[ItemId]:
        """Put live items into an album; those that were not in it. Raises UsageError for a saved search."""
        with self._database.change() as connection:
            return put(connection, by_hand(connection, album), ids)

    def remove(self, album: int, ids: Iterable[ItemId]) -> list[ItemId]:
        """Take items out of an album; those that were in it. Raises UsageError for a saved search."""
        with self._database.change() as connection:
            return take(connection, by_hand(connection, album), ids)

    def restore_all(self, described: Iterable[tuple[str, str | None, str | None]]) -> None:
        """Make the albums of these names, queries and filters that are not there; those that are stay as they are."""
        with self._database.change() as connection:
            for name, query, filter_ in described:
                ensure(connection, name, query, filter_)

    def restore(self, names_of: Mapping[ItemId, Sequence[str]]) -> None:
        """Put live and missing items into albums by name, which are made where they are not there."""
        if names_of:
            with self._database.change() as connection:
                restore(connection, names_of)

    def names_of(self, ids: Iterable[ItemId]) -> dict[ItemId, list[str]]:
        """The albums by hand that items are in, by name; only items that are in any."""
        with self._database.read() as connection:
            return names_of(connection, ids)


def condition(album: Album) -> str:
    """The filter that accepts what is in an album by hand, or what a saved filter finds."""
    escaped = album.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'album = "{escaped}"'


def ensure(connection: Connection, name: str, query: str | None, filter: str | None) -> int | None:  # noqa: A002
    """Make an album; None where there is one of this name."""
    name = _usable(name)
    if _of_name(connection, name):
        return None
    if connection.execute(select(func.count()).select_from(albums)).scalar_one() >= MOST:
        raise UsageError(Sentence("a library has at most {most:,} albums", most=MOST))
    (album,) = reserve(connection, "albums", 1)
    now = datetime.now(UTC)
    values = {"id": album, "name": name, "query": query or None, "filter": filter or None}
    connection.execute(insert(albums).values(**values, created_at=now, updated_at=now))
    return album


def put(connection: Connection, album: int, ids: Iterable[ItemId]) -> list[ItemId]:
    """Put live and missing items into an album; those that were not in it."""
    new: list[ItemId] = []
    for chunk in chunks(dict.fromkeys(ids)):
        alive = select(items.c.id).where(among(items.c.id, chunk), KEPT)
        there = set(_members(connection, album, chunk))
        wanted = [item for item in connection.execute(alive).scalars() if item not in there]
        if wanted:
            values = [{"album_id": album, "item_id": item} for item in wanted]
            connection.execute(upserting(connection, album_items).on_conflict_do_nothing(), values)
        new += wanted
    return new


def take(connection: Connection, album: int, ids: Iterable[ItemId]) -> list[ItemId]:
    """Take items out of an album; those that were in it."""
    gone: list[ItemId] = []
    for chunk in chunks(dict.fromkeys(ids)):
        there = _members(connection, album, chunk)
        of_album = album_items.c.album_id == album
        connection.execute(delete(album_items).where(of_album, album_items.c.item_id.in_(there)))
        gone += there
    return gone


def restore(connection: Connection, names_of: Mapping[ItemId, Sequence[str]]) -> None:
    """Put items into albums by hand of these names; a saved search of such a name stays what it is."""
    of_album: dict[str, list[ItemId]] = defaultdict(list)
    for item, names in names_of.items():
        for name in names:
            of_album[name].append(item)
    for name, members in of_album.items():
        ensure(connection, name, None, None)
        (album,) = _of_name(connection, name)
        if not _album(connection, album).is_search:
            put(connection, album, members)


def names_of(connection: Connection, ids: Iterable[ItemId]) -> dict[ItemId, list[str]]:
    """The albums by hand that items are in, by name."""
    found: dict[ItemId, list[str]] = defaultdict(list)
    query = select(album_items.c.item_id, albums.c.name).join(albums, albums.c.id == album_items.c.album_id)
    for chunk in chunks(dict.fromkeys(ids)):
        for item, name in connection.execute(
            query.where(among(album_items.c.item_id, chunk)).order_by(albums.c.name)
        ):
            found[item].append(name)
    return dict(found)


def by_hand(connection: Connection, album: int) -> int:
    """The album's id; raises NotFoundError where there is none, UsageError where it is a saved search."""
    found = _album(connection, album)
    if found.is_search:
        raise UsageError(
            Sentence(
                "{name!r} is a saved search: what it finds is in it, nothing is put into it", name=found.name
            )
        )
    return album


def _members(connection: Connection, album: int, ids: Sequence[ItemId]) -> list[ItemId]:
    query = select(album_items.c.item_id).where(
        album_items.c.album_id == album, among(album_items.c.item_id, ids)
    )
    return list(connection.execute(query).scalars())


def _album(connection: Connection, album: int) -> Album:
    found = next(iter(_counted(connection, select(albums).where(albums.c.id == album))), None)
    if found is None:
        raise NotFoundError(f"there is no album {album}")
    return found


def _of_name(connection: Connection, name: str) -> list[int]:
    """The album of this name, in whatever letters: one or none."""
    wanted = composed(name.strip()).casefold()
    known = connection.execute(select(albums.c.id, albums.c.name))
    return [album for album, called in known if called.casefold() == wanted]


def _counted(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[Album]:
    """The albums that a query of their rows finds, by name."""
    rows = connection.execute(query).all()
    counts = (
        select(album_items.c.album_id, func.count(), func.max(album_items.c.item_id))
        .join(items, items.c.id == album_items.c.item_id)
        .where(LIVE, album_items.c.album_id.in_([row.id for row in rows]))
        .group_by(album_items.c.album_id)
    )
    held = {row[0]: (row[1], row[2]) for row in connection.execute(counts)}
    found = [_read(row, *held.get(row.id, (0, None))) for row in rows]
    return sorted(found, key=lambda album: (album.name.casefold(), album.id))


def _read(row: Row[Any], count: int, cover: ItemId | None) -> Album:
    album = Album(row.id, row.name, row.query, row.filter, row.created_at, row.updated_at)
    return album if album.is_search else replace(album, count=count, cover=cover)


def _usable(name: str) -> str:
    found = composed(" ".join(name.split()))
    if not found or len(found) > LONGEST_NAME or not found.isprintable():
        raise UsageError(
            Sentence(
                "an album's name has 1 to {most} characters: {name!r}", most=LONGEST_NAME, name=name[:40]
            )
        )
    return found
