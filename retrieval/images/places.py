"""Gazetteer: a position -> country, region and city, offline; and a place's names in other languages.

The nearest of GeoNames' 170,000 places of 1,000 people and more (CC BY 4.0; `data/places`, 3.4 MB), within 50 km. It is
read when the first position is asked for (0.2 s), and kept as text: 9 MB.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

_HERE = Path(__file__).resolve().parents[1]
_FARTHEST_KM = 50.0
_KM_A_DEGREE = 111.2


class Gazetteer:
    """The places of the world in cells of one degree."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as arrays:
            self._names = _lines(arrays["names"])
            self._others = _lines(arrays["others"])
            self._position = arrays["position"].astype(np.float64)  # (n, 2) degrees
            self._reach = arrays["reach"].astype(np.float64)  # (n,) km: about as far as the place itself goes
            self._region = arrays["region"]
            regions = [line.split("|") for line in _lines(arrays["regions"])]
            countries = [line.split("|") for line in _lines(arrays["countries"])]
        self._regions: list[tuple[str, str]] = [(code, name) for code, name in regions]
        self._countries = {code: names for code, *names in countries}
        self._cells: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for place, (south, west) in enumerate(np.floor(self._position).astype(int).tolist()):
            self._cells[south, west].append(place)

    def at(self, latitude: float, longitude: float) -> dict[str, str]:
        """`city`, `state`, `country`, `country_code` (ISO 3166) of a position in degrees; empty far from everywhere."""
        place = self._nearest(latitude, longitude)
        if place is None:
            return {}
        code, state = self._regions[self._region[place]]
        found = {"city": self._names[place], "state": state, "country": self._countries[code][0]}
        return {name: text for name, text in (found | {"country_code": code}).items() if text}

    def _nearest(self, latitude: float, longitude: float) -> int | None:
        """The largest place that holds it, else the nearest (equirectangular: within 50 km wrong by metres)."""
        narrowing = max(math.cos(math.radians(latitude)), 0.01)
        reach = min(int(_FARTHEST_KM / (_KM_A_DEGREE * narrowing)) + 1, 180)
        south, west = math.floor(latitude), math.floor(longitude)
        near = [
            place
            for row in (south - 1, south, south + 1)
            for column in range(west - reach, west + reach + 1)
            for place in self._cells.get((row, (column + 180) % 360 - 180), ())
        ]
        if not near:
            return None
        away = self._position[near] - (latitude, longitude)
        away[:, 1] = ((away[:, 1] + 180) % 360 - 180) * narrowing
        squares = (away**2).sum(axis=1)
        distances = np.sqrt(squares) * _KM_A_DEGREE
        inside = np.flatnonzero(distances <= self._reach[near])
        if len(
            inside
        ):  # of the city rather than of a quarter of it: the most populous has the smallest number
            return min(near[place] for place in inside)
        best = int(distances.argmin())
        return near[best] if distances[best] <= _FARTHEST_KM else None

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], int]:
        places = range(len(self._names) - 1, -1, -1)  # of two with one name the larger counts
        return {(self._names[place], self._regions[self._region[place]][0]): place for place in places}

    def other_names(self, city: str, country_code: str) -> list[str]:
        """What a city of 50,000 people and more, and its country, are called in other languages."""
        place = self._by_name.get((city, country_code))
        others = self._others[place].split("|") if place is not None else []
        return [name for name in (*others, *self._countries.get(country_code, [])) if name]


def _lines(joined: Any) -> list[str]:
    return bytes(joined).decode().split("\n")


@cache
def gazetteer() -> Gazetteer:
    """The one that comes with Vasari, read once."""
    inside = _HERE / "data" / "places" / "places.npz"
    return Gazetteer(inside if inside.exists() else _HERE.parent / "data" / "places" / "places.npz")


def with_place(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with the place of their position, where nobody wrote a place into the file."""
    latitude, longitude = facts.get("latitude"), facts.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return dict(facts)
    if any(name in facts for name in ("country", "country_code", "state", "city")):
        return dict(facts)
    return {**facts, **gazetteer().at(latitude, longitude)}
