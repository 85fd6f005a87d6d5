"""`vasari read`, as typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.models import write_model
from tests.signs import sign

pytest.importorskip("rapidocr")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "plate.png").write_bytes(sign("RE16 TGK"))
    (folder / "door.png").write_bytes(sign("NO ENTRY"))
    (folder / "plain.png").write_bytes(sign(""))
    return folder


def test_a_library_is_read_and_found_by_its_text(run: Run, photos: Path, tmp_path: Path) -> None:
    """`index --read` and `read` are the same job: what one has read is not read by the other."""
    model = write_model(tmp_path / "model", "clip")
    code, told, _ = run("index", photos, "--model", model, "--read", "--json")
    assert code == 0
    assert json.loads(told)["reading"]["with_text"] == 2
    assert run("read")[:2] == (0, "nothing to read: all 3 pictures were read before\n")
    code, told, _ = run("search", "--filter", "ocr:E16", "--json", "a sign")
    assert [Path(hit["uri"]).name for hit in json.loads(told)["hits"]] == ["plate.png"]
    (photos / "door.png").write_bytes(sign("WAY OUT"))
    code, told, _ = run("index", photos, "--read")
    assert "1 updated" in told
    assert "1 read, 1 of them with text, 2 read before, 0 failed in " in told


def test_the_text_of_given_pictures_is_printed(run: Run, photos: Path) -> None:
    """Without a library; with several, their names stand above."""
    assert run("read", photos / "door.png")[:2] == (0, "NO ENTRY\n")
    code, told, complaint = run("read", photos / "door.png", photos / "plain.png")
    assert (code, told) == (0, f"{photos}/door.png:\n  NO ENTRY\n{photos}/plain.png:\n")
    assert f"{photos}/plain.png: no text" in complaint
    code, told, _ = run("read", "--json", photos / "door.png")
    ((line,),) = [each["text_lines"] for each in json.loads(told)]
    assert line["text"] == "NO ENTRY"
    assert len(line["corners"]) == 4


def test_a_missing_package_is_told_before_anything_is_done(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names the extra, and there is no library yet."""
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    code, _, complaint = run("index", photos, "--read")
    assert code == 1
    assert "pip install 'vasari[ocr]'" in complaint
    assert run("read", photos / "door.png")[0] == 1


def test_again_is_for_the_library(run: Run, photos: Path) -> None:
    """It makes no sense for a picture that is read anyway."""
    code, _, complaint = run("read", "--again", photos / "door.png")
    assert code == 2
    assert "--again is for the whole library" in complaint
