"""Clusters of places: what lies in one cell of the grid is one cluster, wherever one looks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.catalogs import SPACE, commit, facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.geo_clusters import FARTHEST, MOST, Box, Places, mercator
from vasari.retrieval.domain import Modality

MUNICH, DACHAU, SYDNEY, FIJI = (48.137, 11.575), (48.26, 11.434), (-33.857, 151.215), (-16.8, 179.9)


def at(*places: tuple[float, float], cities: tuple[int, ...] = (), names: tuple[str, ...] = ()) -> Places:
    latitudes, longitudes = np.array(places, dtype=np.float64).reshape(-1, 2).T
    coded = np.array(cities or [-1] * len(places), dtype=np.int32)
    return Places(np.arange(1, len(places) + 1), latitudes, longitudes, coded, names)


def test_places_of_live_items_are_read(catalog: Catalog) -> None:
    """Items without a place, off the globe, deleted, or of the other modality are none of them."""
    catalog.spaces.ensure(SPACE)
    catalog.items.reserve(7)
    where = [
        {"latitude": 48.137, "longitude": 11.575, "city": "Munich"},
        {"latitude": 48.26, "longitude": 11.434, "city": "Dachau"},
        {"latitude": 0, "longitude": 0},
        {"latitude": 91, "longitude": 0},
        {"latitude": "north", "longitude": 0},
        {"latitude": 48.1},
        {"latitude": 48.138, "longitude": 11.576, "city": "Munich"},
    ]
    commit(catalog, *(facts(n, f"/{n}.jpg", attributes=told) for n, told in enumerate(where, 1)))
    catalog.items.delete([2])
    found = catalog.places.read(Modality.IMAGE)
    assert found.ids.tolist() == [1, 3, 7]
    assert found.latitudes.tolist() == [48.137, 0, 48.138]
    assert [found.names[code] if code >= 0 else None for code in found.cities] == ["Munich", None, "Munich"]
    assert len(catalog.places.read(Modality.TEXT).ids) == 0
    (near, nowhere) = found.clusters(64)
    assert (near.count, near.item, near.city, nowhere.city) == (2, 7, "Munich", None)


def test_what_is_in_one_cell_is_one_cluster() -> None:
    """Far away Munich and Dachau are one, nearer they are two; each with its middle, its box and its latest item."""
    found = at(MUNICH, SYDNEY, DACHAU, cities=(0, 1, 0), names=("Munich", "Sydney"))
    europe, australia = found.clusters(4)
    assert (europe.count, europe.item, europe.city) == (2, 3, "Munich")
    assert (europe.latitude, europe.longitude) == pytest.approx((48.1985, 11.5045))
    assert europe.box == Box(48.137, 11.434, 48.26, 11.575)
    assert (australia.count, australia.item, australia.box) == (1, 2, Box(*SYDNEY, *SYDNEY))
    assert [one.count for one in found.clusters(4 << 12)] == [1, 1, 1]
    assert at().clusters(4) == []


def test_a_cluster_counts_what_a_plain_count_counts() -> None:
    """Every item is in one cluster, and in the one of its cell."""
    drawn = np.random.default_rng(3).uniform((-90, -180), (90, 180), (500, 2))
    found = at(*map(tuple, drawn), (90.0, 180.0), (-90.0, -180.0))
    x, y = mercator(found.latitudes, found.longitudes)
    cells = [(min(int(a * 16), 15), min(int(b * 16), 15)) for a, b in zip(x, y, strict=True)]
    counts = sorted((cells.count(cell) for cell in set(cells)), reverse=True)
    assert [one.count for one in found.clusters(16)] == counts


def test_the_largest_clusters_come_where_there_are_too_many() -> None:
    """Of more cells than are told, those with the most items."""
    line = [(0.0, -179.9 + step * 0.2) for step in range(MOST + 100)]
    clusters = at(*line, line[-1]).clusters(4 << 20)
    assert len(clusters) == MOST
    assert clusters[0].count == 2
    assert clusters[0].longitude == pytest.approx(line[-1][1])


def test_a_box_may_cross_the_date_line() -> None:
    """From 170° east to 170° west lies Fiji and not Munich; other boxes hold their borders."""
    found = at(MUNICH, FIJI, SYDNEY)
    assert found.kept(None, Box(-90, 170, 90, -170)).ids.tolist() == [2]
    assert found.kept(None, Box(-33.857, 151.215, 48.137, 11.575)).ids.tolist() == [1, 2, 3]
    assert found.kept(None, Box(-33.857, 11.575, 48.137, 151.215)).ids.tolist() == [1, 3]
    assert found.kept(np.array([2, 9]), Box()).ids.tolist() == [2]


def test_the_map_is_a_square() -> None:
    """The equator is its middle, the poles lie on its border."""
    x, y = mercator(np.array([0, FARTHEST, 90, -90]), np.array([0, -180, 0, 180]))
    assert x.tolist() == [0.5, 0, 0.5, 1]
    assert y == pytest.approx([0.5, 0, 0, 1], abs=1e-6)
