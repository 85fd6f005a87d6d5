"""Stacks: pictures of one moment that are shown as one, by rules or by hand; each method is one transaction.

A stack is told by its members, never by its number, which says nothing to anybody. What people did comes before
rules: a stack by hand stays as it is, and so does an item that was taken out of one, until people change it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from vasari.retrieval.catalog.database import Repository, chunks, reserve
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.tables import LIVE, items, stack_items
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import UsageError

_COUNTER = "stacks"


class StackRule(StrEnum):
    """Why pictures are one stack."""

    RAW = "raw"  # a RAW photo, and what was made of it under its name
    LIVE = "live"  # what a phone wrote of one moment under one name
    EDIT = "edit"  # an edited copy beside its original
    BURST = "burst"  # taken within seconds, and nearly the same
    HAND = "hand"  # by people


@dataclass(frozen=True, slots=True)
class Stack:
    """Live items, at least two, by id."""

    rule: StackRule
    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """What rules know of a picture."""

    id: ItemId
    uri: str
    format: str | None = None
    taken: str | None = None  # ISO 8601, the camera's local time
    camera: str | None = None


class Stacks(Repository):
    """The stacks of a library."""

    def all(self) -> list[Stack]:
        """All stacks that have two live members, by the least id in each."""
        with self._database.read() as connection:
            found = _members(connection)
        return sorted(found.values(), key=lambda stack: stack.items)

    def with_item(self, item: ItemId) -> tuple[ItemId, ...]:
        """The live members of an item's stack, by id, itself among them; nothing where it is in none."""
        own = select(stack_items.c.stack_id).where(stack_items.c.item_id == item).scalar_subquery()
        query = select(stack_items.c.item_id).join(items, items.c.id == stack_items.c.item_id)
        with self._database.read() as connection:
            found = connection.execute(query.where(stack_items.c.stack_id == own, LIVE).order_by(items.c.id))
            return tuple(found.scalars())

    def make(self, ids: Iterable[ItemId]) -> tuple[ItemId, ...]:
        """Make live pictures one stack, by hand, taking them out of others; its members.

        Raises UsageError for fewer than two.
        """
        with self._database.change() as connection:
            members = _pictures(connection, ids)
            if len(members) < 2:
                raise UsageError("a stack has at least two pictures")
            (number,) = reserve(connection, _COUNTER, 1)
            _put(connection, members, number, StackRule.HAND)
            return tuple(members)

    def take_out(self, ids: Iterable[ItemId]) -> None:
        """Take pictures out of their stacks, by hand: no rule puts them into one again."""
        with self._database.change() as connection:
            _put(connection, _pictures(connection, ids), None, StackRule.HAND)

    def by_hand(self, ids: Iterable[ItemId]) -> dict[ItemId, int]:
        """What people did with items: a number that those of one stack share, 0 for one that was taken out of its."""
        query = select(stack_items.c.item_id, stack_items.c.stack_id).where(
            stack_items.c.rule == StackRule.HAND
        )
        with self._database.read() as connection:
            return {
                item: number or 0
                for chunk in chunks(dict.fromkeys(ids))
                for item, number in connection.execute(query.where(among(stack_items.c.item_id, chunk)))
            }

    def restore(self, numbers: Mapping[ItemId, int]) -> None:
        """Do what people did with items elsewhere, as `by_hand` told it; what people did here with one stays."""
        groups: dict[int, list[ItemId]] = defaultdict(list)
        for item, number in sorted(numbers.items()):
            groups[number].append(item)
        with self._database.change() as connection:
            _put(connection, _free(connection, groups.pop(0, [])), None, StackRule.HAND)
            for members in groups.values():
                free, here = _free(connection, members), _stack_by_hand(connection, members)
                if here is None and len(free) > 1:
                    (here,) = reserve(connection, _COUNTER, 1)
                if here is not None:
                    _put(connection, free, here, StackRule.HAND)

    def shots(self) -> list[Shot]:
        """All live pictures that people have put into no stack and taken out of none, by id."""
        taken, camera = (items.c.attributes[name].as_string() for name in ("taken", "camera"))
        by_hand = select(stack_items.c.item_id).where(stack_items.c.rule == StackRule.HAND)
        query = select(items.c.id, items.c.uri, items.c.format, taken, camera).where(
            items.c.modality == Modality.IMAGE.value, LIVE, items.c.id.not_in(by_hand)
        )
        return [Shot(*row) for page in self._database.pages(query, items.c.id) for row in page]

    def save(self, found: Sequence[Stack]) -> int:
        """Have these be all stacks by rules; says how many are new or others than before. Nothing changed: no write."""
        with self._database.read() as connection:
            before = _members(connection, bare=True).values()
        known = {stack for stack in before if stack.rule is not StackRule.HAND}
        wanted = set(found)
        if known == wanted:
            return 0
        with self._database.change() as connection:
            for stack in known - wanted:
                _drop(connection, stack.items)
            new = sorted(wanted - known, key=lambda stack: stack.items)
            for stack, number in zip(new, reserve(connection, _COUNTER, len(new)), strict=True):
                members = _free(connection, stack.items)
                if len(members) > 1:
                    _put(connection, members, number, stack.rule)
        return len(new)


