"""Memory of a service when ready, after searches, a question for copies and an upload, and once it is idle again.

python -m benchmarks.idle_memory --model starter
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image, ImageOps

from benchmarks.measuring import finish
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

_PORT = 7655
_IDLE = 4  # seconds


def resident(process: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor_time(process: int) -> float:
    """Processor time of a process in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--pictures", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        render(folder / "p", seed=2, count=options.pictures, split=Split.TRAIN, size=224)
        with Library.open(
            settings=Settings(library=folder / "library", offline=True), create=True
        ) as library:
            library.use_model(options.model)
            index(library, FolderSource([folder / "p" / "images"], limits=library.image_limits))
        words = [sys.executable, "-m", "vasari.api.cli", "serve", "--port", str(_PORT)]
        given = {"VASARI_LIBRARY": str(folder / "library"), "VASARI_IDLE_SECONDS": str(_IDLE)}
        given["VASARI_DEADLINE_MS"] = "120000"  # to load a model on a busy machine
        with subprocess.Popen(words, env={**os.environ, **given}, stderr=subprocess.DEVNULL) as service:
            try:
                told = measured(service.pid, next((folder / "p" / "images").iterdir()))
            finally:
                service.terminate()
    for name, figure in told.items():
        print(f"{name:26} {figure:7.0f}" + ("" if name.endswith("ms") else " MB"))
    finish("idle_memory", **told)


def negative(picture: Path) -> bytes:
    """The picture in negative, which is no copy: only vectors tell."""
    data = BytesIO()
    with Image.open(picture) as opened:
        ImageOps.invert(opened.convert("RGB")).save(data, "PNG")
    return data.getvalue()


def measured(process: int, picture: Path) -> dict[str, float]:
    """Resident memory at each step."""
    with httpx.Client(base_url=f"http://127.0.0.1:{_PORT}", timeout=120) as client:
        while True:
            try:
                client.get("/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        told = {"ready": resident(process)}
        client.post("/v1/search", json={"query": "a red boat"}).raise_for_status()
        told["text searches"] = resident(process)
        client.post("/v1/search", files={"image": picture.read_bytes()}).raise_for_status()
        told["picture searches"] = resident(process)
        client.post("/v1/duplicates", files={"image": negative(picture)}).raise_for_status()
        told["a new picture known?"] = resident(process)
        before = processor_time(process)
        client.post("/v1/items", files={"image": negative(picture)}).raise_for_status()
        took = processor_time(process) - before
        told["an upload"] = resident(process)
        time.sleep(3 * _IDLE)
        told["idle"] = resident(process)
        began = time.perf_counter()
        client.post("/v1/search", json={"query": "a blue boat"}).raise_for_status()
        told["next search, ms"] = (time.perf_counter() - began) * 1000
        told["first upload, processor ms"] = took * 1000
        return told


if __name__ == "__main__":
    main()
