"""`vasari demo`: what its searches find, and the photos that come with Vasari."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from tests.cli.conftest import Run
from vasari.api.cli.demo import PHOTO_QUERIES
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


def test_each_search_finds_what_it_shows(run: Run, tmp_path: Path) -> None:
    """The demo's texts find the pictures they are about, `beach - rain` none in rain, and a second look finds more."""
    code, out, err = run("demo", tmp_path / "demo")
    assert code == 0, err
    steps = re.split(r"^\d\. ", out, flags=re.MULTILINE)
    assert [marks[0] for marks in zip(*[iter(_marks(steps[3]))] * 3, strict=True)] == ["→"] * 6
    first, less = steps[4].split("“beach” - “rain”")
    assert _shown(first).count("beach") == _shown(less).count("beach") == 3
    assert "rain" in _shown(first)
    assert "rain" not in _shown(less)
    assert _shown(steps[5]).count("purple kite") == 2
    assert re.findall(r"^   ([→ ]) \d\.\d{3}  ", steps[6], re.MULTILINE) == ["→", " ", " "]
    before, after = steps[7].split("--rerank")
    assert _marks(before) == ["→", " ", " "]
    assert _marks(after) == ["→"] * 3
    photos = _first_photos(steps[8])
    assert list(photos) == list(PHOTO_QUERIES)
    assert photos["cat"] == "a tabby cat"
    assert "espresso" in photos["a cup of coffee"]
    assert "mountains" in photos["montagnes"]
    assert "crocodiles" in photos["ワニ"]
    assert "dogs" in photos["perros"]
    assert len(list((tmp_path / "demo" / "photos").glob("*.jpg"))) == len(list(PHOTOS.glob("*.jpg")))


def _marks(step: str) -> list[str]:
    return re.findall(r"^   ([→ ])  \d\.\d{3}  \d+\.jpg", step, re.MULTILINE)


def _shown(step: str) -> str:
    return "\n".join(re.findall("shows: (.*)", step))


def _first_photos(step: str) -> dict[str, str]:
    return dict(re.findall("“(.*)”\n.*shows: (.*)", step))
