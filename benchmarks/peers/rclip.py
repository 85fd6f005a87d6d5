"""rclip 3.3 on the same work: its own program and database, our weights.

Its models are not downloaded: it takes the ONNX files that it finds in its data directory.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.cache import cache_folder
from benchmarks.measuring import Run, run
from benchmarks.peers.environments import environment

PACKAGE = "rclip==3.3.0"

# Runs in rclip's environment: argv is a folder with vectors.npy (n, 512) float32 and uris.txt.
_FILL = """
import pathlib, sys
import numpy as np
from rclip import db
from rclip.utils.helpers import get_app_datadir
folder = pathlib.Path(sys.argv[1])
database = db.DB(get_app_datadir() / "db.sqlite3")
vectors = np.load(folder / "vectors.npy", mmap_mode="r")
for uri, vector in zip((folder / "uris.txt").read_text().splitlines(), vectors, strict=True):
    image = db.NewImage(filepath=uri, modified_at=1.0, size=1, vector=vector.tobytes(), hash=uri)
    database.upsert_image(image, commit=False)
database.commit()
database.close()
"""


class Rclip:
    """rclip with a data directory of its own."""

    def __init__(self, model: Path, datadir: Path) -> None:
        """`model` is an open_clip folder, whose towers are written once for all data directories."""
        self._programs = environment("rclip-3.3.0", [PACKAGE])
        self._environment = {"RCLIP_DATADIR": str(datadir)}
        datadir.mkdir(parents=True, exist_ok=True)
        for path in _models(model).iterdir():
            link = datadir / path.name
            if not link.exists():
                link.symlink_to(path)

    def fill(self, folder: Path) -> None:
        """Enter the items of `folder`: vectors.npy (n, 512) float32 and uris.txt, through rclip's own database code."""
        run([str(self._programs / "python"), "-c", _FILL, str(folder)], environment=self._environment)

    def index(self, photos: Path, query: str = "a photo") -> Run:
        """Index a folder; rclip does so before a search, so a search is part of it."""
        return run([self._programs / "rclip", query], environment=self._environment, folder=photos)

    def search(self, photos: Path, query: str, top: int = 10) -> Run:
        """One query over what was indexed below `photos`, which is not looked at again."""
        command: list[str | Path] = [self._programs / "rclip", "--no-indexing", "--top", str(top), query]
        return run(command, environment=self._environment, folder=photos)


def _models(model: Path) -> Path:
    folder = cache_folder("rclip-models") / model.name
    if not (folder / "tokenizer").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "benchmarks.peers.rclip_models", str(model), str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder
