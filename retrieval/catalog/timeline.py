"""Timeline: all live items of a modality by when they were taken, the latest first; else by when their file changed.

They are read once for each state of the catalog, into 22 bytes an item; the months under any filter are then a matter
of milliseconds. With its shape each picture's place on a page can be reckoned before it is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Text, literal_column, select, type_coerce

from vasari.retrieval.catalog.database import Repository
from vasari.retrieval.catalog.tables import LIVE, items
from vasari.retrieval.domain import Modality

# Width over height: shapes beyond these are shown as these.
NARROWEST = 0.5
WIDEST = 3.0
_STEPS = 255
_MOMENT = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_MINUTE = 16  # letters of 2024-05-31T18:30
_TAKEN = literal_column("items.taken", Text())


@dataclass(frozen=True, slots=True)
class Month:
    """The items of one month: `shapes` (count,) are codes of width over height, see `shape_code`."""

    month: str  # 2024-05
    count: int
    by_file: int  # of these: items that do not say when they were taken
    shapes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All live items, the latest first; of one minute, the later added first."""

    ids: NDArray[np.int64]  # (n,)
    months: NDArray[np.str_]  # (n,)
    taken: NDArray[np.bool_]  # (n,), whether the item says when it was taken
    shapes: NDArray[np.uint8]  # (n,)

    def kept(self, allowed: NDArray[np.int64] | None) -> Timeline:
        """Only items among the sorted ids `allowed` (None: all)."""
        if allowed is None:
            return self
        kept = np.isin(self.ids, allowed)
        return Timeline(self.ids[kept], self.months[kept], self.taken[kept], self.shapes[kept])

    def by_month(self) -> Iterator[Month]:
        """The months that have items, the latest first."""
        borders = (np.flatnonzero(self.months[1:] != self.months[:-1]) + 1).tolist()
        for start, end in pairwise([0, *borders, len(self.ids)] if len(self.ids) else []):
            by_file = end - start - int(self.taken[start:end].sum())
            yield Month(str(self.months[start]), end - start, by_file, self.shapes[start:end])


class TimelineReader(Repository):
    """Reads when items were taken."""

    def read(self, modality: Modality) -> Timeline:
        """All live items of a modality in their order."""
        query = select(items.c.id, _TAKEN, items.c.mtime_ns, items.c.width, items.c.height)
        query = query.select_from(items).where(type_coerce(items.c.modality, Text()) == modality.value, LIVE)
        with self._database.read() as connection:
            result = connection.execute(query)
            rows = result.cursor.fetchall()  # the driver's own tuples: half the time
            result.close()
        ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        taken = np.fromiter((_is_moment(row[1]) for row in rows), np.bool_, len(rows))
        moments = np.array(
            [row[1][:_MINUTE] if dated else _minute(row[2]) for row, dated in zip(rows, taken, strict=True)],
            dtype=f"U{_MINUTE}",
        )
        shapes = shape_code(*([row[side] if row[3] and row[4] else 1 for row in rows] for side in (3, 4)))
        order = np.lexsort((ids, moments))[::-1]
        return Timeline(ids[order], moments[order].astype("U7"), taken[order], shapes[order])


def shape_code(widths: list[int], heights: list[int]) -> NDArray[np.uint8]:
    """Codes (n,) of shapes: code c stands for a width over height of NARROWEST · (WIDEST / NARROWEST) ** (c / 255)."""
    shapes = np.clip(np.array(widths, np.float64) / np.maximum(heights, 1), NARROWEST, WIDEST)
    codes = np.log(shapes / NARROWEST) / np.log(WIDEST / NARROWEST) * _STEPS
    found: NDArray[np.uint8] = np.rint(codes).astype(np.uint8)
    return found


def _is_moment(taken: str | None) -> bool:
    return taken is not None and _MOMENT.match(taken) is not None


def _minute(mtime_ns: int) -> str:
    """The file's time in UTC; times before 1970 and after 9999 are damage, and count as its beginning."""
    seconds = mtime_ns // 1_000_000_000
    return datetime.fromtimestamp(seconds if 0 <= seconds < 253_402_300_800 else 0, UTC).isoformat()[:_MINUTE]
