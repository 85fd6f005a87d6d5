"""Former contents: what an item held before it was edited, so that what people wrote can go with that content too.

Another picture under a known name is that picture edited, or another one in its place: nobody can tell. So their words
stay with the item, and where its former content turns up as a new item, that gets a copy of them.
"""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select

from vasari.retrieval.catalog import albums
from vasari.retrieval.catalog.annotations import add_attributes, add_captions, add_tags, written_about
from vasari.retrieval.catalog.database import chunks, upserting
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.records import NewItem
from vasari.retrieval.catalog.tables import KEPT, captions, former_contents, items, tags
from vasari.retrieval.domain import Caption, CaptionSource, ItemId, Modality

_Owed = list[tuple[ItemId, str]]  # items, and the contents that they had


def remember(connection: Connection, contents: Mapping[ItemId, str]) -> None:
    """Note the contents that these items are about to lose, where people wrote about them."""
    written = written_about(connection, contents)
    values = [{"item_id": item, "content_hash": contents[item]} for item in sorted(written)]
    if values:
        connection.execute(upserting(connection, former_contents).on_conflict_do_nothing(), values)


def pass_on(connection: Connection, new: Sequence[NewItem], modality: Modality) -> None:
    """Copy what people wrote of former contents to the new items that have them; each is handed over once.

    Not to an item of which people wrote already, nor to a copy: one whose content another live item has.
    """
    first: dict[str, NewItem] = {}
    for item in new:
        first.setdefault(item.content_hash, item)
    heirs = {content: item.id for content, item in first.items() if not item.is_written_about}
    for chunk in chunks(heirs):
        owed = _owed(connection, chunk, modality, min(item.id for item in new))
        if owed:
            refused = _copy(connection, [(item, heirs[content]) for item, content in owed])
            _settle(connection, [pair for pair in owed if heirs[pair[1]] not in refused])


def _owed(connection: Connection, contents: Sequence[str], modality: Modality, before: ItemId) -> _Owed:
    """The items that had these contents, be they live or missing, where no live item before a new one has them."""
    others = items.alias()
    copied = select(others.c.id).where(
        others.c.content_hash == former_contents.c.content_hash,
        others.c.modality == modality.value,
        others.c.deleted_at.is_(None),
        others.c.id < before,
    )
    query = (
        select(former_contents.c.item_id, former_contents.c.content_hash)
        .join(items, items.c.id == former_contents.c.item_id)
        .where(former_contents.c.content_hash.in_(contents), items.c.modality == modality.value, KEPT)
        .where(~copied.exists())
    )
    return [(row.item_id, row.content_hash) for row in connection.execute(query)]


def _copy(connection: Connection, pairs: Sequence[tuple[ItemId, ItemId]]) -> Collection[ItemId]:
    """Add what people wrote of the first of each pair to the second; those of which too much would be said then."""
    sources = {source for source, _ in pairs}
    written = captions.c.source == CaptionSource.USER.value
    said = select(captions.c.item_id, captions.c.text, captions.c.language).where(written)
    own = select(items.c.id, items.c.user_attributes)
    words = _gathered(connection, pairs, select(tags).where(among(tags.c.item_id, sources)))
    sentences = _gathered(
        connection, pairs, said.where(among(captions.c.item_id, sources)).order_by(captions.c.id)
    )
    attributes = _gathered(connection, pairs, own.where(among(items.c.id, sources)).order_by(items.c.id))
    add_tags(connection, {heir: [row.tag for row in rows] for heir, rows in words.items()})
    collected = albums.names_of(connection, sources)
    heirs = [(heir, collected[source]) for source, heir in pairs if source in collected]
    albums.restore(connection, {heir: list(names) for heir, names in _joined(heirs).items()})
    add_captions(
        connection,
        {
            heir: list({row.text: Caption(row.text, row.language) for row in rows}.values())
            for heir, rows in sentences.items()
        },
    )
    return add_attributes(
        connection,
        {
            heir: dict(ChainMap(*(row.user_attributes for row in reversed(rows))))
            for heir, rows in attributes.items()
        },
    )


def _joined(pairs: Iterable[tuple[ItemId, Sequence[str]]]) -> dict[ItemId, dict[str, None]]:
    """All names of each."""
    found: dict[ItemId, dict[str, None]] = defaultdict(dict)
    for heir, names in pairs:
        found[heir] |= dict.fromkeys(names)
    return found


def _gathered(
    connection: Connection, pairs: Sequence[tuple[ItemId, ItemId]], query: Select[*tuple[Any, ...]]
) -> dict[ItemId, list[Row[Any]]]:
    """The rows that begin with the first of a pair, by the second."""
    heirs = defaultdict(list)
    for source, heir in pairs:
        heirs[source].append(heir)
    found = defaultdict(list)
    for row in connection.execute(query):
        for heir in heirs[row[0]]:
            found[heir].append(row)
    return found


def _settle(connection: Connection, handed: _Owed) -> None:
    """Forget contents whose words were handed over: from now on these go with the heir."""
    for item, content in handed:
        connection.execute(
            delete(former_contents).where(
                former_contents.c.item_id == item, former_contents.c.content_hash == content
            )
        )
