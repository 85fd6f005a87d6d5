"""Groups by an attribute: what counts as the same value on both databases, and k groups however large they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.unit.catalogs import SPACE, commit, facts
from vasari.retrieval.catalog.annotations import set_facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.filters.groups import GroupLabels, GroupReader, _Values
from vasari.retrieval.catalog.records import Sighting
from vasari.retrieval.domain import CaptionSource, Modality, UnitVectors, unit_vectors
from vasari.retrieval.errors import QueryError
from vasari.retrieval.search.grouping import MOST, Grouping, grouping_of
from vasari.retrieval.vectors.exact import ExactIndex
from vasari.retrieval.vectors.index import Ids, Scores

SAME: list[list[Any]] = [  # items of one group each
    ["P-1", "P-1", ["P-1"]],
    ["Käse", "Ka\u0308se"],
    ["käse"],
    [1, 1.0, [1]],
    ["1"],
    [True],
    [2**60],
    [0.5],
    [["a", "b"], ["a", "b"]],
    [["b", "a"]],
    [{"x": 1, "y": 2}, {"y": 2, "x": 1}],
    ['it\'s "quoted"\n\\'],
]
ALONE: list[Any] = [None, "", " ", [], [None], [""], {}]


def fill(catalog: Catalog, values: list[Any], name: str = "product") -> list[int]:
    """An item for each value, and one without; their ids."""
    catalog.spaces.ensure(SPACE)
    ids = list(catalog.items.reserve(len(values) + 1))
    rows = [
        facts(item, f"/{item}.jpg", attributes={name: value})
        for item, value in zip(ids[:-1], values, strict=True)
    ]
    commit(catalog, *rows, facts(ids[-1], "/none.jpg"))
    return ids


def groups_of(found: GroupLabels) -> list[list[int]]:
    """The ids of each group."""
    return [found.ids[found.labels == label].tolist() for label in range(len(found.values))]


def test_items_with_one_value_are_one_group(catalog: Catalog) -> None:
    """Numbers by their worth, texts in any form of Unicode, a list of one as that one; what is empty is in none."""
    ids = iter(fill(catalog, [value for same in SAME for value in same] + ALONE))
    expected = [[next(ids) for _ in same] for same in SAME]
    found = catalog.groupings.labels("product", Modality.IMAGE)
    assert groups_of(found) == expected
    assert [type(value) for value in found.values] == [type(same[0]) for same in SAME]
    assert list(found.values) == [same[0] for same in SAME]
    assert groups_of(catalog.groupings.labels("product", Modality.TEXT)) == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("product", "attr.product"),
        ("my key", 'attr."my key"'),
        ("Ka\u0308se", "Käse"),
        ("camera", "camera"),
        ("stack", "attr.stack"),
        ("or", "attr.or"),
        ("favourite", "favourite"),
    ],
)
def test_attributes_are_named_as_in_filters(catalog: Catalog, name: str, asked: str) -> None:
    """Marked or not, quoted where the name needs it, in any form of Unicode."""
    one, two, _ = fill(catalog, ["a", "a"], name)
    assert groups_of(catalog.groupings.labels(asked, Modality.IMAGE)) == [[one, two]]


def test_inside_an_attribute_there_are_more(catalog: Catalog) -> None:
    """What lies in an attribute is named with a dot."""
    one, two, _ = fill(catalog, [{"id": 7, "name": "a"}, {"id": 7, "name": "b"}])
    assert groups_of(catalog.groupings.labels("product.id", Modality.IMAGE)) == [[one, two]]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("width", "grouped by an attribute"),
        ("produkt", "did you mean product"),
        ("", "no name of a field"),
        ("product = 1", "no name of a field"),
        ("a) or exists(b", "no name of a field"),
        ('attr."a\\"b"', "cannot be called"),
    ],
)
def test_what_is_no_attribute_is_refused(catalog: Catalog, asked: str, words: str) -> None:
    """With what it could have meant."""
    fill(catalog, ["a"])
    with pytest.raises(QueryError, match=words):
        catalog.groupings.labels(asked, Modality.IMAGE)


def test_groups_follow_what_changes(catalog: Catalog) -> None:
    """An item that is removed, or gets another value, leaves its group; unchanged, the same labels come back."""
    one, two, three, _ = fill(catalog, ["a", "a", "b"])
    before = catalog.groupings.labels("product", Modality.IMAGE)
    assert catalog.groupings.labels("product", Modality.IMAGE) is before
    catalog.annotations.set_attributes(two, {"product": "b"})
    assert groups_of(catalog.groupings.labels("product", Modality.IMAGE)) == [[one], [two, three]]
    catalog.items.delete([three])
    assert groups_of(catalog.groupings.labels("product", Modality.IMAGE)) == [[one], [two]]


def test_after_a_change_only_what_changed_is_read(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever came, went or changed, the groups are those that a reader finds who never read them before."""
    ids = fill(catalog, [f"P-{number // 3}" for number in range(60)])
    reader, code = GroupReader(catalog.groupings._database), _Values.code

    def changed(values: int) -> None:
        """The groups are right, and few values were read."""
        read: list[str | None] = []

        def noted(held: _Values, text: str | None) -> int:
            read.append(text)
            return code(held, text)

        with monkeypatch.context() as patch:
            patch.setattr(_Values, "code", noted)
            found = reader.labels("attr.product", Modality.IMAGE)
        assert len(read) == values
        fresh = GroupReader(catalog.groupings._database).labels("attr.product", Modality.IMAGE)
        assert found.ids.tolist() == fresh.ids.tolist()
        assert [found.values[label] for label in found.labels] == [
            fresh.values[label] for label in fresh.labels
        ]
        assert np.array_equal(found.labels[:, None] == found.labels, fresh.labels[:, None] == fresh.labels)

    changed(61)
    catalog.annotations.set_tags(ids[0], ["sea"])
    catalog.annotations.set_captions(ids[1], [], CaptionSource.USER)
    changed(0)
    catalog.annotations.set_attributes(ids[5], {"product": "P-0"})
    catalog.annotations.set_attributes(ids[6], {"product": ""})
    changed(2)
    catalog.items.delete([ids[0]])
    catalog.items.lose([ids[7], ids[59]])
    changed(0)
    [new, other] = catalog.items.reserve(2)
    commit(
        catalog,
        facts(new, "/new.jpg", attributes={"product": ["P-1"]}),
        facts(other, "/other.jpg", attributes={"product": "P-9999"}),
    )
    changed(2)
    commit(catalog, facts(ids[9], f"/{ids[9]}.jpg", "h2", attributes={"product": "P-1"}))
    catalog.items.move([Sighting(ids[7], "/back.jpg", 1, 1)])
    changed(2)
    with catalog.groupings._database.change() as connection:
        set_facts(connection, {ids[10]: {"product": "P-1"}})
    changed(1)
    catalog.annotations.add_attributes({item: {"product": "all"} for item in ids[20:40]})
    changed(len(catalog.items.live_ids(Modality.IMAGE)))  # so many that all are read
    catalog.items.delete(catalog.items.live_ids(Modality.IMAGE).tolist())
    changed(0)


