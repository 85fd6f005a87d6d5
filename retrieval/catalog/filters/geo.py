"""Great-circle distances (haversine), as arithmetic and as SQL."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, func

from vasari.retrieval.catalog.dialects import ByDialect

EARTH_KM = 6371.0088  # mean radius (IUGG)
_SQLITE_FUNCTION = "vasari_km"  # SQLite has no sine unless it was built with one


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The great-circle distance between two places in degrees, by the haversine formula."""
    first, second = math.radians(latitude), math.radians(other_latitude)
    half_up = math.sin((second - first) / 2) ** 2
    half_over = math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return (
        2
        * EARTH_KM
        * math.asin(math.sqrt(min(1.0, half_up + math.cos(first) * math.cos(second) * half_over)))
    )


def box(
    latitude: float, longitude: float, km: float
) -> tuple[tuple[float, float], list[tuple[float, float]]]:
    """Bounding box around `km`: (south, north) and its spans (west, east), two where they cross 180°."""
    angle = km / EARTH_KM + 1e-9
    up = math.degrees(angle)
    south, north = latitude - up, latitude + up
    if south <= -90 or north >= 90:  # a pole lies inside: all longitudes
        return (max(south, -90), min(north, 90)), [(-180, 180)]
    over = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    west, east = longitude - over, longitude + over
    if west < -180:
        return (south, north), [(west + 360, 180), (-180, east)]
    if east > 180:
        return (south, north), [(west, 180), (-180, east - 360)]
    return (south, north), [(west, east)]


def within_km(
    latitude: ColumnElement[Any],
    longitude: ColumnElement[Any],
    to_latitude: float,
    to_longitude: float,
    km: float,
) -> ColumnElement[bool]:
    """Whether the place in these columns is at most `km` from the other."""
    half_up = func.power(func.sin(func.radians(to_latitude - latitude) / 2), 2)
    half_over = func.power(func.sin(func.radians(to_longitude - longitude) / 2), 2)
    shrunk = func.cos(func.radians(latitude)) * math.cos(math.radians(to_latitude))
    taught = getattr(func, _SQLITE_FUNCTION)
    distance = ByDialect(
        lambda: taught(latitude, longitude, to_latitude, to_longitude, type_=Float()),
        lambda: 2 * EARTH_KM * func.asin(func.sqrt(func.least(1.0, half_up + shrunk * half_over))),
        Float(),
    )
    return distance <= km


def teach_distance(connection: Connection) -> None:
    """Give a SQLite connection the function that `within_km` calls."""
    driver: Any = connection.connection.driver_connection
    driver.create_function(_SQLITE_FUNCTION, 4, distance_km, deterministic=True)
