"""Indexing on a GPU: from JPEG files to vectors, computing alone, and decoding alone.

    python -m benchmarks.gpu [--photos DIR] [--architecture ViT-B-32 ViT-L-14 ViT-B-16-SigLIP2] [--quick]

Computing is in half precision with overlapped copies through pinned buffers (`retrieval/models/clip/transfer.py`);
decoding runs on all cores meanwhile. `share` is files to vectors / the smaller of the two. Without a GPU the program
says so in its last line (`"device": null`), after it has run the same code on the CPU with a tiny batch, and ends
well.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cache import random_model
from benchmarks.measuring import finish
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.storage.local_files import IMAGE_SUFFIXES, read_file

ARCHITECTURES = ("ViT-B-32", "ViT-L-14", "ViT-B-16-SigLIP2")
_LIMITS = ImageLimits()


def files(photos: Path | None, count: int) -> list[bytes]:
    """`count` JPEG files, from a folder over and over, or of random colours."""
    if photos is None:
        return [_drawn(seed) for seed in range(min(count, 16))] * (1 + count // 16)
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise SystemExit(f"no pictures in {photos}")
    return [read_file(path, _LIMITS) for path in islice(cycle(paths), count)]


def _drawn(seed: int) -> bytes:
    import simplejpeg

    cells = np.random.default_rng(seed).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    pixels = np.ascontiguousarray(np.kron(cells, np.ones((25, 25, 1), dtype=np.uint8)))
    return bytes(simplejpeg.encode_jpeg(pixels))


def prepared(
    encoder: OpenClipEncoder, data: Sequence[bytes], batch: int, threads: ThreadPoolExecutor
) -> Iterator[NDArray[np.uint8]]:
    """Batches of decoded pictures; the threads are at most four batches ahead."""

    def prepare(one: bytes) -> NDArray[np.uint8]:
        return encoder.prepare(decode(one, _LIMITS, target=encoder.image_size).picture)

    room = threading.Semaphore(4 * batch)

    def guarded(one: bytes) -> NDArray[np.uint8]:
        room.acquire()
        return prepare(one)

    futures = [threads.submit(guarded, one) for one in data]
    for start in range(0, len(futures), batch):
        found = [future.result() for future in futures[start : start + batch]]
        for _ in found:
            room.release()
        yield np.stack(found)


def measure(architecture: str, data: Sequence[bytes], device: str, batch: int) -> dict[str, Any]:
    """Images a second: computing alone, decoding alone, files to vectors."""
    encoder = OpenClipEncoder.load(str(random_model(architecture)), device=device)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        started = perf_counter()
        decoded = list(prepared(encoder, data, batch, threads))
        decode = len(data) / (perf_counter() - started)
        list(encoder.towers.embed_stream(decoded[:2]))  # warms up
        started = perf_counter()
        list(encoder.towers.embed_stream(decoded))
        compute = len(data) / (perf_counter() - started)
        started = perf_counter()
        list(encoder.towers.embed_stream(prepared(encoder, data, batch, threads)))
        whole = len(data) / (perf_counter() - started)
    return {
        "precision": encoder.precision,
        "compute": round(compute, 1),
        "decode": round(decode, 1),
        "files_to_vectors": round(whole, 1),
        "share": round(whole / min(compute, decode), 3),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--architecture", nargs="+", default=list(ARCHITECTURES))
    parser.add_argument("--count", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--quick", action="store_true", help="ViT-B-32 only, few pictures")
    options = parser.parse_args(arguments)
    present = options.device == "cpu" or torch.cuda.is_available()
    if options.quick or not present:
        options.architecture, options.count, options.batch = options.architecture[:1], 16, 4
    device = options.device if present else "cpu"
    data = files(options.photos, options.count)[: options.count]
    found = {}
    for architecture in options.architecture:
        found[architecture] = measure(architecture, data, device, options.batch)
        print(architecture, *(f"{name} {value}" for name, value in found[architecture].items()), flush=True)
    name = torch.cuda.get_device_name() if present and device != "cpu" else None
    if not present:
        print("there is no CUDA device: the figures above are of the CPU and only show that the code runs")
    finish("gpu", device=name, measured_on=device, pictures=len(data), models=found)


if __name__ == "__main__":
    main()