def _members(connection: Connection, *, bare: bool = False) -> Mapping[int, Stack]:
    """Stacks with two live members, by number; with `bare` those with one or none, and what is gone, too."""
    query = select(stack_items.c.stack_id, stack_items.c.rule, stack_items.c.item_id)
    query = query.where(stack_items.c.stack_id.is_not(None))
    if not bare:
        query = query.join(items, items.c.id == stack_items.c.item_id).where(LIVE)
    held: dict[tuple[int, str], list[ItemId]] = defaultdict(list)
    for number, rule, item in connection.execute(query.order_by(stack_items.c.item_id)):
        held[number or 0, rule].append(item)
    return {
        number: Stack(StackRule(rule), tuple(ids))
        for (number, rule), ids in held.items()
        if bare or len(ids) > 1
    }


def _pictures(connection: Connection, ids: Iterable[ItemId]) -> list[ItemId]:
    query = select(items.c.id).where(LIVE, items.c.modality == Modality.IMAGE.value)
    return sorted(
        item
        for chunk in chunks(dict.fromkeys(ids))
        for item in connection.execute(query.where(among(items.c.id, chunk))).scalars()
    )


def _free(connection: Connection, ids: Sequence[ItemId]) -> list[ItemId]:
    """Those that people have not put anywhere since."""
    query = select(stack_items.c.item_id).where(stack_items.c.rule == StackRule.HAND)
    taken = {
        item
        for chunk in chunks(ids)
        for item in connection.execute(query.where(among(stack_items.c.item_id, chunk))).scalars()
    }
    return [item for item in ids if item not in taken]


def _stack_by_hand(connection: Connection, ids: Sequence[ItemId]) -> int | None:
    """The first stack by hand that has one of these."""
    query = select(stack_items.c.stack_id).where(
        stack_items.c.rule == StackRule.HAND, stack_items.c.stack_id.is_not(None)
    )
    for chunk in chunks(ids):
        of_these = query.where(among(stack_items.c.item_id, chunk)).order_by(stack_items.c.item_id)
        found = connection.execute(of_these.limit(1)).scalar()
        if found is not None:
            return found
    return None


def _put(connection: Connection, ids: Sequence[ItemId], stack: int | None, rule: StackRule) -> None:
    _drop(connection, ids)
    if ids:
        connection.execute(
            insert(stack_items), [{"item_id": item, "stack_id": stack, "rule": rule.value} for item in ids]
        )


def _drop(connection: Connection, ids: Sequence[ItemId]) -> None:
    for chunk in chunks(ids):
        connection.execute(delete(stack_items).where(among(stack_items.c.item_id, chunk)))
