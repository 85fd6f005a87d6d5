"""Annotations (captions, tags and attributes): what is said about items, by people, by models and by sources.

What a person said is never overwritten by a source, whichever comes first. A caption that a person set takes the place
of the source's, until the source says something else than before: then both are shown. An attribute that a person set,
or took away, stays so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from vasari.retrieval.catalog.database import Repository, chunks
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.encoding import json_text
from vasari.retrieval.catalog.full_text import refresh
from vasari.retrieval.catalog.records import Telling
from vasari.retrieval.catalog.tables import (
    KEPT,
    LIVE,
    album_items,
    captions,
    descriptions,
    items,
    tags,
    unread_facts,
)
from vasari.retrieval.domain import LARGEST_ITEM, MOST_ATTRIBUTES, Caption, CaptionSource, ItemId, Modality
from vasari.retrieval.errors import NotFoundError, Sentence, UsageError
from vasari.retrieval.images.places import laid_over, with_place
from vasari.retrieval.storage.file_names import composed

_NOTHING = object()
LONGEST_TAG = 200  # characters; PostgreSQL cannot index long texts, and nobody can read them


def check_tag(word: str) -> None:
    """Refuse a tag that is empty or too long."""
    if not 0 < len(word.strip()) <= LONGEST_TAG:
        raise UsageError(
            Sentence("a tag has 1 to {most} characters: {tag!r}", most=LONGEST_TAG, tag=word[:40])
        )


class Annotations(Repository):
    """What is said about a library's items. Methods raise NotFoundError for an item that is not there."""

    def set_captions(self, item: ItemId, sentences: Sequence[Caption], source: CaptionSource) -> None:
        """Replace the item's captions from `source`; those of a person also replace what the file said."""
        with self._database.change() as connection:
            _require_live(connection, item)
            _drop(connection, [item], source)
            if source is CaptionSource.USER:
                _drop(connection, [item], CaptionSource.FILE)
            insert_captions(
                connection, {item: [Caption(said.text, said.language, source) for said in sentences]}
            )
            refresh(connection, [item])

    def add_captions(self, of_items: Mapping[ItemId, Sequence[Caption]]) -> None:
        """Add those captions to items that are not there."""
        if of_items:
            with self._database.change() as connection:
                add_captions(connection, of_items)

    def captioned(self, modality: Modality, sources: Collection[CaptionSource]) -> list[ItemId]:
        """The live items that have a caption of one of these sources, by rising id."""
        query = (
            select(captions.c.item_id)
            .distinct()
            .join(items, items.c.id == captions.c.item_id)
            .where(LIVE, items.c.modality == modality.value)
            .where(captions.c.source.in_([source.value for source in sources]))
            .order_by(captions.c.item_id)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def set_tags(self, item: ItemId, words: Iterable[str]) -> None:
        """Replace the item's tags; raises UsageError for an empty or overlong one, and for one text."""
        if isinstance(words, str):  # a sequence, too, of its letters
            raise UsageError(f"tags are a list of words, such as [{words!r}]")
        wanted = sorted({composed(word.strip()) for word in words})
        with self._database.change() as connection:
            _require_live(connection, item)
            for word in wanted:
                check_tag(word)
            connection.execute(delete(tags).where(tags.c.item_id == item))
            if wanted:
                connection.execute(insert(tags), [{"item_id": item, "tag": word} for word in wanted])
            refresh(connection, [item])

    def add_tags(self, words: Mapping[ItemId, Sequence[str]]) -> None:
        """Add tags, of 1 to 200 characters, to the live and missing items among these; tags that are there stay."""
        if words:
            with self._database.change() as connection:
                add_tags(connection, words)

    def set_attributes(self, item: ItemId, attributes: Mapping[str, Any]) -> None:
        """Set some attributes, or remove them (None). They outlast whatever file and source say.

        What a person took away stays so where neither says it: in an imported library they may say it again.
        """
        with self._database.change() as connection:
            _require_live(connection, item)
            set_attributes(connection, [item], attributes)
            refresh(connection, [item])

    def add_attributes(self, of_items: Mapping[ItemId, Mapping[str, Any]]) -> dict[ItemId, UsageError]:
        """Add what a person set elsewhere to the live and missing items among these; what was set here stays as it is.

        Nothing is added to those of which too much would be said then; these are returned, with the error.
        """
        if not of_items:
            return {}
        with self._database.change() as connection:
            return add_attributes(connection, of_items)

    def describe(self, told: Mapping[ItemId, Telling]) -> None:
        """Take down what sources say of items now; what people said of them stays."""
        if told:
            with self._database.change() as connection:
                refresh(connection, describe(connection, told))

    def user_attributes(self, ids: Iterable[ItemId]) -> dict[ItemId, dict[str, Any]]:
        """What people set of attributes of the live and missing items among `ids`, if any; null: taken away."""
        found: dict[ItemId, dict[str, Any]] = {}
        query = select(items.c.id, items.c.user_attributes).where(KEPT)
        with self._database.read() as connection:
            for chunk in chunks(dict.fromkeys(ids)):
                kept = connection.execute(query.where(among(items.c.id, chunk)))
                found |= {row.id: dict(row.user_attributes) for row in kept if row.user_attributes}
        return found

    def written_about(self, ids: Iterable[ItemId]) -> set[ItemId]:
        """Those of these items about which people wrote something: tags, captions, attributes, albums."""
        with self._database.read() as connection:
            return written_about(connection, ids)


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


def add_captions(connection: Connection, of_items: Mapping[ItemId, Sequence[Caption]]) -> None:
    """Add those captions to items that are not there."""
    for chunk in chunks(of_items):
        query = select(captions.c.item_id, captions.c.text).where(among(captions.c.item_id, chunk))
        there = {tuple(row) for row in connection.execute(query)}
        new = {item: [said for said in of_items[item] if (item, said.text) not in there] for item in chunk}
        insert_captions(connection, new)
        refresh(connection, chunk)


def add_tags(connection: Connection, words: Mapping[ItemId, Sequence[str]]) -> None:
    """Add tags to the live and missing items among these; those that are there stay."""
    for chunk in chunks(words):
        living = select(items.c.id).where(among(items.c.id, chunk), KEPT)
        alive = connection.execute(living).scalars().all()
        there = {tuple(row) for row in connection.execute(select(tags).where(tags.c.item_id.in_(alive)))}
        wanted = {(item, composed(word.strip())) for item in alive for word in words[item]}
        values = [{"item_id": item, "tag": word} for item, word in sorted(wanted - there)]
        if values:
            connection.execute(insert(tags), values)
            refresh(connection, alive)


def add_attributes(
    connection: Connection, of_items: Mapping[ItemId, Mapping[str, Any]]
) -> dict[ItemId, UsageError]:
    """Add what a person set elsewhere to the live and missing items among these; what was set here stays as it is.

    Nothing is added to those of which too much would be said then; these are returned, with the error.
    """
    refused = {}
    for chunk in chunks(of_items):
        for item, row in _layers(connection, chunk).items():
            if row.deleted_at is not None and row.missing_since is None:
                continue
            both = {**of_items[item], **row.user_attributes}
            try:
                check_attributes(both)
            except UsageError as error:
                refused[item] = error
            else:
                _set_own(connection, row, both)
        refresh(connection, chunk)
    return refused


def set_attributes(
    connection: Connection, ids: Iterable[ItemId], attributes: Mapping[str, Any], restored: Iterable[str] = ()
) -> dict[ItemId, dict[str, Any]]:
    """Set some attributes of live items, or remove them (None); of `restored`, what file and source say shows again.

    What people had set before, of the items that differ now; a key that is not there was not set. Raises UsageError
    where one takes too much.
    """
    before: dict[ItemId, dict[str, Any]] = {}
    without = set(restored) - attributes.keys()
    for chunk in chunks(dict.fromkeys(ids)):
        for item, row in _layers(connection, chunk).items():
            if row.deleted_at is not None:
                continue
            below, own = _below(row), row.user_attributes
            taken = {key for key, value in own.items() if value is None}
            user = {key: value for key, value in {**own, **attributes}.items() if key not in without}
            kept = {
                key: value for key, value in user.items() if value is not None or key in below or key in taken
            }
            if json_text(kept) == json_text(own):
                continue
            check_attributes(kept)
            if row.teller is None and kept.keys() & below.keys():
                _keep_facts(connection, item, below)
            _set_own(connection, row, kept)
            before[item] = {key: own[key] for key in (*attributes, *without) if key in own}
    return before


def written_about(connection: Connection, ids: Iterable[ItemId]) -> set[ItemId]:
    """Those of these items, live or missing, that have tags, captions or attributes from people, or are in albums."""
    found: set[ItemId] = set()
    for chunk in chunks(ids):
        tagged = select(tags.c.item_id).where(among(tags.c.item_id, chunk))
        collected = select(album_items.c.item_id).where(among(album_items.c.item_id, chunk))
        captioned = select(captions.c.item_id).where(
            among(captions.c.item_id, chunk), captions.c.source == CaptionSource.USER.value
        )
        found.update(connection.execute(tagged.union(captioned, collected)).scalars())
        own = select(items.c.id, items.c.user_attributes).where(among(items.c.id, chunk))
        found.update(row.id for row in connection.execute(own) if row.user_attributes)
    return found


def _set_own(connection: Connection, row: Row[Any], user: Mapping[str, Any]) -> None:
    """Make `user` what a person says of an item, over what file and source say."""
    connection.execute(
        update(items)
        .where(items.c.id == row.id)
        .values(
            attributes=_overlaid(_below(row), user), user_attributes=dict(user), updated_at=datetime.now(UTC)
        )
    )


def _keep_facts(connection: Connection, item: ItemId, facts: Mapping[str, Any]) -> None:
    """Note what the file of an item says that no source has described, before a person's word hides it."""
    values = {"item_id": item, "teller": "", "stamp": 0, "digest": 0, "attributes": {}, "facts": dict(facts)}
    connection.execute(insert(descriptions).values(values))


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Raise UsageError for attributes of one item that take more bytes than is kept."""
    size = len(json.dumps(attributes, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > MOST_ATTRIBUTES:
        raise UsageError(
            f"the attributes of an item take at most {MOST_ATTRIBUTES:,} bytes as JSON; these take {size:,}"
        )


def describe(connection: Connection, told: Mapping[ItemId, Telling]) -> list[ItemId]:
    """Take down what sources say of items now; what they said before and do not say any more goes.

    The items of which something else is said than before: their words have to be brought up to date.
    """
    changed: list[ItemId] = []
    for chunk in chunks(told):
        rows = _layers(connection, chunk)
        layers = [
            _Layers.of(rows[item], told[item])
            for item in chunk
            if item in rows and (told[item].digest or rows[item].teller is not None)
        ]
        _drop_legacy(connection, [each for each in layers if each.row.teller is None])
        different = [each for each in layers if each.differs]
        _show(connection, different)
        _keep(connection, layers)
        changed += [each.row.id for each in different]
    return changed


def set_facts(connection: Connection, facts: Mapping[ItemId, Mapping[str, Any]]) -> None:
    """Note what the files themselves say, under what sources and people say; then they have been asked."""
    for chunk in chunks(facts):
        connection.execute(delete(unread_facts).where(among(unread_facts.c.item_id, chunk)))
        rows = _layers(connection, chunk)
        shown = [
            {"item": item, "shown": _overlaid(laid_over(facts[item], row.said or {}), row.user_attributes)}
            for item, row in rows.items()
        ]
        if shown:
            connection.execute(
                update(items)
                .where(items.c.id == bindparam("item"))
                .values(attributes=bindparam("shown"), updated_at=datetime.now(UTC)),
                shown,
            )
        described = [
            {"item": item, "noted": dict(facts[item])} for item, row in rows.items() if row.teller is not None
        ]
        if described:
            connection.execute(
                update(descriptions)
                .where(descriptions.c.item_id == bindparam("item"))
                .values(facts=bindparam("noted")),
                described,
            )


def add_facts(connection: Connection, facts: Mapping[ItemId, Mapping[str, Any]]) -> None:
    """Add what the files say to what was known of items; where both speak, what was known stays."""
    for chunk in chunks(facts):
        known = {
            item: row.facts if row.teller is not None else _below(row)
            for item, row in _layers(connection, chunk).items()
        }
        set_facts(connection, {item: with_place({**facts[item], **told}) for item, told in known.items()})


@dataclass(frozen=True, slots=True)
class _Layers:
    """What is said of an item after its source was heard."""

    row: Row[Any]  # before
    told: Telling
    facts: Mapping[str, Any]  # what the file says
    user: Mapping[str, Any]  # what people say

    @classmethod
    def of(cls, row: Row[Any], told: Telling) -> Self:
        """An item that no source has described yet may be of an older library: there, sources spoke as people do."""
        if row.teller is not None:
            return cls(row, told, row.facts, row.user_attributes)
        said = told.attributes
        user = {key: value for key, value in row.user_attributes.items() if said.get(key, _NOTHING) != value}
        return cls(row, told, {key: value for key, value in _below(row).items() if key not in said}, user)

    @property
    def differs(self) -> bool:
        """Whether the source says something else than before."""
        return self.row.teller is None or self.row.digest != self.told.digest

    @property
    def captions_differ(self) -> bool:
        """Whether its captions are others: with the attributes of before, it says something else than before."""
        before = replace(self.told, attributes=self.row.said or {})
        return self.row.teller is None or self.row.digest != before.digest


def _drop_legacy(connection: Connection, first: Sequence[_Layers]) -> None:
    """Captions that were kept as a person's, and are what the source says: they come back as the source's."""
    query = select(captions.c.id, captions.c.item_id, captions.c.text).where(
        captions.c.item_id.in_([each.row.id for each in first]), captions.c.source == CaptionSource.USER.value
    )
    texts = {each.row.id: {said.text for said in each.told.captions} for each in first}
    same = (
        [number for number, item, text in connection.execute(query) if text in texts[item]] if first else []
    )
    for chunk in chunks(same):
        connection.execute(delete(captions).where(among(captions.c.id, chunk)))


def _show(connection: Connection, different: Sequence[_Layers]) -> None:
    """Captions and attributes as the sources have them now."""
    if not different:
        return
    others = [each for each in different if each.captions_differ]
    _drop(connection, [each.row.id for each in others], CaptionSource.FILE)
    insert_captions(
        connection,
        {
            each.row.id: [Caption(one.text, one.language, CaptionSource.FILE) for one in each.told.captions]
            for each in others
        },
    )
    connection.execute(
        update(items)
        .where(items.c.id == bindparam("item"))
        .values(
            attributes=bindparam("shown"), user_attributes=bindparam("user"), updated_at=datetime.now(UTC)
        ),
        [
            {
                "item": each.row.id,
                "shown": _overlaid(laid_over(each.facts, each.told.attributes), each.user),
                "user": dict(each.user),
            }
            for each in different
        ],
    )


def _keep(connection: Connection, layers: Sequence[_Layers]) -> None:
    """Remember who said what."""
    if not layers:
        return
    ids = [each.row.id for each in layers]
    connection.execute(delete(descriptions).where(among(descriptions.c.item_id, ids)))
    connection.execute(
        insert(descriptions),
        [
            {
                "item_id": each.row.id,
                "teller": each.told.teller,
                "stamp": each.told.stamp,
                "digest": each.told.digest,
                "attributes": dict(each.told.attributes),
                "facts": dict(each.facts),
            }
            for each in layers
        ],
    )


def _layers(connection: Connection, ids: Sequence[ItemId]) -> dict[ItemId, Row[Any]]:
    """What file, source and people say of each item."""
    query = (
        select(
            items.c.id,
            items.c.attributes,
            items.c.user_attributes,
            items.c.deleted_at,
            items.c.missing_since,
            descriptions.c.teller,
            descriptions.c.digest,
            descriptions.c.facts,
            descriptions.c.attributes.label("said"),
        )
        .outerjoin(descriptions, descriptions.c.item_id == items.c.id)
        .where(among(items.c.id, ids))
    )
    return {row.id: row for row in connection.execute(query)}


def _below(row: Row[Any]) -> dict[str, Any]:
    """What file and source say, under what people say."""
    if row.teller is not None:
        return laid_over(row.facts, row.said)
    return {key: value for key, value in row.attributes.items() if key not in row.user_attributes}


def _overlaid(below: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    shown = {**below, **user}
    return {key: value for key, value in shown.items() if value is not None or key not in user}


def _require_live(connection: Connection, item: ItemId) -> None:
    """Raise NotFoundError unless the item is there and not deleted."""
    if not 0 < item <= LARGEST_ITEM:  # more than a database can be asked for
        raise _no_item(item)
    alive = select(items.c.id).where(items.c.id == item, LIVE)
    if connection.execute(alive).first() is None:
        raise _no_item(item)


def _no_item(item: ItemId) -> NotFoundError:
    return NotFoundError(f"this library has no item {item}")


def _drop(connection: Connection, ids: Sequence[ItemId], source: CaptionSource) -> None:
    for chunk in chunks(ids):
        connection.execute(
            delete(captions).where(among(captions.c.item_id, chunk), captions.c.source == source.value)
        )
