"""Perceptual hashes of items and the groups of near-duplicates; each function is one part of a transaction.

An item's hash is written when the item is; `compared` becomes 1 once it was held against all others, and `group_id` is
then the least id of its group at that time, or null for an item that is alone. Groups are made by
`vasari.retrieval.library.near_duplicates`, for they also rest on vectors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from vasari.retrieval.catalog.database import REVISION, Database, Repository, chunks
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.tables import LIVE, fingerprints, items
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.images.phash import MAX_DISTANCE, Bands

_AT_ONCE = 65_536  # hashes compared in one go: they stay in the second-level cache
_ASLEEP = -1  # in the column `compared`, of a missing item


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """The hashes of live items, by ascending id; all arrays are (n,)."""

    ids: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    groups: NDArray[np.int64]  # 0: in none
    compared: NDArray[np.bool_]

    def only(self, rows: NDArray[np.bool_]) -> Fingerprints:
        """These rows."""
        return Fingerprints(self.ids[rows], self.hashes[rows], self.groups[rows], self.compared[rows])


@dataclass(frozen=True, eq=False)
class ItemHashes:
    """The hashes of live items, by ascending id; both arrays are (n,)."""

    ids: NDArray[np.int64]
    hashes: NDArray[np.uint64]

    def near(self, hashes: Sequence[int], distance: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """The ids (n,) of hashes at most so many bits from any of these, and by how many bits, the nearest first.

        Up to `phash.MAX_DISTANCE` bits cost nearly nothing, more the comparison with each: 1 ms a million and hash.
        """
        asked = np.array(hashes, np.int64).view(np.uint64)
        found = (
            self._bands.near(asked) if distance <= MAX_DISTANCE else _compared(self.hashes, asked, distance)
        )
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *(row for _, row in found)]))
        bits = np.bitwise_count(self.hashes[rows, None] ^ asked).min(axis=1, initial=64)
        best = np.flatnonzero(bits <= distance)
        best = best[np.argsort(bits[best], kind="stable")]
        return self.ids[rows[best]], bits[best]

    @cached_property
    def _bands(self) -> Bands:
        return Bands(self.hashes)

    def sums(self) -> tuple[int, int, int]:
        """What tells that nothing else changed when some came: as `_SUMS`."""
        low, places = self.hashes & np.uint64(_LOW), (self.ids & _PLACE).astype(np.uint64)
        return len(self.ids), int(low.sum()), int((low * places).sum())

    def with_more(self, rows: NDArray[np.int64]) -> ItemHashes:
        """With (n, 2) of later ids."""
        hashes = np.concatenate([self.hashes, rows[:, 1].view(np.uint64)])
        return ItemHashes(np.concatenate([self.ids, rows[:, 0]]), hashes)


# Bits that are summed: 2^40 for each of millions stays below 2^63.
_LOW = 0xFFFFFF
_PLACE = 0xFFFF
_SUMS = (
    func.count(),
    func.coalesce(func.sum(fingerprints.c.hash.bitwise_and(_LOW)), 0),
    func.coalesce(
        func.sum(fingerprints.c.hash.bitwise_and(_LOW) * fingerprints.c.item_id.bitwise_and(_PLACE)), 0
    ),
)
_AWAKE = fingerprints.c.compared != _ASLEEP


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Near-duplicates, the best copy first: that with the most pixels, then the most bytes, then the oldest."""

    ids: tuple[ItemId, ...]
    reclaimable_bytes: int  # of all but the best copy


