"""The timeline: items by when they were taken, else by their file, and the shapes by which a page is laid out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.catalogs import SPACE, commit, facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.timeline import NARROWEST, WIDEST, shape_code
from vasari.retrieval.domain import Modality

MAY = 1_714_521_600_000_000_000  # 2024-05-01T00:00 UTC


def fill(catalog: Catalog) -> None:
    catalog.spaces.ensure(SPACE)
    catalog.items.reserve(6)
    commit(
        catalog,
        facts(1, "/a.jpg", attributes={"taken": "2024-05-02T10:00:00"}, width=300, height=200),
        facts(2, "/b.jpg", attributes={"taken": "2023-12-31T23:59:59"}, width=100, height=5000),
        facts(3, "/c.jpg", mtime_ns=MAY, width=200, height=200),
        facts(4, "/d.jpg", attributes={"taken": "2024-05"}, mtime_ns=0, width=None, height=None),
        facts(5, "/e.jpg", attributes={"taken": "soon"}, mtime_ns=-5, width=4000, height=20),
        facts(6, "/f.jpg", attributes={"taken": "2024-05-02T10:00:30"}),
    )


def test_items_come_by_when_they_were_taken(catalog: Catalog) -> None:
    """The latest first, of one minute the later added; the file's time where nothing else is known, counted apart."""
    fill(catalog)
    timeline = catalog.timeline.read(Modality.IMAGE)
    assert timeline.ids.tolist() == [6, 1, 3, 4, 2, 5]
    months = [(month.month, month.count, month.by_file) for month in timeline.by_month()]
    assert months == [("2024-05", 4, 1), ("2023-12", 1, 0), ("1970-01", 1, 1)]
    assert timeline.kept(np.array([2, 3, 99])).ids.tolist() == [3, 2]
    assert list(timeline.kept(np.empty(0, np.int64)).by_month()) == []
    catalog.items.delete([6])
    assert catalog.timeline.read(Modality.IMAGE).ids.tolist() == [1, 3, 4, 2, 5]
    assert catalog.timeline.read(Modality.TEXT).ids.tolist() == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (2, 3), (16, 9), (1, 9), (9, 1), (4000, 3001)])
def test_a_code_tells_the_shape(width: int, height: int) -> None:
    """To half a percent, within the shapes that are shown."""
    (code,) = shape_code([width], [height])
    shape = NARROWEST * (WIDEST / NARROWEST) ** (float(code) / 255)
    assert shape == pytest.approx(min(max(width / height, NARROWEST), WIDEST), rel=0.005)
