"""What decoding alone and encoding alone can do, and how far the vectors are from the reference.

    python -m benchmarks.indexing_limits PHOTOS --model DIR [--library DIR] [--count 200]

Both use all cores, so one picture costs the sum of its two times: limit = 1 / (1/decode + 1/encode). The reference
is open_clip's own transform on the fully decoded picture, through a float32 model; with a library, what it runs the
model as is measured. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from PIL import Image

from vasari.indexer.batch_size import ON_CPU
from vasari.retrieval.images import decode as pixels
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.exported.image import OptimizedEncoder
from vasari.retrieval.models.ports import DualEncoder
from vasari.retrieval.storage.local_files import content_hash, read_file

_BATCH = ON_CPU


def decode(paths: Sequence[Path], encoder: DualEncoder) -> tuple[NDArray[np.uint8], float]:
    """The prepared pictures (n, H, W, 3), and images/s of reading, hashing and decoding on all cores."""
    limits = ImageLimits()

    def load(path: Path) -> NDArray[np.uint8]:
        data = read_file(path, limits)
        content_hash(data)
        return encoder.prepare(pixels.decode(data, limits, target=encoder.image_size).picture)

    started = perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        prepared = list(threads.map(load, paths))
    return np.stack(prepared), len(paths) / (perf_counter() - started)


def encode(pictures: NDArray[np.uint8], encoder: DualEncoder) -> tuple[NDArray[np.float32], float]:
    """Vectors (n, dim), and images/s after a first batch that warms up."""
    encoder.embed_images(pictures[:_BATCH])
    started = perf_counter()
    vectors = [encoder.embed_images(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
    return np.concatenate(vectors), len(pictures) / (perf_counter() - started)


def reference(paths: Sequence[Path], model: Path) -> NDArray[np.float32]:
    """Unit vectors (n, dim) by open_clip, in float32 from fully decoded pictures."""
    tower, transform = open_clip.create_model_from_pretrained(f"local-dir:{model}")
    tower.eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(paths), _BATCH):
            batch = []
            for path in paths[start : start + _BATCH]:
                with Image.open(path) as picture:
                    batch.append(transform(picture.convert("RGB")))
            rows.append(tower.encode_image(torch.stack(batch), normalize=True).numpy())
    return np.concatenate(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args(arguments)
    paths = sorted(options.photos.glob("*.jpg"))[: options.count]
    encoder: OpenClipEncoder | OptimizedEncoder = OpenClipEncoder.load(str(options.model))
    if options.library is not None:
        with Library.open(options.library) as library:
            chosen = library.encoder()
        if isinstance(chosen, OptimizedEncoder):
            encoder = chosen
    decode(paths[:4], encoder)
    prepared, decoded_per_second = decode(paths, encoder)
    vectors, encoded_per_second = encode(prepared, encoder)
    cosines = (vectors * reference(paths, options.model)).sum(axis=1)
    report: dict[str, Any] = {
        "decode": round(decoded_per_second, 2),
        "encode": round(encoded_per_second, 2),
        "limit": round(1 / (1 / decoded_per_second + 1 / encoded_per_second), 2),
        "precision": encoder.precision,
        "cosine_mean": round(float(cosines.mean()), 6),
        "cosine_min": round(float(cosines.min()), 6),
        "pictures": len(paths),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
