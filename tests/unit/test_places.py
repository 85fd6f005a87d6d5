"""Positions become places by name, and are found by them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.catalogs import SPACE, commit, facts, found_by
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import Telling
from vasari.retrieval.domain import Modality
from vasari.retrieval.images.places import gazetteer, laid_over, with_place
from vasari.retrieval.library.vocabulary import LibraryVocabulary
from vasari.retrieval.search.vocabulary import Place

LISBON = {"city": "Lisbon", "state": "Lisbon", "country": "Portugal", "country_code": "PT"}


@pytest.mark.parametrize(
    ("latitude", "longitude", "city", "code"),
    [
        (38.7223, -9.1393, "Lisbon", "PT"),
        (48.1374, 11.5755, "Munich", "DE"),
        (40.7128, -74.006, "New York City", "US"),
        (35.68, 139.69, "Tokyo", "JP"),
        (-33.8568, 151.2153, "Sydney", "AU"),
        (47.5576, 10.7498, "Schwangau", "DE"),
        (71.2906, -156.7886, "Utqiagvik", "US"),
    ],
)
def test_a_position_is_in_a_city(latitude: float, longitude: float, city: str, code: str) -> None:
    """The city that holds it rather than a quarter, else the nearest place."""
    found = gazetteer().at(latitude, longitude)
    assert (found["city"], found["country_code"]) == (city, code)


def test_far_from_everywhere_is_no_place() -> None:
    """The ocean and the poles are in no city; numbers at the edges do no harm."""
    for position in ((0.0, -30.0), (90.0, 0.0), (-90.0, 180.0), (0.0, -180.0)):
        assert gazetteer().at(*position) == {}


def test_what_a_person_wrote_is_not_changed() -> None:
    """A place in the file stands; only a position alone gets a name."""
    position = {"latitude": 38.7223, "longitude": -9.1393}
    assert with_place(position) == {**position, **LISBON}
    assert with_place({**position, "city": "Home"}) == {**position, "city": "Home"}
    assert with_place({}) == {}


@pytest.mark.parametrize(
    "taken",
    [
        with_place({"latitude": 38.7223, "longitude": -9.1393}),
        {"city": "Lisbon", "country": "Portugal"},
        {"city": "Lisbon", "country_code": "PRT", "country": "PORTUGAL"},
    ],
    ids=["by its position", "told by name", "told by a code of three letters"],
)
def test_a_place_is_found_in_any_language(catalog: Catalog, taken: dict[str, object]) -> None:
    """Words find what was taken there, by the city's and the country's names in other languages too."""
    catalog.spaces.ensure(SPACE)
    [item] = catalog.items.reserve(1)
    commit(catalog, facts(item, "/a.jpg", attributes=taken))
    assert LibraryVocabulary(catalog.names).named("Lissabon").places == (Place("city", "Lisbon"),)
    for word in ("Lisbon", "Lisboa", "Lissabon", "Lisbonne", "里斯本", "リスボン", "Portugal", "葡萄牙"):
        assert found_by(catalog.full_text, word) == [item], word
    assert catalog.filters.matching("city:Lisbon", Modality.IMAGE).tolist() == [item]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("city:Lissabon", True),
        ("city = lisboa", True),
        ("city:里斯本", True),
        ('city in ("Wien", "Lissabon")', True),
        ("country:Portugal", True),
        ("country:葡萄牙", True),
        ("city:Wien", False),
        ("city != Lissabon", False),
        ("city != Wien", True),
        ("country:Spanien", False),
    ],
)
def test_filters_know_a_place_by_all_its_names(catalog: Catalog, filter_: str, found: bool) -> None:
    """Whatever name the picture has, and whatever name is asked for."""
    catalog.spaces.ensure(SPACE)
    by_position, by_hand = catalog.items.reserve(2)
    commit(catalog, facts(by_position, "/a.jpg", attributes=LISBON))
    commit(catalog, facts(by_hand, "/b.jpg", attributes={"city": "LISSABON", "country": "Portugal"}))
    expected = [by_position, by_hand] if found else []
    assert catalog.filters.matching(filter_, Modality.IMAGE).tolist() == expected


BERLIN = {"latitude": 52.52, "longitude": 13.405}
WRITTEN = {"city": "Home", "country": "Here"}


@pytest.mark.parametrize(
    ("file", "said", "city"),
    [
        ({}, BERLIN, "Berlin"),
        (WRITTEN, BERLIN, "Home"),
        (with_place({"latitude": 38.7223, "longitude": -9.1393}), BERLIN, "Berlin"),
        ({"latitude": 38.7223, "longitude": -9.1393, **WRITTEN}, BERLIN, "Home"),
        (WRITTEN, {**BERLIN, "city": "Mitte"}, "Mitte"),
        (with_place(BERLIN), {"rating": 3}, "Berlin"),
        (with_place(BERLIN), {"latitude": "north", "longitude": True}, "Berlin"),
        (WRITTEN, {"latitude": 1e9, "longitude": 3.0}, "Home"),
    ],
)
def test_a_sidecars_position_names_no_place_over_one_in_the_file(
    file: dict[str, Any], said: dict[str, Any], city: str
) -> None:
    """It names the place where nobody wrote one, also in the stead of one that another position gave."""
    assert laid_over(file, said)["city"] == city


def test_a_position_in_a_sidecar_gives_the_item_a_place(catalog: Catalog) -> None:
    """It comes with what the sidecar says, and goes with it."""
    catalog.spaces.ensure(SPACE)
    plain, written = catalog.items.reserve(2)
    commit(catalog, facts(plain, "/a.jpg"), facts(written, "/b.jpg", "other", attributes=WRITTEN))
    catalog.annotations.describe({item: Telling("", 1, (), BERLIN) for item in (plain, written)})
    assert catalog.filters.matching("city:Berlin", Modality.IMAGE).tolist() == [plain]
    assert catalog.filters.matching("city:Home and latitude > 52", Modality.IMAGE).tolist() == [written]
    catalog.annotations.set_attributes(plain, {"stars": 3})
    assert catalog.filters.matching("city:Berlin", Modality.IMAGE).tolist() == [plain]
    catalog.annotations.describe({item: Telling("", 2) for item in (plain, written)})
    assert catalog.filters.matching("exists(city)", Modality.IMAGE).tolist() == [written]
    assert catalog.filters.matching("exists(gps)", Modality.IMAGE).tolist() == []
