"""Indexing on a GPU: `vasari index` itself on JPEG files, computing alone, and decoding alone.

    python -m benchmarks.gpu --photos DIR [--architecture ViT-B-32 ViT-L-14 ViT-B-16-SigLIP2] [--count 8192]

The photos in DIR are re-encoded to 500 × 375 pixels with small changes until there are enough. `vasari index` runs as a
process with its defaults, over a tenth of them and over all, each time into a new library: the difference of the files
over that of the times is what it reaches without its start. `compute` is the encoder on pixels that are decoded, with
two batches on their way; `decode` is the job's reading and decoding on all cores. `share` is `vasari index` over the
smaller of the two. Without a GPU the program says so in one line, and ends well. The last line is JSON.
"""

from __future__ import annotations

import argparse
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cache import random_model
from benchmarks.index_throughput import VASARI, steady
from benchmarks.measuring import Run, finish, run
from benchmarks.photos import copies, part
from vasari.indexer.batch_size import UNTRIED
from vasari.indexer.decode import Loader
from vasari.indexer.plan import Task
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.clip.encoder import OpenClipEncoder

ARCHITECTURES = ("ViT-B-32", "ViT-L-14", "ViT-B-16-SigLIP2")


def decode_alone(folder: Path, encoder: OpenClipEncoder) -> float:
    """Images a second of reading and decoding on all cores."""
    source = FolderSource([folder])
    loader = Loader(source.read, lambda: encoder, ImageLimits())
    tasks = [Task(found) for found in source.candidates() if isinstance(found, Candidate)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(loader.load, tasks[:64]))
        started = perf_counter()
        deque(threads.map(loader.load, tasks), maxlen=0)
        return len(tasks) / (perf_counter() - started)


def compute_alone(encoder: OpenClipEncoder, count: int, batch: int) -> float:
    """Images a second of the encoder, as an encoder worker of the job drives it."""
    shape = (batch, *encoder.input_size, 3)
    slabs: list[NDArray[np.uint8]] = [
        np.random.default_rng(n).integers(0, 256, shape, np.uint8) for n in range(2)
    ]
    for slab in slabs:
        encoder.pin(slab)
        encoder.embed_images(slab)
    begun: deque[Callable[[], UnitVectors]] = deque()
    started = perf_counter()
    for number in range(-(-count // batch)):
        begun.append(encoder.begin(slabs[number % 2]))
        if len(begun) == len(slabs):
            begun.popleft()()
    while begun:
        begun.popleft()()
    return -(-count // batch) * batch / (perf_counter() - started)


def measure(architecture: str, folder: Path, device: str, count: int) -> dict[str, Any]:
    """Images a second: computing alone, decoding alone, `vasari index`."""
    model = random_model(architecture)

    def index(photos: Path, scratch: Path) -> Run:
        words: list[str | Path] = [VASARI, "index", photos, "--model", model, "--device", device, "--json"]
        return run([*words, "--library", scratch / "library"])

    encoder = OpenClipEncoder.load(str(model), device=device)
    compute, decode = compute_alone(encoder, count, UNTRIED), decode_alone(folder, encoder)
    precision = encoder.precision
    del encoder
    whole = steady(index, part(folder, max(count // 10, 2)), folder)
    return {
        "precision": precision,
        "compute": round(compute, 1),
        "decode": round(decode, 1),
        "vasari_index": round(whole["images_per_second"], 1),
        "share": round(whole["images_per_second"] / min(compute, decode), 3),
        "processor_ms": round(whole["cpu_ms_per_image"], 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--architecture", nargs="+", default=list(ARCHITECTURES))
    parser.add_argument("--count", type=int, default=8192)
    parser.add_argument("--quick", action="store_true", help="the first architecture, 200 pictures")
    options = parser.parse_args(arguments)
    if options.device != "cpu" and not torch.cuda.is_available():
        print(
            "there is no CUDA device here: nothing is measured (benchmarks.host_limit shows what the host can feed)"
        )
        finish("gpu", device=None)
        return
    if options.photos is None:
        parser.error("--photos is needed")
    if options.quick:
        options.architecture, options.count = options.architecture[:1], 200
    folder = copies(options.photos, options.count, "small")
    found = {}
    for architecture in options.architecture:
        found[architecture] = measure(architecture, folder, options.device, options.count)
        print(architecture, *(f"{name} {value}" for name, value in found[architecture].items()), flush=True)
    name = torch.cuda.get_device_name() if options.device != "cpu" else "cpu"
    finish("gpu", device=name, pictures=options.count, models=found)


if __name__ == "__main__":
    main()
