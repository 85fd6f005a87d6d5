"""`vasari open`: which file the desktop is handed, and what is said where it cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run
from tests.grey import GreyLibrary
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures from dark to bright, items 1 to 3."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, shade in enumerate((10, 200, 240)):
        Image.new("L", (8, 8), shade).save(folder / f"{number}.png")
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([folder]))
    return folder


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose `xdg-open` notes what it is handed, and ends with the code that a file says."""
    programs, handed = tmp_path / "programs", tmp_path / "handed"
    programs.mkdir()
    script = programs / "xdg-open"
    script.write_text(
        f'#!/bin/sh\necho "$1" >> {handed}\nexit $(cat {tmp_path}/code 2>/dev/null || echo 0)\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    monkeypatch.setattr(sys, "platform", "linux")
    return handed


def test_the_very_item_or_the_best_matches_are_opened(run: Run, photos: Path, desktop: Path) -> None:
    """An item's number alone stands for itself; with another term it is a query, of which so many are opened."""
    assert run("open", "item:2")[:2] == (0, f"{photos}/1.png\n")
    assert desktop.read_text() == f"{photos}/1.png\n"
    desktop.unlink()
    assert run("open", "item:2", "+", "item:3", "-t", 2, "-F", "not name:0*")[0] == 0
    assert sorted(desktop.read_text().split()) == [f"{photos}/1.png", f"{photos}/2.png"]


def test_its_folder_can_be_shown(run: Run, photos: Path, desktop: Path) -> None:
    """Where it lies."""
    assert run("open", "item:1", "--reveal")[0] == 0
    assert desktop.read_text() == f"{photos}\n"


def test_only_pictures_are_handed_over(run: Run, photos: Path, desktop: Path) -> None:
    """A file that is a program by now is not started, one that is gone is named, and an unknown item too."""
    (photos / "0.png").write_text("#!/bin/sh\nrm -rf ~\n")
    (photos / "1.png").unlink()
    for item, complaint in ((1, "0.png: this is not an image"), (2, "1.png: "), (99, "no such picture")):
        code, _, err = run("open", f"item:{item}")
        assert (code, complaint in err, len(err.splitlines())) == (1, True, 1)
    assert not desktop.exists()


def test_a_desktop_that_cannot_is_told(
    run: Run, photos: Path, desktop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No program for it, or none at all, as on a server."""
    (tmp_path / "code").write_text("3")
    assert "found nothing that opens" in run("open", "item:1")[2]
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    code, _, err = run("open", "item:1")
    assert (code, f"has no xdg-open, by which desktops open files: {photos}/0.png" in err) == (1, True)
    assert desktop.exists()
