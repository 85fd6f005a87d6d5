"""Decoding JPEGs on the GPU, and everything else, and what it fails on, by threads of this process.

A thread reads and hashes some files, has the plain JPEGs among them decoded together, and takes what comes back through
the same steps as any picture. Before the job begins, the vectors of some of its pictures are compared with those of
pixels decoded here: another decoder must not fill a space with other vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vasari.indexer.decode import Loaded, Loader, Read
from vasari.indexer.optimize import Limits
from vasari.indexer.pipeline import Decoding
from vasari.indexer.plan import Task
from vasari.indexer.slabs import Group, Slabs
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.images.decode import plain_jpeg
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.ports import DualEncoder

if TYPE_CHECKING:
    from vasari.retrieval.models.clip.nvjpeg import GpuJpegs, TensorPicture  # torch

_AT_ONCE = 16  # files that a thread takes together
_COMPARED = 16  # pictures


def on_gpu(
    loader: Loader, jpegs: GpuJpegs, limits: ImageLimits, count: int, slabs: Slabs | None = None
) -> Decoding:
    """So many threads that read and hash; plain JPEGs are decoded by `jpegs`, all others by the thread."""
    load = partial(_load, loader, jpegs, limits)
    return Decoding([load] * count, _AT_ONCE, slabs)


def check_drift(
    loader: Loader, jpegs: GpuJpegs, limits: ImageLimits, encoder: DualEncoder, tasks: Sequence[Task]
) -> None:
    """Raise UnsupportedError if pictures that the device decodes come to other vectors than the CPU's.

    The bounds are those of an encoder's form: see `optimize.Limits`. Nothing is said where too few are plain JPEGs.
    """
    reads = [
        read
        for task in tasks[:: max(1, len(tasks) // _COMPARED)][:_COMPARED]
        if isinstance(read := loader.read(task), Read)
    ]
    pairs = []
    for read, picture in zip(reads, _decoded(reads, jpegs, limits), strict=True):
        if picture is not None:
            there, here = loader.prepare(read, picture=picture), loader.prepare(read)
            if isinstance(there, tuple) and isinstance(here, tuple):
                pairs.append((there[1].content, here[1].content))
    if not pairs:
        return
    found, expected = (encoder.embed_images(np.stack(pixels)) for pixels in zip(*pairs, strict=True))
    cosines = (found * expected).sum(axis=1)
    bounds = Limits()
    if cosines.mean() < bounds.cosine_mean or cosines.min() < bounds.cosine_min:
        raise UnsupportedError(
            f"--decode gpu: pictures decoded on {jpegs.device} come to other vectors than here (cosine"
            f" {cosines.mean():.4f} at the mean, {cosines.min():.4f} at the least): leave it out"
        )


def _load(
    loader: Loader, jpegs: GpuJpegs, limits: ImageLimits, tasks: Sequence[Task], group: Group, place: int
) -> list[Loaded]:
    reads = [loader.read(task) for task in tasks]
    pictures = iter(_decoded([read for read in reads if isinstance(read, Read)], jpegs, limits))
    return [
        _prepared(loader, read, next(pictures), group, number) if isinstance(read, Read) else read
        for number, read in enumerate(reads, start=place)
    ]


def _prepared(loader: Loader, read: Read, picture: TensorPicture | None, group: Group, number: int) -> Loaded:
    """By the device's pixels if it has them; what goes wrong with these is tried again without it."""
    keep = partial(group.keep, number)
    if picture is not None and not isinstance(found := loader.prepare(read, keep, picture), Skipped):
        return found
    return loader.prepare(read, keep)


def _decoded(reads: Sequence[Read], jpegs: GpuJpegs, limits: ImageLimits) -> list[TensorPicture | None]:
    """The pictures of plain JPEGs; None for all other files."""
    sizes = [plain_jpeg(read.data, limits) for read in reads]
    plain = [(read.data, size) for read, size in zip(reads, sizes, strict=True) if size]
    found = iter(jpegs.decode([data for data, _ in plain], [size for _, size in plain]))
    return [next(found) if size else None for size in sizes]
