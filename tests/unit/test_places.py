"""Positions become places by name, and are found by them."""

from __future__ import annotations

import pytest

from tests.unit.catalogs import SPACE, commit, facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import Modality
from vasari.retrieval.images.places import gazetteer, with_place

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


def test_a_place_is_found_in_any_language(catalog: Catalog) -> None:
    """Words find what was taken there, by the city's and the country's names in other languages too."""
    catalog.spaces.ensure(SPACE)
    [item] = catalog.items.reserve(1)
    taken = with_place({"latitude": 38.7223, "longitude": -9.1393})
    commit(catalog, facts(item, "/a.jpg", attributes=taken))
    for word in ("Lisbon", "Lisboa", "Lissabon", "Lisbonne", "里斯本", "リスボン", "Portugal", "葡萄牙"):
        assert catalog.full_text.search(word, Modality.IMAGE, 5) == [item], word
    assert catalog.filters.matching("city:Lisbon", Modality.IMAGE).tolist() == [item]
