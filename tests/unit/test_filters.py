"""Filters mean what a plain reading of them says, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import postgres_database
from tests.unit.catalogs import SPACE, add, commit, facts, found_by
from tests.unit.plain_filters import accepts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.filters.parser import FIELDS, parse_filter
from vasari.retrieval.catalog.filters.query import USUAL_ATTRIBUTES
from vasari.retrieval.catalog.records import NewItem
from vasari.retrieval.domain import Caption, Item, Modality
from vasari.retrieval.errors import QueryError
from vasari.retrieval.images.exif import _NUMBERS, _TEXTS

# With the Kelvin sign, and all that means something to LIKE, GLOB or a regex.
LETTERS = "aAkKbé É%_*?[]\\'\"ßſ中x"
NAMES = [
    "IMG_1.jpg",
    "img_20.JPG",
    "Ätna.png",
    "ätna 2.png",
    "A\u0308tna 3.png",
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
    "/pics/a\u0308tna",
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
CAMERAS = ["X100V", "x100v", "Käsekamera", "KA\u0308SEKAMERA", "NIKON D850", "a*b", None, 7]
ATTRIBUTES: list[Any] = [
    *("red", "Red", "RED cab", "2024-05-01", "5", "", "Käse", "KÄSE", "Ka\u0308se"),
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


def _items() -> list[tuple[NewItem, tuple[str, ...]]]:
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
        item = facts(
            number + 1,
            f"{FOLDERS[number % len(FOLDERS)]}/{number}-{NAMES[number % len(NAMES)]}",
            f"h{number}",
            *(Caption(text) for text in ["a red boat", "Ein ROTES Boot, a\u0308", "100%_sure"][: number % 4]),
            bytes=number * 100_000,
            mtime_ns=1_700_000_000_000_000_000 + number * 86_400_000_000_000,
            width=None if number % 11 == 0 else 100 * (number % 60),
            height=None if number % 11 == 0 else 50 * (number % 7),
            format=["jpeg", "png", None][number % 3],
            text=None if number % 4 else f"text {number} É",
            attributes={name: value for name, value in attributes.items() if value is not None or number % 2},
        )
        found.append((item, ("holiday", "Ätna", "a_b")[: number % 4]))
    return found


def _fill(catalog: Catalog) -> list[Item]:
    catalog.spaces.ensure(SPACE)
    collection = _items()
    ids = catalog.items.reserve(len(collection))
    commit(catalog, *(replace(row, id=item) for item, (row, _) in zip(ids, collection, strict=True)))
    for item, (_, tags) in zip(ids, collection, strict=True):
        if tags:
            catalog.annotations.set_tags(item, tags)
    catalog.items.delete([ids[3], ids[50]])
    return list(catalog.items.get(ids).values())


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
attributes = ["rating", 'attr."my key"', "attr.camera", "rating.deep", "rating.deep.deeper", "attr.nothing"]
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
    assert filled.catalog.filters.matching(text, Modality.IMAGE).tolist() == expected, text


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "", "empty filter"),
        ("width >", "end", "ends too early"),
        ("(width > 3", "end", "ends too early"),
        ("width > 3 and", "end", "ends too early"),
        ("width 3000", "3000", "expected a comparison"),
        ("width > 3 height > 3", "height", "expected and or or"),
        ("a = 1)", ")", "cannot read"),
        ('name:"abc', '"abc', "a quote is opened"),
        ("width > wide", "wide", "width is compared with a number"),
        ("taken >= May", "May", "taken is compared with a date"),
        ("taken = 2024-02-30", "2024-02-30", "a date"),
        ("tag > a", ">", "tag has no order"),
        ("done < true", "<", "true and false have no order"),
        ("rating between 1 and x", "x", "of one kind"),
        ("gps = 1", "1", "exists(gps)"),
        ("near(91, 0, 5)", "91", "latitude is a number between -90 and 90"),
        ('folder:"/"', '"/"', "which folder"),
        ('attr."a\\"b" = 1', "attr", "cannot be called"),
        ("(" * 40 + "a = 1" + ")" * 40, None, "nested"),
        ("id in (" + ",".join(["1"] * 500) + ")", "id", "at most 400 values"),
        ("a = 1 or " * 1000 + "a = 1", "a", "at most 8192 characters"),
        ("not " * 2000 + "a = 1", None, "nested too deeply"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, place: str | None, message: str) -> None:
    """The message says what is wrong, and the column where."""
    with pytest.raises(QueryError) as caught:
        parse_filter(text)
    assert message in str(caught.value)
    if place is not None:
        assert caught.value.column == (len(text) if place == "end" else text.index(place))


@pytest.mark.parametrize(
    "text",
    [
        """name = "'; DROP TABLE items; --" """,
        """name:"' OR 1=1 --" """,
        """caption:'") OR 1=1 --'""",
        """attr."x') OR 1=1 --" = 1""",
        """attr."$.a[0]" : "%s %(x)s :y ?" """,
        """tag:"%" and name:"_" """,
        """folder:"%/_" """,
    ],
)
def test_no_filter_is_sql(catalog: Catalog, text: str) -> None:
    """What looks like SQL, a pattern or a parameter is text like any other, and finds nothing here."""
    [item] = add(catalog, "/pics/a.jpg")
    assert catalog.filters.matching(text, Modality.IMAGE).tolist() == []
    assert catalog.items.live_ids(Modality.IMAGE).tolist() == [item]


def test_a_long_filter_is_answered(catalog: Catalog) -> None:
    """The largest filter that is allowed does not exceed what the databases allow."""
    [item] = add(catalog, "/pics/Ä.jpg")
    words = ", ".join(["é"] * 398)
    assert catalog.filters.matching(f"name in ({words}, 'ä.JPG')", Modality.IMAGE).tolist() == [item]
    deep = "(" * 29 + "not not not (attr.a = 1)" + ")" * 29
    assert catalog.filters.matching(f"not {deep}", Modality.IMAGE).tolist() == []
    assert catalog.filters.matching(
        " or ".join(["attr.a:1"] * 399) + " or name:ä", Modality.IMAGE
    ).tolist() == [item]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("widht > 100", "widht", "did you mean width?"),
        ("tag:x or not tagg:y", "tagg", "did you mean tag"),
        ("width > 1 and exists(captoin)", "captoin", "did you mean caption?"),
        ("pirce = 5", "pirce", "did you mean price?"),
        ("colour in (red, blue)", "colour", "no item has such an attribute"),
        ("price.net = 5", "price.net", "there is no field 'price.net'"),
    ],
)
def test_a_name_that_is_no_field_and_no_attribute_is_refused(
    catalog: Catalog, text: str, name: str, message: str
) -> None:
    """With the names near it and its column, whatever else the filter says."""
    [item] = add(catalog, "/a.jpg")
    catalog.annotations.set_attributes(item, {"price": 5})
    with pytest.raises(QueryError, match=re.escape(message)) as refusal:
        catalog.filters.matching(text, Modality.IMAGE)
    assert refusal.value.column == text.index(name)


def test_times_are_read_as_answers_spell_them(catalog: Catalog) -> None:
    """What `added_at` of an item says can be pasted into a filter; it means that second."""
    [item] = add(catalog, "/a.jpg")
    added = catalog.items.get([item])[item].added_at
    assert added is not None
    spelled = added.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for text in (f"added = {spelled}", f'added <= "{spelled}"', f"added >= {spelled[:19]}Z"):
        assert catalog.filters.matching(text, Modality.IMAGE).tolist() == [item]
    assert catalog.filters.matching(f"added < {spelled}", Modality.IMAGE).tolist() == []


def test_names_of_several_lines_are_found(catalog: Catalog) -> None:
    """In quotes a line break or tab stands for itself, elsewhere for a space; mistakes behind it have their place."""
    [item, *_] = add(catalog, "/two\nlines/a\tb\n.jpg", "/two lines/a b .jpg")
    for text in (
        'folder = "/two\nlines"',
        'name:"a\tb\n*"\nand\n\texists(uri)',
        'uri = "/two\nlines/a\tb\n.jpg"',
    ):
        assert catalog.filters.matching(text, Modality.IMAGE).tolist() == [item]
    text = 'name = "a\nb" and widht > 3'
    with pytest.raises(QueryError) as refusal:
        catalog.filters.matching(text, Modality.IMAGE)
    assert refusal.value.column == text.index("widht")
    assert refusal.value.with_caret().endswith('  name = "a b" and widht > 3\n' + " " * 19 + "^")


def test_an_attribute_that_is_null_everywhere_is_a_field_that_accepts_nothing(catalog: Catalog) -> None:
    """A table's empty column is listed among the names, and so may be asked for."""
    catalog.spaces.ensure(SPACE)
    [item] = catalog.items.reserve(1)
    commit(catalog, facts(item, "/a.jpg", attributes={"price": None}))
    assert catalog.facets.attribute_counts() == {"price": 1}
    assert catalog.filters.matching("price > 5 or exists(price)", Modality.IMAGE).tolist() == []


