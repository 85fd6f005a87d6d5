"""Groups of near-duplicates: made step by step as if all at once, on a real catalog with made-up vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.catalogs import SPACE, commit, facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.perceptual_hashes import Fingerprints
from vasari.retrieval.domain import ItemId, Modality, UnitVectors
from vasari.retrieval.images.phash import MAX_DISTANCE
from vasari.retrieval.library import near_duplicates
from vasari.retrieval.library.near_duplicates import MIN_COSINE, regroup


class Plane:
    """Vectors by item: unit vectors of a plane, by their angle in degrees."""

    def __init__(self, angles: dict[ItemId, float]) -> None:
        self.angles = angles
        self.asked = 0

    def ids(self) -> NDArray[np.int64]:
        return np.array(sorted(self.angles), np.int64)

    def vectors_of(self, ids: Sequence[int] | NDArray[np.int64]) -> UnitVectors:
        self.asked += len(ids)
        turned = np.deg2rad([self.angles[int(item)] for item in ids])
        return UnitVectors(np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32))


class Notebook:
    """A store of hashes and groups in memory."""

    def __init__(self, hashes: Sequence[int]) -> None:
        count = len(hashes)
        self.kept = Fingerprints(
            np.arange(1, count + 1),
            np.array(hashes, np.uint64),
            np.zeros(count, np.int64),
            np.zeros(count, np.bool_),
        )
        self.present = np.ones(count, np.bool_)

    def counts(self) -> tuple[int, int]:
        kept = self.all()
        return len(kept.ids), int((~kept.compared).sum())

    def all(self) -> Fingerprints:
        return self.kept.only(self.present)

    def save_groups(self, groups: Sequence[tuple[ItemId, int, int | None]]) -> None:
        for item, number, group in groups:
            assert np.array([number], np.int64).view(np.uint64)[0] == self.kept.hashes[item - 1]
            self.kept.groups[item - 1] = group or 0
            self.kept.compared[item - 1] = True

    def groups(self) -> set[frozenset[ItemId]]:
        """The groups as sets of items, those of one left out."""
        kept = self.all()
        sets = [
            frozenset(kept.ids[kept.groups == group].tolist()) for group in set(kept.groups.tolist()) - {0}
        ]
        return {group for group in sets if len(group) > 1}


def naive(hashes: Sequence[int], angles: dict[ItemId, float]) -> set[frozenset[ItemId]]:
    """Connected components, by comparing all with all until nothing changes."""
    label = {item: item for item in angles}

    def alike(a: ItemId, b: ItemId) -> bool:
        near = (hashes[a - 1] ^ hashes[b - 1]).bit_count() <= MAX_DISTANCE
        return near and np.cos(np.deg2rad(angles[a] - angles[b])) >= MIN_COSINE

    changed = True
    while changed:
        changed = False
        for a in angles:
            for b in angles:
                if label[a] < label[b] and alike(a, b):
                    label[b] = label[a]
                    changed = True
                elif label[a] != label[b] and alike(a, b):
                    label[a] = label[b] = min(label[a], label[b])
                    changed = True
    groups = [frozenset(item for item in label if label[item] == root) for root in set(label.values())]
    return {group for group in groups if len(group) > 1}


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[int], dict[ItemId, float], list[int]]:
    """Hashes of some pictures with their copies, angles, and in how large portions they come."""
    centres = [0, 2**64 - 1, 0x0F0F0F0F0F0F0F0F]
    count = draw(st.integers(1, 24))
    hashes, angles = [], {}
    for item in range(1, count + 1):
        flips = draw(st.lists(st.integers(0, 63), max_size=6, unique=True))
        hashes.append(draw(st.sampled_from(centres)) ^ sum(1 << bit for bit in flips))
        angles[item] = draw(st.sampled_from([0.0, 1.0, 20.0, 40.0, 90.0]))
    return hashes, angles, draw(st.lists(st.integers(1, 6), min_size=1, max_size=24))


@settings(max_examples=80, deadline=None)
@given(collections())
def test_groups_do_not_depend_on_the_order_of_arrival(
    drawn: tuple[list[int], dict[ItemId, float], list[int]],
) -> None:
    """Portion by portion or all at once, the groups are the connected components of all near pairs."""
    hashes, angles, portions = drawn
    book = Notebook(hashes)
    seen = 0
    for portion in [*portions, len(hashes)]:
        seen = min(seen + portion, len(hashes))
        book.present[:] = np.arange(len(hashes)) < seen
        regroup(book, Plane({item: angles[item] for item in range(1, seen + 1)}))
        assert book.groups() == naive(hashes, {item: angles[item] for item in range(1, seen + 1)})
    assert book.counts()[1] == 0


def test_a_crowd_of_copies_is_not_compared_pair_by_pair() -> None:
    """Two thousand copies of a placeholder cost thousands of comparisons, not millions; one unlike them stays out."""
    angles = dict.fromkeys(range(1, 2001), 10.0)
    angles[1000] = 100.0
    book, plane = Notebook([7] * 2000), Plane(angles)
    regroup(book, plane)
    assert book.groups() == {frozenset(set(angles) - {1000})}
    assert plane.asked < 20_000


def test_large_libraries_wait_until_new_items_are_worth_reading_all() -> None:
    """Small ones are always brought up to date."""

    class Counts(Notebook):
        def __init__(self, total: int, new: int) -> None:
            super().__init__([])
            self.told = total, new

        def counts(self) -> tuple[int, int]:
            return self.told

    due = [
        near_duplicates.is_due(Counts(*counts)) for counts in ((10, 1), (10, 0), (10**6, 1), (10**6, 5000))
    ]
    assert due == [True, False, False, True]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(tmp_path / "catalog.sqlite3")


def put(catalog: Catalog, hashes: dict[str, int], ids: dict[str, ItemId] | None = None) -> dict[str, ItemId]:
    """Commit pictures with these hashes by uri, new ones or updates; their ids."""
    catalog.spaces.ensure(SPACE)
    ids = ids or dict(zip(hashes, catalog.items.reserve(len(hashes)), strict=True))
    rows = (facts(ids[uri], uri, f"{uri}{number}", fingerprint=number) for uri, number in hashes.items())
    commit(catalog, *rows)
    return ids


def test_groups_live_in_the_catalog(catalog: Catalog) -> None:
    """Items get a common group; deleted and changed ones leave it, and the rest stays together."""
    ids = put(catalog, {"a": 0, "b": 1, "c": -1, "d": 3, "e": -2})
    plane = Plane(dict.fromkeys(ids.values(), 0.0))
    assert regroup(catalog.perceptual_hashes, plane) == 5
    assert catalog.perceptual_hashes.groups() == [[ids["a"], ids["b"], ids["d"]], [ids["c"], ids["e"]]]
    catalog.items.delete([ids["a"]])
    assert set(catalog.perceptual_hashes.groups_of(ids.values())) == {ids[name] for name in "bcde"}
    put(catalog, {"b": 0x0FF0}, ids)
    assert catalog.perceptual_hashes.groups() == [[ids["c"], ids["e"]]]
    assert regroup(catalog.perceptual_hashes, plane) == 1
    assert catalog.perceptual_hashes.groups() == [[ids["c"], ids["e"]]]


def test_a_group_does_not_swallow_the_one_it_was_named_after(catalog: Catalog) -> None:
    """A picture that was changed may found another group, while its old companions keep theirs."""
    ids = put(catalog, {"a": 0, "b": 1, "c": 2})
    plane = Plane(dict.fromkeys(range(1, 10), 0.0))
    regroup(catalog.perceptual_hashes, plane)
    put(catalog, {"a": -1}, ids)
    more = put(catalog, {"d": -2})
    regroup(catalog.perceptual_hashes, plane)
    assert sorted(catalog.perceptual_hashes.groups()) == [[ids["a"], more["d"]], [ids["b"], ids["c"]]]


def test_pictures_without_a_vector_are_left_for_later(catalog: Catalog) -> None:
    """They are compared as soon as they have one."""
    ids = put(catalog, {"a": 0, "b": 1})
    assert regroup(catalog.perceptual_hashes, Plane({ids["a"]: 0.0})) == 1
    assert catalog.perceptual_hashes.groups() == []
    assert regroup(catalog.perceptual_hashes, Plane(dict.fromkeys(ids.values(), 0.0))) == 1
    assert catalog.perceptual_hashes.groups() == [list(ids.values())]


def test_items_of_an_older_library_get_their_hash_later(catalog: Catalog) -> None:
    """The catalog tells which pictures have none, and takes it without touching anything else."""
    ids = put(catalog, {"a": 0, "b": 1})
    catalog.spaces.ensure(SPACE)
    (old,) = catalog.items.reserve(1)
    commit(catalog, facts(old, "old"))
    assert list(catalog.perceptual_hashes.missing()) == [old]
    catalog.perceptual_hashes.add({old: 3, 4711: 5})
    assert list(catalog.perceptual_hashes.missing()) == []
    regroup(catalog.perceptual_hashes, Plane(dict.fromkeys([*ids.values(), old], 0.0)))
    assert catalog.perceptual_hashes.groups() == [[*ids.values(), old]]
    assert catalog.items.count(Modality.IMAGE) == 3
