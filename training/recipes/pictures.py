"""A cache of training pictures: the drawn collection, painted once and kept as arrays.

Painting costs 7 ms a picture and one is seen several times, so they are kept in chunks of a thousand. A chunk
appears under its name only when it is whole: an interrupted run goes on with the chunks that are missing.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from vasari.retrieval.storage.atomic import replaced
from vasari.training.scenes.sampling import sample_scene, scene_seed
from vasari.training.scenes.scene import Scene, Split

SIZE = 128  # pixels; the models' picture size
_CHUNK = 1000

Pixels = npt.NDArray[np.uint8]


class Drawn:
    """Scenes with their pictures: `scenes[i]` and `picture(i)`, a uint8 array (SIZE, SIZE, 3)."""

    def __init__(self, directory: Path, seed: int, count: int, split: Split) -> None:
        self.scenes: list[Scene] = [sample_scene(scene_seed(seed, i, split), split) for i in range(count)]
        self._chunks: list[Pixels] = [
            np.load(_chunk_path(directory, seed, split, first), mmap_mode="r")
            for first in range(0, count, _CHUNK)
        ]

    def __len__(self) -> int:
        return len(self.scenes)

    def picture(self, index: int) -> Pixels:
        """The picture of scene `index`."""
        pixels: Pixels = self._chunks[index // _CHUNK][index % _CHUNK]
        return pixels

    def pictures(self, indices: npt.NDArray[np.int64]) -> Pixels:
        """The pictures of several scenes: (n, SIZE, SIZE, 3)."""
        return np.stack([self.picture(int(i)) for i in indices])


def draw(directory: Path, seed: int, count: int, split: Split, workers: int = 2) -> Drawn:
    """Paint the chunks that are missing, on `workers` processes, and open the collection."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = [_chunk_path(directory, seed, split, first) for first in range(0, count, _CHUNK)]
    missing = [
        (path, seed, split, number * _CHUNK) for number, path in enumerate(wanted) if not path.is_file()
    ]
    if missing:
        with ProcessPoolExecutor(workers) as pool:
            list(
                tqdm(
                    pool.map(_paint_chunk, missing),
                    total=len(missing),
                    desc=f"painting {split.value}",
                    unit="k",
                )
            )
    return Drawn(directory, seed, count, split)


def _chunk_path(directory: Path, seed: int, split: Split, first: int) -> Path:
    return directory / f"{split.value}-{seed}-{first:06d}.npy"


def _paint_chunk(job: tuple[Path, int, Split, int]) -> None:
    from vasari.training.scenes.painter import paint

    path, seed, split, first = job
    scenes = (sample_scene(scene_seed(seed, i, split), split) for i in range(first, first + _CHUNK))
    pixels = np.stack([np.asarray(paint(scene, SIZE).convert("RGB")) for scene in scenes])
    with replaced(path, durable=False) as (unfinished,), unfinished.open("wb") as file:
        np.save(file, pixels)
