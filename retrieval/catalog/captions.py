"""Captions, tags and attributes: what is said about items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from retrieval.catalog.schema import captions, items, tags
from retrieval.catalog.statements import chunks
from retrieval.catalog.words import refresh
from retrieval.domain import Caption, CaptionSource, ItemId
from retrieval.errors import NotFoundError, UsageError
from retrieval.storage.spelling import composed

LONGEST_TAG = 200  # characters; PostgreSQL cannot index long texts, and nobody can read them


def insert_captions(connection: Connection, of_items: Mapping[ItemId, Sequence[Caption]]) -> None:
    """Add captions to items."""
    values = [
        {"item_id": item, "text": caption.text, "language": caption.language, "source": caption.source.value}
        for item, sentences in of_items.items()
        for caption in sentences
    ]
    if values:
        connection.execute(insert(captions), values)


def replace_captions(
    connection: Connection, of_items: Mapping[ItemId, Sequence[Caption]], changed: Sequence[ItemId]
) -> None:
    """Bring captions of updated items up to date.

    Captions given replace those of the same source; none given leave them. What a model said of content that has
    changed since is dropped.
    """
    for source in CaptionSource:
        given = [item for item, said in of_items.items() if any(one.source is source for one in said)]
        _drop(connection, given, source)
    _drop(connection, changed, CaptionSource.MODEL)
    insert_captions(connection, of_items)


def set_captions(
    connection: Connection, item: ItemId, sentences: Sequence[Caption], source: CaptionSource
) -> None:
    """Make `sentences` the captions of `item` from `source`; those of other sources stay."""
    require_live(connection, item)
    _drop(connection, [item], source)
    insert_captions(connection, {item: [Caption(said.text, said.language, source) for said in sentences]})
    refresh(connection, [item])


def set_tags(connection: Connection, item: ItemId, words: Iterable[str]) -> None:
    """Make `words` the tags of `item`; raises UsageError for an empty or overlong one."""
    require_live(connection, item)
    wanted = sorted({composed(word.strip()) for word in words})
    for word in wanted:
        if not word or len(word) > LONGEST_TAG:
            raise UsageError(f"a tag has 1 to {LONGEST_TAG} characters: {word[:40]!r}")
    connection.execute(delete(tags).where(tags.c.item_id == item))
    if wanted:
        connection.execute(insert(tags), [{"item_id": item, "tag": word} for word in wanted])
    refresh(connection, [item])


def set_attributes(connection: Connection, item: ItemId, attributes: Mapping[str, Any]) -> None:
    """Set some attributes of `item`; None removes one. They outlast a change of the file, unlike EXIF facts."""
    row = connection.execute(
        select(items.c.attributes, items.c.user_attributes).where(
            items.c.id == item, items.c.deleted_at.is_(None)
        )
    ).first()
    if row is None:
        raise _no_item(item)
    kept = {key: value for key, value in {**row.user_attributes, **attributes}.items() if value is not None}
    shown = {key: value for key, value in {**row.attributes, **attributes}.items() if value is not None}
    connection.execute(
        update(items)
        .where(items.c.id == item)
        .values(attributes=shown, user_attributes=kept, updated_at=datetime.now(UTC))
    )


def require_live(connection: Connection, item: ItemId) -> None:
    """Raise NotFoundError unless the item is there and not deleted."""
    alive = select(items.c.id).where(items.c.id == item, items.c.deleted_at.is_(None))
    if connection.execute(alive).first() is None:
        raise _no_item(item)


def _no_item(item: ItemId) -> NotFoundError:
    return NotFoundError(f"this library has no item {item}")


def _drop(connection: Connection, ids: Sequence[ItemId], source: CaptionSource) -> None:
    for chunk in chunks(ids):
        connection.execute(
            delete(captions).where(captions.c.item_id.in_(chunk), captions.c.source == source.value)
        )
