"""Filters mean what a plain reading of them says, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.catalog.catalog import Catalog
from retrieval.catalog.filter_language import parse_filter
from retrieval.catalog.records import CommitRow, ItemFacts
from retrieval.domain import Caption, Item, Modality
from tests.conftest import postgres_database
from tests.unit.catalogs import SPACE, commit
from tests.unit.plain_filters import accepts

LETTERS = (
    "aAkKbé É%_*?[]\\'\"ßſ中x"  # with the Kelvin sign, and all that means something to LIKE, GLOB or a regex
)
NAMES = [
    "IMG_1.jpg",
    "img_20.JPG",
    "Ätna.png",
    "ätna 2.png",
    "a%b.gif",
    "a[1].webp",
    "日本.jpg",
    "x",
    "back\\slash.jpg",
]
FOLDERS = [
    "/pics",
    "/pics/Trip",
    "/pics/Trip/2024",
    "/picsX",
    "/home/me/pics/trip",
    "s3://bucket/pics",
    "/scr%een",
]
TAKEN = [
    "2023-12-31T23:59:59",
    "2024-01-01T00:00:00",
    "2024-05-01T12:30:15",
    "2024-05-02",
    "2024-06",
    "soon",
    None,
    2024,
]
CAMERAS = ["X100V", "x100v", "Käsekamera", "KÄSEKAMERA", "NIKON D850", "a*b", None, 7]
ATTRIBUTES: list[Any] = [
    *("red", "Red", "RED cab", "2024-05-01", "5", "", "Käse", "KÄSE"),
    *(5, 5.5, -1, 0, 0.1, 2**60, 1e300, True, False, None),
    *(
        [],
        [1, 20],
        ["red", 7, None],
        ["KÄSE", True],
        {"deep": 5},
        {"deep": {"deeper": "Red"}},
        {"deep": [5, "x"]},
    ),
]


def _items() -> list[tuple[ItemFacts, tuple[Caption, ...], tuple[str, ...]]]:
    """A varied collection, always the same."""
    found = []
    for number in range(140):
        attributes: dict[str, Any] = {
            "taken": TAKEN[number % len(TAKEN)],
            "camera": CAMERAS[number % len(CAMERAS)],
            "rating": ATTRIBUTES[number % len(ATTRIBUTES)],
            "my key": ATTRIBUTES[(number * 7) % len(ATTRIBUTES)],
        }
        if number % 3:
            attributes |= {
                "latitude": (number * 13) % 180 - 90 + 0.25,
                "longitude": (number * 29) % 360 - 180 + 0.5,
            }
        if number % 5 == 0:
            del attributes["camera"], attributes["rating"]
        facts = ItemFacts(
            number + 1,
            f"{FOLDERS[number % len(FOLDERS)]}/{number}-{NAMES[number % len(NAMES)]}",
            f"h{number}",
            bytes=number * 100_000,
            mtime_ns=1_700_000_000_000_000_000 + number * 86_400_000_000_000,
            width=None if number % 11 == 0 else 100 * (number % 60),
            height=None if number % 11 == 0 else 50 * (number % 7),
            format=["jpeg", "png", None][number % 3],
            text=None if number % 4 else f"text {number} É",
            attributes={name: value for name, value in attributes.items() if value is not None or number % 2},
        )
        captions = tuple(
            Caption(text) for text in ["a red boat", "Ein ROTES Boot", "100%_sure"][: number % 4]
        )
        found.append((facts, captions, ("holiday", "Ätna", "a_b")[: number % 4]))
    return found


def _fill(catalog: Catalog) -> list[Item]:
    catalog.ensure_space(SPACE)
    collection = _items()
    ids = catalog.reserve_ids(len(collection))
    rows = [
        CommitRow(row, replace(facts, id=item), captions)
        for row, (item, (facts, captions, _)) in enumerate(zip(ids, collection, strict=True))
    ]
    commit(catalog, *rows)
    for item, (_, _, tags) in zip(ids, collection, strict=True):
        if tags:
            catalog.set_tags(item, tags)
    catalog.delete_items([ids[3], ids[50]])
    return list(catalog.items(ids).values())


@dataclass(frozen=True, repr=False)
class Filled:
    """A catalog, and what is in it."""

    catalog: Catalog
    items: list[Item]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with Catalog.open(tmp_path_factory.mktemp("filters") / "catalog.sqlite3") as catalog:
        yield Filled(catalog, _fill(catalog))


@pytest.fixture
def postgres(postgres_server: str, postgres_template: str) -> Iterator[Filled]:
    with postgres_database(postgres_server, postgres_template) as url, Catalog.open(url) as catalog:
        yield Filled(catalog, _fill(catalog))


def quoted(text: str) -> str:
    escaped = "".join("\\" + letter if letter in '\\"*?' else letter for letter in text)
    return f'"{escaped}"'


wild = st.text(alphabet=LETTERS + "01eEgGiImM", max_size=4).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
texts = st.one_of(
    st.sampled_from([*CAMERAS, *NAMES, "red", "käse", "boat", "ROTES", "a_b", "100%"]).map(
        lambda value: quoted(str(value))
    ),
    st.text(alphabet=LETTERS, min_size=1, max_size=3).map(quoted),
    wild,
)
numbers = st.one_of(
    st.integers(-10, 6000), st.sampled_from([0.1, 5.5, -0.5, 1e300, 2**60, 2**63, 10**17])
).map(str)
dates = st.sampled_from(
    ["2023", "2024", "2024-05", "2024-05-01", "2024-05-01T12:30", "2023-12-31T23:59:59", "1600"]
)
anything = st.one_of(texts, numbers, dates, st.sampled_from(["true", "FALSE"]))
orders = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"])


def comparisons_of(
    fields: list[str], signs: st.SearchStrategy[str], values: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    field = st.sampled_from(fields)
    several = st.lists(values, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("{} {} {}".format, field, signs, values),
        st.builds("{} {} ({})".format, field, st.sampled_from(["in", "not in"]), several),
    )


def ranges_of(fields: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{} between {} and {}".format, st.sampled_from(fields), values, values)


loose = st.sampled_from(["=", "!=", ":"])
file_numbers = ["width", "height", "bytes", "megapixels", "latitude", "longitude", "id"]
attributes = ["rating", 'attr."my key"', "attr.camera", "rating.deep", "rating.deep.deeper", "nothing"]
sizes = st.sampled_from(["2MB", "300kB", "500000"])
no_truths = orders.filter(lambda sign: sign not in ("<", "<=", ">", ">="))
single = st.one_of(
    comparisons_of(file_numbers, orders, numbers),
    ranges_of(file_numbers, numbers),
    comparisons_of(["size"], orders, sizes),
    comparisons_of(["taken", "mtime", "added", "updated"], orders, dates),
    ranges_of(["taken", "mtime"], dates),
    ranges_of(attributes, dates.filter(lambda date: len(date) > 4)),
    comparisons_of(["name", "uri", "camera", "lens", "format", "text"], orders, texts),
    ranges_of(["name", "camera", *attributes], texts),
    comparisons_of(["tag", "caption"], loose, texts),
    comparisons_of(
        ["folder"],
        loose,
        st.sampled_from([*map(quoted, FOLDERS), "pics", '"/PICS/trip/"', "20*", "trip/2024", '"?ics"']),
    ),
    comparisons_of(attributes, orders, st.one_of(texts, numbers, dates)),
    comparisons_of(attributes, no_truths, anything),
    ranges_of(attributes, numbers),
    st.sampled_from(
        [*file_numbers, *attributes, "gps", "caption", "tag", "taken", "folder", "camera", "lens"]
    ).map("exists({})".format),
    st.builds(
        "near({}, {}, {})".format,
        st.integers(-90, 90),
        st.integers(-180, 180),
        st.sampled_from([0, 500, 3000, 15_000]),
    ),
)
filters = st.recursive(
    single,
    lambda part: st.one_of(
        st.builds("({} {} {})".format, part, st.sampled_from(["and", "OR"]), part),
        part.map("not {}".format),
    ),
    max_leaves=5,
)
quiet = settings(deadline=None, suppress_health_check=list(HealthCheck))


def check(filled: Filled, text: str) -> None:
    tree = parse_filter(text)
    expected = [item.id for item in filled.items if accepts(tree, item)]
    assert filled.catalog.matching(text, Modality.IMAGE).tolist() == expected


@settings(quiet, max_examples=400)
@given(filters)
def test_a_filter_finds_what_its_plain_evaluation_finds(sqlite: Filled, text: str) -> None:
    """Any filter gives the rows that evaluating its tree in Python over the items gives."""
    check(sqlite, text)


def test_a_filter_finds_the_same_on_postgres(postgres: Filled) -> None:
    """The same law holds on PostgreSQL."""

    @settings(quiet, max_examples=150)
    @given(filters)
    def law(text: str) -> None:
        check(postgres, text)

    law()
