"""Memory of a service when ready, after searches, a question for copies and an upload, and once it is idle again.

python -m benchmarks.idle_memory --model starter
"""

from __future__ import annotations

import argparse
import tempfile
import time
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image, ImageOps

from benchmarks.measuring import finish
from benchmarks.serving import Serving, serving
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

_IDLE = 4  # seconds


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
        # The deadline: to load a model on a busy machine.
        given = {"VASARI_IDLE_SECONDS": str(_IDLE), "VASARI_DEADLINE_MS": "120000"}
        with serving(folder / "library", **given) as service:
            told = measured(service, next((folder / "p" / "images").iterdir()))
    for name, figure in told.items():
        print(f"{name:26} {figure:7.0f}" + ("" if name.endswith("ms") else " MiB"))
    finish("idle_memory", **told)


def negative(picture: Path) -> bytes:
    """The picture in negative, which is no copy: only vectors tell."""
    data = BytesIO()
    with Image.open(picture) as opened:
        ImageOps.invert(opened.convert("RGB")).save(data, "PNG")
    return data.getvalue()


def measured(service: Serving, picture: Path) -> dict[str, float]:
    """Resident memory at each step."""
    with httpx.Client(base_url=service.address, timeout=120) as client:
        told = {"ready": service.resident_mib()}
        client.post("/v1/search", json={"query": "a red boat"}).raise_for_status()
        told["text searches"] = service.resident_mib()
        client.post("/v1/search", files={"image": picture.read_bytes()}).raise_for_status()
        told["picture searches"] = service.resident_mib()
        client.post("/v1/duplicates", files={"image": negative(picture)}).raise_for_status()
        told["a new picture known?"] = service.resident_mib()
        before = service.processor_seconds()
        client.post("/v1/items", files={"image": negative(picture)}).raise_for_status()
        took = service.processor_seconds() - before
        told["an upload"] = service.resident_mib()
        time.sleep(3 * _IDLE)
        told["idle"] = service.resident_mib()
        began = time.perf_counter()
        client.post("/v1/search", json={"query": "a blue boat"}).raise_for_status()
        told["next search, ms"] = (time.perf_counter() - began) * 1000
        told["first upload, processor ms"] = took * 1000
        return told


if __name__ == "__main__":
    main()
