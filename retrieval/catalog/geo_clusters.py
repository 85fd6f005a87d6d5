"""Clusters of places: live items by where they were taken, gathered in the cells of a grid over the world map.

Places are read once for each state of the catalog, into 36 bytes an item; the clusters of any part of the world, under
any filter, are then a matter of milliseconds. The grid lies on the Web Mercator projection (EPSG:3857) as a square of
side 1, and is the same wherever one looks: a map that is moved keeps its clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Float, Text, literal_column, select, type_coerce

from vasari.retrieval.catalog.database import Repository
from vasari.retrieval.catalog.tables import LIVE, items
from vasari.retrieval.domain import Modality

MOST = 1000  # clusters of one answer, the largest
FARTHEST = 85.051129  # degrees: the latitude at which the projection is a square
_LATITUDE, _LONGITUDE = (literal_column(f"items.{name}", Float()) for name in ("latitude", "longitude"))
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the world in degrees; `west` > `east` means that it crosses 180°."""

    south: float = -90
    west: float = -180
    north: float = 90
    east: float = 180

    def holds(self, latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places (n,) lie inside, borders included."""
        inside = (latitudes >= self.south) & (latitudes <= self.north)
        east, west = longitudes <= self.east, longitudes >= self.west
        found: NDArray[np.bool_] = inside & (west & east if self.west <= self.east else west | east)
        return found


@dataclass(frozen=True, slots=True)
class GeoCluster:
    """Items near each other: their middle, the box around them, the latest added, and the city most of them name."""

    latitude: float
    longitude: float
    count: int
    item: int
    box: Box
    city: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where the live items of a modality were taken: those that say so."""

    ids: NDArray[np.int64]  # (n,), ascending
    latitudes: NDArray[np.float64]  # (n,), degrees
    longitudes: NDArray[np.float64]  # (n,), degrees
    cities: NDArray[np.int32]  # (n,), places in `names`, -1 for none
    names: tuple[str, ...]

    def kept(self, allowed: NDArray[np.int64] | None, box: Box = Box()) -> Places:  # frozen
        """Only items in a box, and among the sorted ids `allowed` (None: all)."""
        kept = box.holds(self.latitudes, self.longitudes)
        if allowed is not None:
            kept &= np.isin(self.ids, allowed, assume_unique=True)
        return Places(
            self.ids[kept], self.latitudes[kept], self.longitudes[kept], self.cities[kept], self.names
        )

    def clusters(self, cells: int) -> list[GeoCluster]:
        """The clusters in a grid of `cells` x `cells` over the world, the largest first, of which there are `MOST`."""
        if len(self.ids) == 0:
            return []
        x, y = mercator(self.latitudes, self.longitudes)
        columns, rows = (np.minimum((axis * cells).astype(np.int64), cells - 1) for axis in (x, y))
        numbers = rows * cells + columns
        order = np.argsort(numbers, kind="stable")
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        counts = np.diff(starts, append=len(order))
        largest = np.lexsort((order[starts], -counts))[:MOST]
        return [self._cluster(order[starts[one] : starts[one] + counts[one]]) for one in largest]

    def _cluster(self, group: NDArray[np.int64]) -> GeoCluster:
        latitudes, longitudes = self.latitudes[group], self.longitudes[group]
        named = self.cities[group]
        named = named[named != _NOWHERE]
        return GeoCluster(
            latitude=float(latitudes.mean()),
            longitude=float(longitudes.mean()),
            count=len(group),
            item=int(self.ids[group].max()),
            box=Box(*map(float, (latitudes.min(), longitudes.min(), latitudes.max(), longitudes.max()))),
            city=self.names[int(np.bincount(named).argmax())] if len(named) else None,
        )


def mercator(
    latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (n,) on the map, x from the west and y from the north in [0, 1]; beyond 85° they lie on its border."""
    angles = np.radians(np.clip(latitudes, -FARTHEST, FARTHEST))
    return (longitudes + 180) / 360, np.clip(0.5 - np.arcsinh(np.tan(angles)) / (2 * np.pi), 0, 1)


class PlaceReader(Repository):
    """Reads where items were taken."""

    def read(self, modality: Modality) -> Places:
        """The places of all live items of a modality; one that is on no globe counts as none."""
        city = items.c.attributes["city"].as_string()
        query = select(items.c.id, _LATITUDE, _LONGITUDE, city).select_from(items).order_by(items.c.id)
        query = query.where(type_coerce(items.c.modality, Text()) == modality.value, LIVE)
        query = query.where(_LATITUDE.between(-90, 90), _LONGITUDE.between(-180, 180))
        codes: dict[str, int] = {}
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        cities = [codes.setdefault(row[3], len(codes)) if row[3] else _NOWHERE for row in rows]
        return Places(
            ids=np.fromiter((row[0] for row in rows), np.int64, len(rows)),
            latitudes=np.fromiter((row[1] for row in rows), np.float64, len(rows)),
            longitudes=np.fromiter((row[2] for row in rows), np.float64, len(rows)),
            cities=np.array(cities, dtype=np.int32),
            names=tuple(codes),
        )
