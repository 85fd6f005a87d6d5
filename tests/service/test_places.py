"""GET /v1/places: where items were taken, in clusters, under filters and in a part of the world."""

from __future__ import annotations

import pytest

from tests.service.conftest import Served

PLACES = {
    "red": (48.137, 11.575),
    "green": (48.26, 11.434),
    "blue": (-33.857, 151.215),
    "white": (-16.8, 179.9),
}


@pytest.fixture
def placed(served: Served) -> Served:
    """The library, of which some pictures say where they were taken."""
    for name, (latitude, longitude) in PLACES.items():
        told = {"latitude": latitude, "longitude": longitude}
        served.library.catalog.annotations.set_attributes(served.ids[name], told)
    return served


def test_clusters_split_as_one_looks_closer(placed: Served) -> None:
    """Two near each other are one in the whole world and two in their region; counts are of the box and of all."""
    world = placed.client.get("/v1/places", params={"zoom": 2}).json()
    assert (world["total"], world["inside"]) == (4, 4)
    assert [one["count"] for one in world["places"]] == [2, 1, 1]
    assert world["places"][0]["item"] == max(placed.ids["red"], placed.ids["green"])
    box = {"south": 45, "west": 5, "north": 55, "east": 15}
    near = placed.client.get("/v1/places", params={**box, "zoom": 12}).json()
    assert (near["total"], near["inside"], len(near["places"])) == (4, 2, 2)
    pacific = {"south": -60, "west": 170, "north": 0, "east": -170}
    assert placed.client.get("/v1/places", params=pacific).json()["inside"] == 1


def test_a_box_of_the_map_is_a_filter(placed: Served) -> None:
    """What the map's filter finds is what the map counts; other filters narrow the map."""
    text = "latitude >= 45 and latitude <= 55 and longitude >= 5 and longitude <= 15"
    assert placed.client.get("/v1/items", params={"filter": text}).json()["total"] == 2
    text = "latitude >= -60 and latitude <= 0 and (longitude >= 170 or longitude <= -170)"
    (found,) = placed.client.get("/v1/items", params={"filter": text}).json()["items"]
    assert found["id"] == placed.ids["white"]
    kept = placed.client.get("/v1/places", params={"filter": f"id != {placed.ids['blue']}"}).json()
    assert (kept["total"], len(kept["places"])) == (3, 2)
    assert placed.client.get("/v1/places", params={"filter": "id < 0"}).json() == {
        "total": 0,
        "inside": 0,
        "places": [],
    }


def test_an_item_that_is_taken_out_leaves_the_map(placed: Served) -> None:
    """The map is of the library as it is now."""
    assert placed.client.get("/v1/places").json()["total"] == 4
    placed.client.delete(f"/v1/items/{placed.ids['red']}")
    assert placed.client.get("/v1/places").json()["total"] == 3


@pytest.mark.parametrize(
    "wrong", ["zoom=21", "zoom=-1", "south=nan", "north=91", "west=east", "filter=latitude"]
)
def test_what_is_no_box_is_refused(placed: Served, wrong: str) -> None:
    """In one line, as everything else."""
    answer = placed.client.get(f"/v1/places?{wrong}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
