"""Bulk changes of what people say about items, each with the changes that take it back (undo)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from vasari.retrieval.catalog import albums
from vasari.retrieval.catalog.annotations import add_tags, check_tag, insert_captions, set_attributes
from vasari.retrieval.catalog.database import Repository, chunks
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.encoding import json_text
from vasari.retrieval.catalog.full_text import refresh
from vasari.retrieval.catalog.records import Change, Changed, Undo
from vasari.retrieval.catalog.tables import LIVE, captions, items, tags
from vasari.retrieval.domain import Caption, CaptionSource, ItemId
from vasari.retrieval.storage.file_names import composed


class Changes(Repository):
    """Changes many items in one transaction."""

    def apply(self, ids: Collection[ItemId], change: Change) -> Changed:
        """Change the live ones among `ids`.

        Raises UsageError for a tag or an attribute that cannot be kept, NotFoundError for an album that is not there:
        then nothing is changed.
        """
        _check(change)
        with self._database.change() as connection:
            alive = _live(connection, ids)
            undo = list(_changed(connection, list(alive), change))[::-1]  # the last is taken back first
            touched = {item for one in undo for item in one.ids}
            said = {item for one in undo if not one.change.is_of_albums for item in one.ids}
            refresh(connection, sorted(said))  # names of albums are no words of an item
        return Changed(len(touched), [item for item in dict.fromkeys(ids) if item not in alive], undo)


def _check(change: Change) -> None:
    for word in (*change.add_tags, *change.remove_tags):
        check_tag(word)


def _live(connection: Connection, ids: Iterable[ItemId]) -> dict[ItemId, None]:
    query = select(items.c.id).where(LIVE)
    found = {
        item
        for chunk in chunks(dict.fromkeys(ids))
        for item in connection.execute(query.where(among(items.c.id, chunk))).scalars()
    }
    return dict.fromkeys(item for item in ids if item in found)


def _changed(connection: Connection, ids: list[ItemId], change: Change) -> Iterator[Undo]:
    """Apply each part; what takes it back."""
    for word in _words(change.add_tags):
        if new := _without_tag(connection, ids, word):
            add_tags(connection, {item: [word] for item in new})
            yield Undo(new, Change(remove_tags=[word]))
    for word in _words(change.remove_tags):
        if had := _drop_tag(connection, ids, word):
            yield Undo(had, Change(add_tags=[word]))
    if change.attributes or change.restore_attributes:
        yield from _attributes(connection, ids, change)
    for album in dict.fromkeys(change.add_to_albums):
        if put := albums.put(connection, albums.by_hand(connection, album), ids):
            yield Undo(put, Change(remove_from_albums=[album]))
    for album in dict.fromkeys(change.remove_from_albums):
        if taken := albums.take(connection, albums.by_hand(connection, album), ids):
            yield Undo(taken, Change(add_to_albums=[album]))
    for said in dict.fromkeys(change.add_captions):
        if new := _without_caption(connection, ids, said.text):
            insert_captions(connection, {item: [said] for item in new})
            yield Undo(new, Change(remove_captions=[said.text]))
    for text in dict.fromkeys(change.remove_captions):
        for language, had in _drop_caption(connection, ids, text).items():
            yield Undo(had, Change(add_captions=[Caption(text, language)]))


def _words(given: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(composed(word.strip()) for word in given)


def _with_tag(connection: Connection, ids: Iterable[ItemId], word: str) -> list[ItemId]:
    query = select(tags.c.item_id).where(tags.c.tag == word)
    return [
        item
        for chunk in chunks(ids)
        for item in connection.execute(query.where(among(tags.c.item_id, chunk))).scalars()
    ]


def _without_tag(connection: Connection, ids: Sequence[ItemId], word: str) -> list[ItemId]:
    there = set(_with_tag(connection, ids, word))
    return [item for item in ids if item not in there]


def _drop_tag(connection: Connection, ids: Sequence[ItemId], word: str) -> list[ItemId]:
    had = _with_tag(connection, ids, word)
    for chunk in chunks(had):
        connection.execute(delete(tags).where(tags.c.tag == word, among(tags.c.item_id, chunk)))
    return had


def _without_caption(connection: Connection, ids: Sequence[ItemId], text: str) -> list[ItemId]:
    """Those of which nobody says just this yet."""
    query = select(captions.c.item_id).where(captions.c.text == text)
    there = {
        item
        for chunk in chunks(ids)
        for item in connection.execute(query.where(among(captions.c.item_id, chunk))).scalars()
    }
    return [item for item in ids if item not in there]


def _drop_caption(
    connection: Connection, ids: Sequence[ItemId], text: str
) -> Mapping[str | None, list[ItemId]]:
    """Take a person's sentence away; whose it was, by the language that was noted with it."""
    had: dict[str | None, list[ItemId]] = defaultdict(list)
    for chunk in chunks(ids):
        own = (
            captions.c.text == text,
            captions.c.source == CaptionSource.USER.value,
            among(captions.c.item_id, chunk),
        )
        for item, language in connection.execute(select(captions.c.item_id, captions.c.language).where(*own)):
            had[language].append(item)
        connection.execute(delete(captions).where(*own))
    return had


def _attributes(connection: Connection, ids: Sequence[ItemId], change: Change) -> Iterator[Undo]:
    """Set and restore attributes; items of which people had said the same before are taken back together."""
    named = [*change.attributes, *change.restore_attributes]
    alike: dict[str, list[ItemId]] = defaultdict(list)
    befores = set_attributes(connection, ids, change.attributes, change.restore_attributes)
    for item, before in befores.items():
        alike[json_text(before)].append(item)
    for same in alike.values():
        before = befores[same[0]]
        unset = [name for name in named if name not in before]
        yield Undo(same, Change(attributes=before, restore_attributes=unset))
