"""A library whose encoder embeds a picture as its brightness: real catalog, files and search, no model to load.

Run as a program it indexes folders as `vasari index` does, in a fraction of the time:

    python -m tests.grey LIBRARY PATH…
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import EmbeddingSpace, Picture, UnitVectors, unit_vectors
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import DualEncoder

CELLS = 4


class GreyEncoder:
    """A `DualEncoder`: the brightness of 4 × 4 cells, and 1."""

    def __init__(self, name: str = "grey", seconds: float = 0.0) -> None:
        self.space = EmbeddingSpace(name, name, "weights", "preprocessing", CELLS * CELLS + 1)
        self.dim = self.space.dim
        self.image_size = CELLS
        self.seconds = seconds  # a picture takes
        self.embedded = 0
        self.on_batch: Callable[[], None] = lambda: None

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture.resize((CELLS, CELLS)), dtype=np.uint8)

    @property
    def preparer(self) -> GreyEncoder:
        return GreyEncoder(self.space.name)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        self.on_batch()
        time.sleep(self.seconds * len(batch))
        self.embedded += len(batch)
        cells = batch.mean(axis=3).reshape(len(batch), -1) / 255
        return unit_vectors(np.concatenate([cells, np.ones((len(batch), 1))], axis=1))

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        raise UnsupportedError("brightness has no words")


class GreyLibrary(Library):
    """A library of grey vectors; `use_model` takes the name of the space, so that there can be several."""

    seconds = 0.0
    encoders: dict[str, GreyEncoder] | None = None

    def use_model(self, reference: str) -> EmbeddingSpace:
        space = self.catalog.spaces.ensure(GreyEncoder(reference).space)
        if self.catalog.spaces.default() is None:
            self.catalog.spaces.set_default(space.name)
        return space

    def begin(self) -> EmbeddingSpace:
        return self.default_space() or self.use_model(self.settings.model)

    def space_of(self, reference: str) -> EmbeddingSpace:
        return GreyEncoder(reference).space

    def encoder(self, space: EmbeddingSpace | None = None) -> DualEncoder:
        return self.grey(space)

    def grey(self, space: EmbeddingSpace | None = None) -> GreyEncoder:
        self.encoders = {} if self.encoders is None else self.encoders
        name = (space or self.space()).name
        if name not in self.encoders:
            self.encoders[name] = GreyEncoder(name, self.seconds)
        return self.encoders[name]


def write_picture(path: Path, seed: int, side: int = 16) -> None:
    """A small picture of random cells, another one for each seed; the suffix says the format."""
    cells = np.random.default_rng(seed).integers(0, 256, (CELLS, CELLS, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST).save(path)


def main(arguments: Sequence[str]) -> None:
    """Index slowly, committing after every few files."""
    library, *paths = arguments
    with GreyLibrary.open(library, create=True) as opened:
        opened.seconds = 0.002
        options = IndexOptions(batch_size=4, decode_threads=2, commit_every=8)
        report = index(opened, FolderSource(paths), options, stop=threading.Event())
    print(report.as_json())


if __name__ == "__main__":
    main(sys.argv[1:])
