"""What models cost on this machine, without their weights: download, memory, seconds a picture and a query.

    python -m benchmarks.model_costs [ARCHITECTURE…] [--pictures 64] [--searches 5] [--photos DIR]

Each architecture of open_clip is written with random weights in the layout of the hub, with a tokenizer of as many
tokens as its own, and then used by the commands: `vasari index`, `vasari bench`, `vasari search`, each a process of
its own. None of this depends on what the weights are. Without --photos pictures are generated. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cache import random_model
from benchmarks.measuring import finish, run
from benchmarks.memory import generate

ARCHITECTURES = ("ViT-B-32-256", "ViT-B-32-SigLIP2-256")
VASARI = Path(sys.executable).with_name("vasari")
_QUERIES = ("a red boat at sunset", "ein rotes Boot", "two dogs playing in the snow", "雪の中の犬", "market")


def costs(architecture: str, photos: Path, folder: Path, searches: int) -> dict[str, Any]:
    """Write the model, index `photos` with it, and search."""
    model, library = random_model(architecture), folder / architecture
    download = sum(path.stat().st_size for path in model.iterdir())
    index = run([VASARI, "index", photos, "--model", model, "--library", library, "--json"])
    speed = run([VASARI, "bench", photos, "--model", model, "--json"])
    found = [
        run([VASARI, "search", _QUERIES[number % len(_QUERIES)], "--library", library])
        for number in range(searches)
    ]
    return {
        "architecture": architecture,
        "download_mib": round(download / 2**20),
        "index_peak_mib": round(index.peak_mib),
        "index_cpu_seconds": round(index.cpu_seconds, 1),
        "encode_per_second": json.loads(speed.output)["encode"],
        "search_seconds": round(median(each.seconds for each in found), 3),
        "search_cpu_seconds": round(median(each.cpu_seconds for each in found), 3),
        "search_peak_mib": round(median(each.peak_mib for each in found)),
        "library_models_mib": round(_size(library / "models") / 2**20),
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("architectures", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--searches", type=int, default=5)
    parser.add_argument("--photos", type=Path)
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory() as name:
        photos = options.photos or Path(name) / "photos"
        if options.photos is None:
            generate(photos, options.pictures)
        for architecture in options.architectures:
            rows.append(costs(architecture, photos, Path(name), options.searches))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    finish("model_costs", models=rows)


if __name__ == "__main__":
    main()
