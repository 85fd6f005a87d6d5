"""BLIP's reranker with its vision tower in int8, by the engine that computes on CPUs (`exported.compiled`).

    image.int8.xml, image.int8.bin    the tower, ranges observed once on drawn samples (`export.int8`)
    checksums.json                    the length and checksum of each of these

It is made at the first loading, of the float32 weights, and kept. What a pair takes is left as it is: of that most are
products of activations (`cross_attention`), which 8-bit weights do not make shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from vasari.retrieval.domain import Picture, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, UnsupportedError
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.export.from_transformers import blip_vision_weights
from vasari.retrieval.models.export.image_graph import write_graph
from vasari.retrieval.models.export.int8 import quantize
from vasari.retrieval.models.exported.compiled import CompiledGraph, runs_in
from vasari.retrieval.models.exported.image import INT8_FILES, INT8_GRAPH
from vasari.retrieval.models.exported.session import check_lengths, note_files
from vasari.retrieval.models.exported.single_image import GRAPH_FILE
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.reranker import BlipReranker
from vasari.retrieval.storage.atomic import discarded_on_failure

_LEAST_COSINE = 0.98  # of patches with those of the model, centred, on average


class Int8Reranker(BlipReranker):
    """Encodes pictures in int8; compares, and says where it looks, as the model does."""

    def __init__(
        self, directory: Path, form: Path, samples: Sequence[Picture], *, threads: int | None = None
    ) -> None:
        """Load the folder `directory`; the tower lies in the folder `form`, or is made there of `samples`.

        UnsupportedError on a processor that does not compute in int8, and where patches would differ too much.
        """
        if not runs_in("int8"):
            raise UnsupportedError(
                "this processor does not compute in int8: leave VASARI_RERANKER_PRECISION out"
            )
        super().__init__(directory, device="cpu", precision="auto")
        if not _is_whole(form):
            _make(BlipReranker(directory, device="cpu", precision="float32"), form, samples)
        self._tower = CompiledGraph(form / INT8_GRAPH, threads)
        self.model.vision_model = nn.Identity()  # its weights are not needed any more

    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """Patch features (patches + 1, width) of each prepared picture (H, W, 3)."""
        return list(self._tower(np.stack(pictures)).astype(np.float16))


def _is_whole(form: Path) -> bool:
    try:
        check_lengths(form, INT8_FILES)
    except LibraryCorruptError:
        return False
    return all((form / name).is_file() for name in INT8_FILES)


def _make(exact: BlipReranker, form: Path, samples: Sequence[Picture]) -> None:
    prepared = np.stack([exact.prepare(sample) for sample in samples])
    with discarded_on_failure(form / INT8_GRAPH), _scratch_in(form) as scratch:
        write_graph(blip_vision_weights(exact.model.vision_model), _pixels(exact), scratch)
        quantize(scratch / GRAPH_FILE, scratch / INT8_GRAPH, [one[None] for one in prepared])
        found = CompiledGraph(scratch / INT8_GRAPH)(prepared)
        expected = np.stack(exact.encode_images(list(prepared)))
        near = float(centred_cosines(_rows(found), _rows(expected)).mean())
        if not near >= _LEAST_COSINE:
            raise UnsupportedError(f"in int8 the reranker sees other patches (cosine {near:.3f})")
        for file in INT8_FILES:
            (scratch / file).replace(form / file)
    note_files(form, INT8_FILES)


@contextmanager
def _scratch_in(form: Path) -> Iterator[Path]:
    form.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=form) as name:
        yield Path(name)


def _rows(features: NDArray[Any]) -> Any:
    return unit_vectors(features.reshape(-1, features.shape[-1]).astype(np.float32))


def _pixels(reranker: BlipReranker) -> ImagePreprocessing:
    side = reranker.image_size
    mean, std = (tuple(part.flatten().tolist()) for part in (reranker._mean, reranker._std))
    return ImagePreprocessing(height=side, width=side, mean=mean, std=std)