class PerceptualHashes(Repository):
    """The perceptual hashes of a library's pictures, and their groups."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._held = (-1, _NO_HASHES)  # with the revision they were read at

    def counts(self) -> tuple[int, int]:
        """How many hashes there are, and how many of them were not compared with the others yet."""
        every = select(func.count()).select_from(fingerprints).where(fingerprints.c.compared != _ASLEEP)
        with self._database.read() as connection:
            return (
                connection.execute(every).scalar_one(),
                connection.execute(every.where(fingerprints.c.compared == 0)).scalar_one(),
            )

    def all(self) -> Fingerprints:
        """All hashes with their groups, at 0.5 s a million."""
        query = select(
            fingerprints.c.item_id,
            fingerprints.c.hash,
            func.coalesce(fingerprints.c.group_id, 0),
            fingerprints.c.compared,
        )
        query = query.where(fingerprints.c.compared != _ASLEEP).order_by(fingerprints.c.item_id)
        with self._database.read() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        table = np.array(rows, np.int64).reshape(-1, 4)
        return Fingerprints(table[:, 0], table[:, 1].view(np.uint64), table[:, 2], table[:, 3] == 1)

    def remembered(self) -> ItemHashes:
        """All hashes as of this state of the catalog; not to be written to.

        Where items only came since the last time, theirs alone are read, and sums tell that the others are as they
        were: 0.1 s a million.
        """
        with self._database.read() as connection:
            revision = connection.execute(REVISION).scalar_one()
            at, held = self._held
            if at != revision:
                last = int(held.ids[-1]) if len(held.ids) else 0
                sums = tuple(map(int, connection.execute(select(*_SUMS).where(_AWAKE)).one()))
                held = held.with_more(_hashes_after(connection, last))
                if held.sums() != sums:
                    held = _NO_HASHES.with_more(_hashes_after(connection, 0))
                self._held = (revision, held)
        return held

    def missing(self) -> Iterator[ItemId]:
        """Live pictures without a hash, by id: those of a library that an older version made."""
        query = (
            select(items.c.id)
            .outerjoin(fingerprints, fingerprints.c.item_id == items.c.id)
            .where(items.c.modality == Modality.IMAGE.value, LIVE, fingerprints.c.item_id.is_(None))
        )
        return (row.id for page in self._database.pages(query, items.c.id) for row in page)

    def add(self, hashes: Mapping[ItemId, int]) -> None:
        """Note the hashes of live items that have none."""
        with self._database.write() as connection:
            for chunk in chunks(hashes):
                query = select(items.c.id).where(among(items.c.id, chunk), LIVE)
                alive = connection.execute(query).scalars()
                note(connection, {item: hashes[item] for item in alive})

    def groups(self) -> list[list[ItemId]]:
        """The items of each group of near-duplicates that has at least two of them left; ids ascend."""
        query = (
            select(fingerprints.c.group_id, fingerprints.c.item_id)
            .where(fingerprints.c.group_id.is_not(None))
            .order_by(fingerprints.c.group_id, fingerprints.c.item_id)
        )
        found: dict[int | None, list[ItemId]] = {}
        with self._database.read() as connection:
            for group, item in connection.execute(query):
                found.setdefault(group, []).append(item)
        return [group for group in found.values() if len(group) > 1]

    def copies(self, allowed: NDArray[np.int64] | None = None) -> list[CopyGroup]:
        """The groups of live near-duplicates, those with the most to reclaim first.

        Of the sorted ids `allowed` (None: all); what is alone among these is in no group.
        """
        pixels = func.coalesce(items.c.width, 0) * func.coalesce(items.c.height, 0)
        query = (
            select(fingerprints.c.group_id, items.c.id, items.c.bytes)
            .join(items, items.c.id == fingerprints.c.item_id)
            .where(fingerprints.c.group_id.is_not(None), LIVE)
            .order_by(fingerprints.c.group_id, pixels.desc(), items.c.bytes.desc(), items.c.id)
        )
        seen = None if allowed is None else set(allowed.tolist())
        found: dict[int | None, list[tuple[ItemId, int]]] = {}
        with self._database.read() as connection:
            for group, item, size in connection.execute(query):
                if seen is None or item in seen:
                    found.setdefault(group, []).append((item, size))
        groups = [
            CopyGroup(tuple(item for item, _ in group), sum(size for _, size in group[1:]))
            for group in found.values()
            if len(group) > 1
        ]
        return sorted(groups, key=lambda group: (-group.reclaimable_bytes, group.ids))

    def groups_of(self, ids: Iterable[ItemId]) -> dict[ItemId, int]:
        """The near-duplicate group of each item that is in one."""
        query = select(fingerprints.c.item_id, fingerprints.c.group_id)
        with self._database.read() as connection:
            return {
                item: group
                for chunk in chunks(ids)
                for item, group in connection.execute(query.where(among(fingerprints.c.item_id, chunk)))
                if group is not None
            }

    def save_groups(self, groups: Iterable[tuple[ItemId, int, int | None]]) -> None:
        """Note (id, hash, group) of items that were compared; the others of their groups are to be among them.

        One whose hash is another by now is left as it is.
        """
        statement = (
            update(fingerprints)
            .where(
                fingerprints.c.item_id == bindparam("item"),
                fingerprints.c.hash == bindparam("of"),
                fingerprints.c.compared != _ASLEEP,
            )
            .values(group_id=bindparam("group"), compared=1)
        )
        with self._database.change() as connection:
            for chunk in chunks(groups, 10_000):
                connection.execute(
                    statement, [{"item": i, "of": number, "group": group} for i, number, group in chunk]
                )


def _compared(
    hashes: NDArray[np.uint64], asked: NDArray[np.uint64], distance: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Rows at most so many bits from a hash, beside its number: a look at all."""
    for start in range(0, len(hashes), _AT_ONCE):
        part = hashes[start : start + _AT_ONCE]
        for number, one in enumerate(asked):
            yield number, start + np.flatnonzero(np.bitwise_count(part ^ one) <= distance)


