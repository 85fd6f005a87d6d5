"""`vasari demo`: the photos that come with Vasari, and what `starter` finds among them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from vasari.api.cli.demo import PHOTO_QUERIES, search_photos
from vasari.retrieval.builtin_data import builtin_data

PHOTOS = builtin_data("photos")


def test_each_photo_has_an_author_and_an_open_licence() -> None:
    """The table names exactly the photos of the folder, each with author, licence and source."""
    with (PHOTOS / "photos.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["file"] for row in rows] == sorted(path.name for path in PHOTOS.glob("*.jpg"))
    assert len(rows) >= 24
    for row in rows:
        assert row["licence"] in {"public domain", "CC0-1.0"} or row["licence"].startswith("CC-BY-"), row
        assert "SA" not in row["licence"], row
        assert row["author"], row
        assert row["source"].startswith("http"), row
    assert sum(path.stat().st_size for path in PHOTOS.iterdir()) < 4e6


def test_photos_are_indexed_and_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo's queries find the right photo first, in four languages, and the photos are a copy the user may keep."""
    rows = search_photos(tmp_path)
    assert [row.title for row in rows] == list(PHOTO_QUERIES)
    said = capsys.readouterr().out.split("“")[1:]
    firsts = {part.partition("”")[0]: part.splitlines()[1].partition("shows: ")[2] for part in said}
    assert firsts["cat"] == "a tabby cat"
    assert "espresso" in firsts["a cup of coffee"]
    assert "mountains" in firsts["montagnes"]
    assert "crocodiles" in firsts["ワニ"]
    assert "dogs" in firsts["perros"]
    assert len(list((tmp_path / "photos").glob("*.jpg"))) == len(list(PHOTOS.glob("*.jpg")))
