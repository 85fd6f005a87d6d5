"""How fast photos are decoded, and what decoding at reduced size does to their embeddings.

    python benchmarks/decode_drift.py --photos DIR [--model REFERENCE] [--count 40] [--megapixels 12] [--mosaics]

Photos are taken from DIR and, where they are smaller, scaled up to `--megapixels` first, so that any folder will do
(`--megapixels 0` takes them as they are). What was scaled up has little detail to lose: `--mosaics` puts photos side by
side instead, with more of it than a camera's pixels have. Decoding is timed in processor seconds of one thread. The
drift is the cosine between the embedding of the fully decoded photo and that of the same photo decoded at reduced size.
To compare with: the cosine of two different photos, and the drift at sizes between one and two times the model's input,
which the decoder does not go down to. The last line is JSON.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.measuring import finish
from vasari.retrieval.images.decode import decode, probe
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.storage.local_files import IMAGE_SUFFIXES, read_file

LIMITS = ImageLimits()
_TILE = (500, 375)  # pixels


def photos_in(directory: Path, count: int, megapixels: float) -> list[bytes]:
    """Up to `count` JPEGs, evenly spread over the folder's names, scaled up to `megapixels`."""
    paths = sorted(path for path in directory.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise SystemExit(f"no pictures in {directory}")
    chosen = paths[:: max(len(paths) // count, 1)][:count]
    return [enlarged(read_file(path, LIMITS), megapixels) for path in chosen]


def enlarged(data: bytes, megapixels: float) -> bytes:
    """The picture as a JPEG of at least so many megapixels, quality 92."""
    info = probe(data, LIMITS)
    scale = (megapixels * 1e6 / (info.width * info.height)) ** 0.5
    if scale <= 1:
        return data
    size = round(info.width * scale), round(info.height * scale)
    buffer = BytesIO()
    decode(data, LIMITS).picture.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def mosaics_of(directory: Path, count: int, megapixels: float) -> list[bytes]:
    """`count` JPEGs of so many megapixels, in the shape of 4:3, of photos of 500 × 375 pixels drawn by lot."""
    tiles = [
        ImageOps.fit(decode(data, LIMITS).picture, _TILE) for data in photos_in(directory, sys.maxsize, 0)
    ]
    across = max(1, round((megapixels * 1e6 / (_TILE[0] * _TILE[1])) ** 0.5))
    chance = np.random.default_rng(0)
    found = []
    for _ in range(count):
        mosaic = Image.new("RGB", (across * _TILE[0], across * _TILE[1]))
        for place, tile in enumerate(chance.integers(len(tiles), size=across * across)):
            mosaic.paste(tiles[tile], (place % across * _TILE[0], place // across * _TILE[1]))
        buffer = BytesIO()
        mosaic.save(buffer, "JPEG", quality=92)
        found.append(buffer.getvalue())
    return found


def seconds_each(photos: Sequence[bytes], work: Callable[[bytes], object]) -> float:
    """Processor seconds: mean over the photos, of the best of three runs each, on one thread."""
    total = 0.0
    for data in photos:
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            work(data)
            best = min(best, time.thread_time() - start)
        total += best
    return total / len(photos)


def embeddings(encoder: OpenClipEncoder, photos: Sequence[bytes], target: int | None) -> NDArray[np.float32]:
    """Unit vectors (n, dim) of the photos decoded for `target`; one full-size picture in memory at a time."""
    prepared = [encoder.prepare(decode(data, LIMITS, target=target).picture) for data in photos]
    batches = [prepared[place : place + 16] for place in range(0, len(prepared), 16)]
    return np.concatenate([encoder.embed_images(np.stack(batch)) for batch in batches])


def drift(full: NDArray[np.float32], reduced: NDArray[np.float32]) -> dict[str, float]:
    """Cosine of each photo with itself: mean, first percentile, least; and how many still find themselves."""
    cosines = (full * reduced).sum(axis=1)
    found = (full @ reduced.T).argmax(axis=1) == np.arange(len(full))
    return {
        "mean": round(float(cosines.mean()), 5),
        "p1": round(float(np.percentile(cosines, 1)), 5),
        "min": round(float(cosines.min()), 5),
        "finds_itself": round(float(found.mean()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--model", default="scenes", help="preset, architecture, directory (default: %(default)s)"
    )
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--mosaics", action="store_true", help="of photos side by side, none scaled up")
    given = parser.parse_args()
    encoder = OpenClipEncoder.load(given.model)
    target = encoder.image_size
    made = mosaics_of if given.mosaics else photos_in
    photos = made(given.photos, given.count, given.megapixels)

    full_seconds = seconds_each(photos, lambda data: decode(data, LIMITS))
    reduced_seconds = seconds_each(photos, lambda data: decode(data, LIMITS, target=target))
    full = embeddings(encoder, photos, None)
    reduced = embeddings(encoder, photos, target)
    smaller = embeddings(encoder, photos, target // 2)
    sizes = [min(decode(data, LIMITS, target=target).picture.size) for data in photos]
    result = {
        "model": given.model,
        "target": target,
        "photos": len(photos),
        "megapixels": given.megapixels,
        "mosaics": given.mosaics,
        "reduced_shorter_side": {"min": min(sizes), "max": max(sizes)},
        "images_per_second": {"full": round(1 / full_seconds, 1), "reduced": round(1 / reduced_seconds, 1)},
        "different_photos": round(float((full @ full.T)[~np.eye(len(full), dtype=bool)].mean()), 5),
        "drift": drift(full, reduced),
        "drift_below_twice_the_target": drift(full, smaller),
    }
    print(f"{len(photos)} photos of {given.megapixels:g} megapixels, {given.model} at {target} pixels")
    print(f"{'decoded':24}{'images/s':>10}{'ms':>8}{'cosine: mean':>14}{'p1':>9}{'min':>9}")
    print(f"{'full size':24}{1 / full_seconds:10.1f}{full_seconds * 1e3:8.1f}")
    speed = f"{1 / reduced_seconds:10.1f}{reduced_seconds * 1e3:8.1f}"
    for words, columns, row in (
        ("reduced, ≥ 1.95 × target", speed, drift(full, reduced)),
        ("reduced, ≥ 1 × target", " " * 18, drift(full, smaller)),
    ):
        print(f"{words:24}{columns}{row['mean']:14.5f}{row['p1']:9.5f}{row['min']:9.5f}")
    print(f"{'two different photos':42}{result['different_photos']:14.5f}")
    finish("decode_drift", **result)


if __name__ == "__main__":
    main()
