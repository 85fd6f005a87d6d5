"""The guide to Python and the notebook run: over the photos that come along, with the model that comes along."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.patience import LONG
from tests.service.conftest import Live

ROOT = Path(__file__).resolve().parents[2]


def test_the_guide_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], live: Live
) -> None:
    """Its blocks, one after the other, as a program."""
    monkeypatch.setenv("VASARI_OFFLINE", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(ROOT / "data" / "photos", tmp_path / "Pictures")
    guide = (ROOT / "docs" / "python.md").read_text("utf-8")
    names: dict[str, Any] = {"url": live.url}
    printed = []
    for block in re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL):
        exec(block, names)
        printed.append(capsys.readouterr().out)
    names["library"].close()
    names["client"].close()
    made, _, options, inside, vectors, table, said, served = printed
    assert re.fullmatch(r"29 added, 0 failed\n0\.\d{3} .*/01\.jpg\n(0\.\d{3} .*\.jpg\n){2}", made)
    assert re.match(r"\d+ exact", options)
    assert inside.startswith("29 items\n1 ")
    assert inside.endswith("True\n")
    assert re.fullmatch(r"\(29, 512\) float32\n\[ *1 .*\]\n", vectors)
    assert re.search(r"\n0 +1 +\d+ +\d+", table)
    assert re.match(r"\('a cat', [01]\.\d+\)\n\['01\.jpg'\]", said)
    assert re.fullmatch(r"(.+\n){3}\['\w+\.png'\]\n", served)


def test_the_notebook_shows_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by Jupyter's own client in a kernel of its own; answers come as pictures, and it is kept without output."""
    monkeypatch.setenv("VASARI_OFFLINE", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    file = ROOT / "examples" / "notebook.ipynb"
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=int(LONG), resources={"metadata": {"path": str(file.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pages = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert [page.count("<img ") for page in pages] == [4, 4, 1, 3, 0]
    assert "01.jpg" in pages[0].partition("</figure>")[0]
    assert not [output for output in outputs if output["output_type"] == "error"]
