"""`vasari index --dry-run` and `--exclude`: told is what would be done, and nothing is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run
from tests.grey import GreyLibrary
from vasari.indexer.forecast import forecast
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.errors import UsageError


def picture(path: Path, shade: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), shade).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(4):
        picture(tmp_path / "photos" / f"{number}.png", 40 * number)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        index(opened, FolderSource([photos]))
        yield opened


def contents(folder: Path) -> dict[str, int]:
    """Every file below, with its size and time."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "-shm" not in path.name
    }


def test_a_dry_run_tells_what_a_run_then_does(library: GreyLibrary, photos: Path) -> None:
    """New, changed and gone files by name; the library is not written."""
    picture(photos / "0.png", 200)
    picture(photos / "new.png", 210)
    (photos / "1.png").unlink()
    before, held = contents(library.root), library.catalog.lease.holder()
    told = forecast(library, FolderSource([photos]))
    assert (told.new, told.changed) == ([str(photos / "new.png")], [str(photos / "0.png")])
    assert (told.gone, told.unchanged) == ([str(photos / "1.png")], 2)
    assert (contents(library.root), library.catalog.lease.holder()) == (before, held)
    done = index(library, FolderSource([photos]))
    assert (done.added, done.updated, done.removed, done.unchanged) == (1, 1, 1, 2)


def test_doubtful_removals_are_told_as_such(library: GreyLibrary, photos: Path) -> None:
    """A folder that lost all would lose nothing in the library, unless it may."""
    for path in photos.iterdir():
        path.unlink()
    told = forecast(library, FolderSource([photos]))
    assert (told.gone, [each.vanished for each in told.withheld]) == ([], [4])
    allowed = forecast(library, FolderSource([photos]), IndexOptions(allow_removal=4))
    assert (len(allowed.gone), allowed.withheld) == (4, ())


def test_another_model_would_embed_all(library: GreyLibrary, photos: Path) -> None:
    """What it would do is told for the spaces that are there."""
    with pytest.raises(UsageError, match="no picture of this library has a vector of other"):
        forecast(library, FolderSource([photos]), model="other")
    library.use_model("other")
    assert len(forecast(library, FolderSource([photos]), model="other").changed) == 4
    assert forecast(library, FolderSource([photos]), model=library.space().model).unchanged == 4


def test_the_command_makes_no_library(run: Run, photos: Path, tmp_path: Path) -> None:
    """Where there is none yet, all is new; and none is there afterwards."""
    code, out, err = run("index", photos, "--dry-run", "--exclude", "3.*", "--model", "fast")
    assert (code, out) == (0, "dry run: 3 new\n")
    assert err == "1 file skipped: 1 ignored (by .vasariignore, .nomedia or --exclude)\n"
    assert not (tmp_path / "library").exists()


def test_the_command_tells_programs_the_names(run: Run, library: GreyLibrary, photos: Path) -> None:
    """In JSON; for people the counts, and what else there is to know."""
    picture(photos / "new.png", 99)
    (photos / "1.png").unlink()
    before = contents(library.root)
    code, out, err = run("index", photos, "--dry-run")
    assert (code, out) == (0, "dry run: 1 new, 1 gone, 3 unchanged\n")
    assert re.match("what is gone may be among the new under another name", err)
    fields = json.loads(run("index", photos, "--dry-run", "--json")[1])
    assert (fields["new"], fields["gone"]) == ([str(photos / "new.png")], [str(photos / "1.png")])
    assert contents(library.root) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--dry-run", "--engine", "ray"), "leave out --all and --engine"),
        (("--exclude", "!"), "--exclude: '!' is no pattern"),
        (("--dry-run", "--texts", "captions:"), "no library whose captions"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(
    run: Run, photos: Path, words: tuple[str, ...], complaint: str
) -> None:
    """Before anything is begun."""
    given = words if "--texts" in words else (photos, *words)
    code, _, err = run("index", *given)
    assert code in (1, 2)
    assert complaint in err
    assert len(err.splitlines()) == 1