def test_attributes_are_fields_where_an_item_has_them_or_they_are_marked_or_usual(catalog: Catalog) -> None:
    """A table's column is asked for by its name; what may be nowhere as attr.NAME; a rating always."""
    [item] = add(catalog, "/a.jpg")
    catalog.annotations.set_attributes(item, {"price": 5, "of": {"deep": 1}})
    for text in ("price = 5", "Width = 1 or price = 5", "of.deep = 1", "attr.colour = red or price = 5"):
        assert catalog.filters.matching(text, Modality.IMAGE).tolist() == [item]
    assert catalog.filters.matching("rating >= 4 or iso > 100", Modality.IMAGE).tolist() == []
    assert catalog.facets.attribute_counts() == {"of": 1, "price": 1}
    catalog.items.delete([item])
    with pytest.raises(QueryError):
        catalog.filters.matching("price = 5", Modality.IMAGE)


def test_what_exif_says_is_a_usual_attribute() -> None:
    """No name that reading EXIF can give is refused for want of pictures that have it."""
    for name in {*_TEXTS.values(), *_NUMBERS.values(), "utc_offset", "altitude_m"}:
        assert name in USUAL_ATTRIBUTES or name in FIELDS


def test_answers_are_remembered_until_something_changes(catalog: Catalog) -> None:
    """A filter asked again gives the very same array, until a change gives a new one."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    before = catalog.filters.matching("tag:x", Modality.IMAGE)
    assert catalog.filters.matching("tag:x", Modality.IMAGE) is before
    catalog.annotations.set_tags(second, ["x"])
    assert catalog.filters.matching("tag:x", Modality.IMAGE).tolist() == [second]
    catalog.annotations.set_attributes(first, {"n": 5})
    assert catalog.filters.matching("n = 5", Modality.IMAGE).tolist() == [first]
    assert catalog.filters.matching("tag:x", Modality.TEXT).tolist() == []
    with pytest.raises(ValueError, match="read-only"):
        catalog.filters.matching("tag:x", Modality.IMAGE)[0] = 7


@settings(quiet, max_examples=200)
@given(filters)
def test_a_filter_finds_what_its_plain_evaluation_finds(sqlite: Filled, text: str) -> None:
    """Any filter gives the rows that evaluating its tree in Python over the items gives."""
    check(sqlite, text)


def test_a_filter_finds_the_same_on_postgres(postgres: Filled) -> None:
    """The same law holds on PostgreSQL."""

    @example("rating = 1e+300")
    @example(f"rating = {2**60}")
    @example(f"rating > {10**30} or id < {10**30}")
    @settings(quiet, max_examples=60)
    @given(filters)
    def law(text: str) -> None:
        check(postgres, text)

    law()


def test_tags_are_those_of_people_and_of_files(catalog: Catalog) -> None:
    """`tag` asks for what people said here and for the keywords that a file brought, as one."""
    catalog.spaces.ensure(SPACE)
    ids = list(catalog.items.reserve(3))
    brought = {"keywords": ["Été", "boat"]}
    commit(
        catalog, *(facts(item, f"/{item}.jpg", attributes=brought if item == ids[0] else {}) for item in ids)
    )
    catalog.annotations.set_tags(ids[1], ["boat"])
    asked = {"tag:boat": ids[:2], "tag = 'été'": ids[:1], "exists(tag)": ids[:2], "not tag:boa*": ids[2:]}
    for text, expected in asked.items():
        assert catalog.filters.matching(text, Modality.IMAGE).tolist() == expected, text
    facets = catalog.facets.read(Modality.IMAGE)
    assert facets.columns["tags"].counts(facets.kept(None)) == [("boat", 2), ("Été", 1)]
    assert found_by(catalog.full_text, "ete") == ids[:1]