def _hashes_after(connection: Connection, item: ItemId) -> NDArray[np.int64]:
    """The ids and hashes (n, 2) of live items with greater ids."""
    query = select(fingerprints.c.item_id, fingerprints.c.hash).where(_AWAKE, fingerprints.c.item_id > item)
    rows = connection.execute(query.order_by(fingerprints.c.item_id))
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2)


_NO_HASHES = ItemHashes(np.empty(0, np.int64), np.empty(0, np.uint64))


def note(
    connection: Connection, hashes: Mapping[ItemId, int | None], changed: Collection[ItemId] = ()
) -> None:
    """Keep the hashes of items; one that is another now, or whose item's content `changed`, leaves its group."""
    for chunk in chunks(hashes):
        query = select(fingerprints.c.item_id, fingerprints.c.hash).where(
            among(fingerprints.c.item_id, chunk)
        )
        known = {item: number for item, number in connection.execute(query)}  # noqa: C416 (rows are no pairs)
        stale = [item for item in known if item in changed or known[item] != hashes[item]]
        forget(connection, stale)
        new = [item for item in chunk if hashes[item] is not None and (item not in known or item in stale)]
        if new:
            connection.execute(
                insert(fingerprints),
                [{"item_id": item, "hash": hashes[item], "compared": 0} for item in new],
            )


def forget(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Take items out of their groups, with their hashes."""
    for chunk in chunks(ids):
        connection.execute(delete(fingerprints).where(among(fingerprints.c.item_id, chunk)))


def sleep(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Take items out of their groups, but keep their hashes until they come back: those of missing pictures."""
    for chunk in chunks(ids):
        connection.execute(
            update(fingerprints)
            .where(among(fingerprints.c.item_id, chunk))
            .values(group_id=None, compared=_ASLEEP)
        )


def wake(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Have the hashes of items that came back compared with the others again."""
    for chunk in chunks(ids):
        connection.execute(
            update(fingerprints)
            .where(among(fingerprints.c.item_id, chunk), fingerprints.c.compared == _ASLEEP)
            .values(compared=0)
        )
