"""Batches of random resized crops; a batch is a function of (seed, step) alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.storage.local_files import read_file
from vasari.training import processes


@dataclass(frozen=True, slots=True)
class Sights:
    """Crops of a batch that are to be taken: picture i shows `areas[i]` of its surface, at `places[i]`."""

    pictures: NDArray[np.int64]  # (n,) indices
    areas: NDArray[np.float64]  # (n,) in (0, 1]
    places: NDArray[np.float64]  # (n, 2) in [0, 1]: where, of the room that is left
    random: np.random.Generator  # for what else is drawn of this batch

    def share(self) -> Sights:
        """What this process sees of it."""
        part = processes.share(len(self.pictures))
        return Sights(self.pictures[part], self.areas[part], self.places[part], self.random)


@dataclass
class Crops:
    """Pictures as a run sees them. `unreadable` says why pictures cannot be read; they are left out."""

    paths: Sequence[Path]
    batch: int
    seed: int
    smallest: float  # share of a picture's area
    unreadable: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.batch = min(self.batch, len(self.paths))
        if self.batch < processes.count():
            raise UsageError(f"a batch of {self.batch} is too small for {processes.count()} processes")
        self._pool = ThreadPoolExecutor(thread_name_prefix="decode")

    def at(self, step: int) -> Sights:
        """The crops of a step's batch, of all processes together; each epoch has an order of its own."""
        count = len(self.paths)
        epoch, number = divmod(step, max(1, count // self.batch))
        order = np.random.default_rng((self.seed, epoch)).permutation(count)
        chosen = order[number * self.batch : (number + 1) * self.batch]
        rng = np.random.default_rng((self.seed, epoch, number, 1))
        return Sights(
            chosen, rng.uniform(self.smallest, 1, len(chosen)), rng.uniform(0, 1, (len(chosen), 2)), rng
        )

    def read(
        self, sights: Sights, *forms: ImagePreprocessing
    ) -> tuple[list[int], tuple[NDArray[np.uint8], ...]]:
        """Which of the sights can be read, and those (n, H, W, 3) in each of the forms."""
        wanted = (sights.pictures.tolist(), sights.areas, sights.places)
        taken = list(self._pool.map(partial(self._taken, forms), *wanted))
        rows = [row for row, views in enumerate(taken) if views is not None]
        if not rows:
            path, reason = next(iter(self.unreadable.items()))
            raise UsageError(f"none of the {len(taken)} pictures of a batch can be read: {path}: {reason}")
        views = [found for found in taken if found is not None]
        return rows, tuple(np.stack(form) for form in zip(*views, strict=True))

    def _taken(
        self, forms: Sequence[ImagePreprocessing], image: int, area: float, place: NDArray[np.float64]
    ) -> list[NDArray[np.uint8]] | None:
        path = self.paths[image]
        try:
            picture = crop(path, area, place, max(min(form.height, form.width) for form in forms))
        except ImageError as error:
            self.unreadable[path] = str(error)
            return None
        return [form.prepare(picture) for form in forms]


def crop(path: Path, area: float, place: NDArray[np.float64], side: int) -> Picture:
    """A crop with `area` of a picture's surface, decoded as large as a model of `side` pixels needs it.

    Raises ImageError.
    """
    limits, share = ImageLimits(), area**0.5
    picture = decode(read_file(path, limits), limits, target=round(side / share)).picture
    width, height = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    left, top = round((picture.width - width) * place[0]), round((picture.height - height) * place[1])
    return picture.crop((left, top, left + width, top + height))
