"""Relocation: a folder that lies elsewhere by now, with all that is known of what lies in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, func, or_, select, type_coerce, update

from vasari.retrieval.catalog.database import Database, bump_revision, chunks
from vasari.retrieval.catalog.encoding import stored_uri, uri_key
from vasari.retrieval.catalog.full_text import refresh
from vasari.retrieval.catalog.items import holders
from vasari.retrieval.catalog.tables import descriptions, failures, items
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.uris import beginnings


def relocate(database: Database, old: str, new: str) -> int:
    """Let all that lies in `old` lie in `new`, in one transaction: a folder, an archive or a place at a URL.

    Says how many items. They keep their ids, vectors and all that was said of them. Raises UsageError where another
    item lies at one of the new places.
    """
    with database.write() as connection:
        moving = {modality: _inside(connection, old, modality) for modality in Modality}
        for modality, found in moving.items():
            places = [_moved(uri, old, new) for _, uri in found]
            _check_free(connection, modality, {item for item, _ in found}, places)
            _rename(connection, found, old, new)
        _rename_failures(connection, old, new)
        _rename_tellers(connection, old, new)
        moved = [item for found in moving.values() for item, _ in found]
        for part in chunks(moved):
            refresh(connection, part)
        bump_revision(connection)
    return len(moved)


def _begins(uri: ColumnElement[Any], folder: str) -> ColumnElement[bool]:
    """The place itself, or anything in it: /a/b holds /a/b/c and not /a/bc, /a/b.tar holds /a/b.tar#c."""
    name = stored_uri(folder)
    text = type_coerce(uri, Text())
    return or_(text == name, func.substr(text, 1, len(name) + 1).in_(beginnings(name)))


def _moved(uri: str, old: str, new: str) -> str:
    return new + uri[len(old) :]


def _inside(connection: Connection, folder: str, modality: Modality) -> list[tuple[ItemId, str]]:
    query = select(items.c.id, items.c.uri).where(
        _begins(items.c.uri, folder), items.c.modality == modality.value
    )
    return [(row.id, row.uri) for row in connection.execute(query)]


def _check_free(connection: Connection, modality: Modality, moving: set[ItemId], places: list[str]) -> None:
    for key, holder in holders(connection, modality.value, places).items():
        if holder not in moving:
            taken = next(place for place in places if uri_key(place) == key)
            raise UsageError(f"{taken} is an item of its own: remove it, or index both places instead")


def _rename(connection: Connection, found: list[tuple[ItemId, str]], old: str, new: str) -> None:
    """In two steps, as one of the new names may be an old one: the keys of live items are unique."""
    aside = update(items).where(items.c.id == bindparam("item")).values(uri_key=bindparam("key"))
    final = update(items).where(items.c.id == bindparam("item"))
    final = final.values(uri=bindparam("new_uri"), uri_key=bindparam("key"))
    for part in chunks(found):
        connection.execute(aside, [{"item": item, "key": b"moving:%d" % item} for item, _ in part])
    for part in chunks(found):
        places = [(item, _moved(uri, old, new)) for item, uri in part]
        connection.execute(
            final, [{"item": item, "new_uri": place, "key": uri_key(place)} for item, place in places]
        )


def _rename_failures(connection: Connection, old: str, new: str) -> None:
    """Failures of the new places are those of the old ones from now on."""
    rows = connection.execute(select(failures).where(_begins(failures.c.uri, old))).all()
    renamed = [{**row._asdict(), "uri": _moved(row.uri, old, new)} for row in rows]
    for row in renamed:
        row["uri_key"] = uri_key(row["uri"])
    keys = [row.uri_key for row in rows] + [row["uri_key"] for row in renamed]
    for part in chunks(keys):
        connection.execute(failures.delete().where(failures.c.uri_key.in_(part)))
    for some in chunks(renamed):
        connection.execute(failures.insert(), some)


def _rename_tellers(connection: Connection, old: str, new: str) -> None:
    """Tables that lie in the folder, as those who say something of items."""
    query = select(descriptions.c.teller).where(_begins(descriptions.c.teller, old)).distinct()
    for teller in connection.execute(query).scalars().all():
        connection.execute(
            update(descriptions)
            .where(descriptions.c.teller == teller)
            .values(teller=_moved(teller, old, new))
        )