def test_behind_a_filter_there_are_no_other_attributes(catalog: Catalog) -> None:
    """An attribute that only unseen items have is as unknown as one that nobody has."""
    fill(catalog, ["a"], "secret")
    fill(catalog, ["a"])
    seen = catalog.groupings.labels("product", Modality.IMAGE, "exists(product)")
    assert len(seen.values) == 1
    with pytest.raises(QueryError, match="no field 'secret', and no item"):
        catalog.groupings.labels("secret", Modality.IMAGE, "exists(product)")


ROWS = np.random.default_rng(3).normal(size=(30_000, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def index() -> ExactIndex:
    """Many rows under ids from 1."""
    made = ExactIndex(4)
    made.add(np.arange(1, len(ROWS) + 1), unit_vectors(ROWS))
    return made


QUERY = unit_vectors(np.ones((1, 4)))


@pytest.mark.parametrize(
    ("sizes", "depth", "groups"),
    [
        ([], 1, 1),
        ([], 300, 40),
        ([2, 9, 1, 150], 1, 5),
        ([150, 150], 256, 3),
        ([9_000], 10, 40),
        ([13_000], 256, 2),
        ([6_000, 6_000, 6_000], 7, 4),
        ([13_000, 150, 13_000, 2], 1, 5),
        ([13_000, 12_000, 4_999], 256, 5),
    ],
)
@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("scans", [True, False])
def test_k_groups_however_large_they_are(
    index: ExactIndex, sizes: list[int], depth: int, groups: int, near: bool, scans: bool
) -> None:
    """The best of the k nearest groups, also where all that lies near is of a few that are larger than one look."""
    everything, _ = index.search(QUERY, len(ROWS))
    order = everything[0] if near else np.random.default_rng(0).permutation(everything[0])
    labels = np.full(len(ROWS) + 1, -1)
    for label, (start, size) in enumerate(zip(np.cumsum([0, *sizes])[:-1], sizes, strict=True)):
        labels[order[start : start + size]] = label
    known = np.flatnonzero(labels >= 0)
    grouping = Grouping(
        GroupLabels(known, labels[known], tuple(range(len(sizes)))), np.arange(1, len(ROWS) + 1)
    )
    asked: list[int] = []

    def look(deep: int, allowed: Ids | None) -> tuple[Ids, Scores]:
        asked.append(deep)
        ids, scores = index.search(QUERY, deep, allowed)
        return ids[0][ids[0] >= 0], scores[0][ids[0] >= 0]

    found, exhausted = grouping.nearest(look, depth, groups, scans=scans)
    first: dict[int, int] = {}
    for item in everything[0].tolist():
        first.setdefault(labels[item] if labels[item] >= 0 else -item, item)
    best = [item for item, _ in found if first.get(labels[item] if labels[item] >= 0 else -item) == item]
    assert best[:groups] == list(first.values())[:groups]
    assert set(everything[0][:depth].tolist()) <= {item for item, _ in found}
    assert exhausted == (len(first) < groups)
    assert max(asked) <= max(MOST, depth)
    assert len(asked) <= 2 - scans + len(sizes)


def test_sizes_are_counted_once_for_a_filter() -> None:
    """Pages of one search share the count; another filter has its own."""
    known = GroupLabels(np.array([2, 3, 5]), np.array([0, 0, 1]), ("a", "b"))
    there, allowed = np.array([1, 2, 3, 5]), np.array([3, 4, 5])
    whole = grouping_of(known, None, there)
    assert grouping_of(known, None, there) is whole
    narrow = grouping_of(known, allowed, there)
    assert grouping_of(known, allowed, there) is narrow
    assert [whole.members(item, set()) for item in (1, 2, 5)] == [1, 2, 1]
    assert [narrow.members(item, set()) for item in (3, 5)] == [1, 1]
    assert [whole.value(item) for item in (1, 2, 5)] == [None, "a", "b"]


def test_means_of_large_groups() -> None:
    """However many vectors a group has, its mean is that of all; vectors that cancel out are like nothing."""
    sizes = [13_000, 1, 9_000, 2, 150]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    ids = np.random.default_rng(1).permutation(len(labels)) + 1
    known = GroupLabels(np.arange(1, len(ids) + 1), labels[np.argsort(ids)], tuple("abcde"))
    rows = unit_vectors(ROWS)
    rows[ids[22_002] - 1] = -rows[ids[22_001] - 1]  # the group of two
    found = Grouping(known, known.ids).fused(
        lambda asked: rows[asked - 1] @ QUERY[0], lambda asked: UnitVectors(rows[asked - 1]), set()
    )
    expected = {}
    for label in range(len(sizes)):
        members = known.ids[known.labels == label]
        mean = rows[members - 1].mean(axis=0)
        cosine = mean @ QUERY[0] / np.linalg.norm(mean) if label != 3 else 0.0
        expected[int(members[np.argmax(rows[members - 1] @ QUERY[0])])] = cosine
    assert [item for item, _ in found] == sorted(expected, key=lambda item: -expected[item])
    assert [score for _, score in found] == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-3)
