"""Embed a batch whatever happens: a full device, a picture that the model fails on, a broken model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.decode import Ready
from vasari.indexer.plan import Task
from vasari.retrieval.catalog.records import NEW, NewItem
from vasari.retrieval.domain import EmbeddingSpace, Modality, Skipped, UnitVectors
from vasari.retrieval.errors import VasariError
from vasari.retrieval.library.commit import Pixels, Prepared
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import OutOfMemory

_HOPELESS = 4  # pictures that fail one by one until the encoder itself is to blame
_Contents = Sequence[Pixels | str]


def embedding(
    library: Library, space: EmbeddingSpace, modality: Modality
) -> Callable[[_Contents], UnitVectors]:
    """What embeds prepared pictures, or texts; the model is loaded when it is first called."""
    if modality is Modality.TEXT:
        return lambda texts: library.embed_texts([str(text) for text in texts], space)
    return lambda pictures: library.encoder(space).embed_images(np.stack(pictures))


class Encoding:
    """Makes new items of prepared pictures, with an encoder that answers for every picture.

    Out of memory: the batch size is halved for the rest of the run. Any other error: the pictures are
    tried one by one, so that only the guilty one is left out; where all fail, the encoder itself is
    broken, and a VasariError says so.
    """

    def __init__(self, embed: Callable[[_Contents], UnitVectors], batch_size: int) -> None:
        """`embed` is called with the first batch: a run with nothing to embed loads no model."""
        self._embed = embed
        self._batch_size = batch_size

    def __call__(self, batch: Sequence[Ready]) -> list[tuple[Task, NewItem] | Skipped]:
        """The items, in order; in the place of one that has no vector the reason why."""
        vectors = self._vectors([prepared.content for _, prepared in batch])
        return [_new_item(*ready, vector) for ready, vector in zip(batch, vectors, strict=True)]

    def _vectors(self, contents: _Contents) -> list[NDArray[np.float32] | str]:
        vectors: list[NDArray[np.float32] | str] = []
        while len(vectors) < len(contents):
            chunk = contents[len(vectors) : len(vectors) + self._batch_size]
            try:
                vectors.extend(self._embed(chunk))
            except (OutOfMemory, MemoryError):
                if len(chunk) == 1:
                    raise
                self._batch_size = len(chunk) // 2
            except VasariError:
                raise
            except Exception:
                vectors.extend(self._one_by_one(chunk))
        return vectors

    def _one_by_one(self, contents: _Contents) -> list[NDArray[np.float32] | str]:
        vectors: list[NDArray[np.float32] | str] = []
        for content in contents:
            try:
                vectors.append(self._embed([content])[0])
            except Exception as error:
                vectors.append(f"the model failed on it: {type(error).__name__}: {error}".splitlines()[0])
                if len(vectors) >= _HOPELESS and all(isinstance(vector, str) for vector in vectors):
                    raise VasariError(
                        f"the model fails on everything ({type(error).__name__}: {error});"
                        " what was embedded before is safe, and indexing again goes on from there"
                    ) from error
        return vectors


def _new_item(
    task: Task, prepared: Prepared[Pixels] | Prepared[str], vector: NDArray[np.float32] | str
) -> tuple[Task, NewItem] | Skipped:
    candidate, known = task.candidate, task.known
    if isinstance(vector, str):
        return Skipped(candidate.uri, "encode", vector)
    item = prepared.item(
        candidate.uri,
        vector,
        candidate.mtime_ns,
        id=known.id if known else NEW,
        ctime_ns=candidate.ctime_ns,
        told=candidate.telling(known.teller if known else None),
    )
    return task, item
