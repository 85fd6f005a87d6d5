"""What the first requests with a picture import: nothing that the exported towers do without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.grey import write_picture
from tests.models import write_model
from vasari.indexer.job import index
from vasari.indexer.optimize import switch_off
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.exported.compiled import runs_in
from vasari.retrieval.settings import Precision, Settings

PROGRAM = """
import json, sys
from starlette.testclient import TestClient
from vasari.api.service.server import application
from vasari.api.service.settings import ServiceSettings

picture = open(sys.argv[1], "rb").read()
settings = ServiceSettings(preload="none", deadline_ms=600_000)
with TestClient(application(settings), base_url="http://127.0.0.1:7600", client=("127.0.0.1", 50000)) as client:
    for path in ("/v1/items", "/v1/duplicates", "/v1/search"):
        answer = client.post(path, files={"image": ("a.png", picture, "image/png")})
        heavy = [name for name in ("torch", "torchvision", "open_clip", "transformers") if name in sys.modules]
        print(json.dumps([path, answer.status_code, heavy]))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, and pictures."""
    root = tmp_path_factory.mktemp("first")
    write_model(root / "model", "clip")
    for number in range(9):
        write_picture(root / "photos" / f"{number}.png", number)
    write_picture(root / "new.png", 50)
    return root


@pytest.mark.parametrize("form", ["float32", "bfloat16", "int8", None])
def test_the_first_requests_with_a_picture_import_no_torch(
    base: Path, tmp_path: Path, form: Precision | None
) -> None:
    """An upload, a question for copies and a search by picture, in each form of a space, and without one."""
    if form is not None and not runs_in(form):
        pytest.skip(f"this processor does not compute in {form}")
    settings = Settings(model=str(base / "model"), precision=form or "auto", threads=1, offline=True)
    with Library.open(tmp_path / "library", settings, create=True) as library:
        library.use_model(settings.model)
        assert index(library, FolderSource([base / "photos"])).added == 9
        if form is None:
            switch_off(library, library.space())
        assert library.spaces()[0].precision == form
    own = {"VASARI_LIBRARY": str(tmp_path / "library"), "VASARI_OFFLINE": "1", "VASARI_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(base / "new.png")],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["/')]
    assert told == [["/v1/items", 201, []], ["/v1/duplicates", 200, []], ["/v1/search", 200, []]]
