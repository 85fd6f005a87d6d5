"""docs/scale.md: its tables are what the program says, and the program's model meets what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.scale import Model, read_points, tables, with_tables

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_the_page_has_the_tables_of_the_program() -> None:
    """Run `python -m benchmarks.scale --write docs/scale.md` where this fails."""
    page = PAGE.read_text(encoding="utf-8")
    written = tables(Model(read_points()))
    assert written in page
    assert with_tables(page, written) == page
    assert with_tables("<!-- tables -->\n<!-- end -->\n", written).count(written) == 1


def test_the_model_predicts_the_largest_point_and_would_notice_a_wrong_one() -> None:
    """Each quantity is within its tolerance; a point that grew otherwise is not."""
    points = read_points()
    assert all(factor <= quantity.tolerance for quantity, _, _, factor in Model(points).check())
    largest = max(points, key=lambda point: point.rows)
    others = [point for point in points if point is not largest]
    odd = Model([*others, replace(largest, catalog_bytes=3 * largest.catalog_bytes)])
    wrong = [quantity.name for quantity, _, _, factor in odd.check() if factor > quantity.tolerance]
    assert wrong == ["catalog_bytes"]
