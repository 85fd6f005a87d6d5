"""Make many photos out of a few: re-encoded with small changes, so that no two files are equal.

    python -m benchmarks.photos PHOTOS FOLDER --count 1000 --size small

`small` photos have about 500 × 375 pixels, `large` ones 12 megapixels with a sensor's noise, so that their files are
as heavy as a camera's (4 MB). What is there already is kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import blake2b
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.cache import cache_folder

SIZES = {"small": (500, 375), "large": (4000, 3000)}
_NOISE = 5.0  # levels of 255, standard deviation: that of a phone at ISO 400
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def copies(photos: Path, count: int, size: str) -> Path:
    """A folder with `count` photos of this size made of those in `photos`; kept in the cache between runs."""
    name = blake2b(str(photos.absolute()).encode(), digest_size=6).hexdigest()
    folder = cache_folder("photos") / f"{name}-{size}-{count}"
    if len(list(folder.glob("*.jpg"))) < count:
        command = [sys.executable, "-m", "benchmarks.photos", str(photos), str(folder)]
        subprocess.run([*command, "--count", str(count), "--size", size], check=True)
    return folder


def part(folder: Path, count: int) -> Path:
    """A folder beside `folder` with links to its first `count` photos."""
    smaller = folder.with_name(f"{folder.name}-first-{count}")
    smaller.mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.jpg"))[:count]:
        link = smaller / path.name
        if not link.exists():
            os.link(path, link)
    return smaller


def _write(folder: Path, size: tuple[int, int], job: tuple[int, Path]) -> None:
    number, source = job
    target = folder / f"{number:06d}.jpg"
    if target.exists():
        return
    chance = np.random.default_rng(number)
    with Image.open(source) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    upright = picture.height > picture.width
    wanted = (size[1], size[0]) if upright else size
    shift = tuple(chance.uniform(0.3, 0.7, 2).tolist())
    picture = ImageOps.fit(picture, wanted, Image.Resampling.BICUBIC, bleed=0.02, centering=shift)
    picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(0.85, 1.15))
    if size == SIZES["large"]:
        noise = chance.normal(0, _NOISE, (picture.height, picture.width, 1)).astype(np.float32)
        picture = Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
    scratch = target.with_suffix(".part")
    picture.save(scratch, "JPEG", quality=90)
    scratch.replace(target)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--size", choices=list(SIZES), required=True)
    options = parser.parse_args(arguments)
    sources = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not sources:
        raise SystemExit(f"no photos in {options.photos}")
    options.folder.mkdir(parents=True, exist_ok=True)
    jobs = list(enumerate(islice(cycle(sources), options.count)))
    with ProcessPoolExecutor() as processes:
        list(processes.map(partial(_write, options.folder, SIZES[options.size]), jobs, chunksize=8))


if __name__ == "__main__":
    main()
