"""Embed a batch whatever happens: a full device, a picture that the model fails on, a broken model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.decode import Ready
from vasari.indexer.plan import Task
from vasari.retrieval.catalog.records import NEW, NewItem
from vasari.retrieval.domain import EmbeddingSpace, Modality, Skipped, UnitVectors
from vasari.retrieval.errors import VasariError
from vasari.retrieval.library.commit import Pixels, Prepared
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import DualEncoder, OutOfMemory, Overlapping

T = TypeVar("T")
_HOPELESS = 4  # circuit breaker: so many pictures fail one by one until the encoder itself is to blame
Contents = NDArray[np.uint8] | Sequence[str]
"""Of a batch: pixels (n, H, W, 3), or texts."""
Begin = Callable[[Contents], Callable[[], UnitVectors]]
"""Hands a batch to a device; what it returns waits for the vectors (n, dim). Both may raise."""
Embedded = tuple[Task, NewItem] | Skipped
_Vector = NDArray[np.float32] | str  # or why there is none


def embedding(library: Library, space: EmbeddingSpace, modality: Modality) -> list[Begin]:
    """What embeds pictures, one a device, or texts; a model is loaded when it is first called."""
    if modality is Modality.TEXT:
        return [at_once(lambda texts: library.embed_texts([str(text) for text in texts], space))]
    return [_on(cache(partial(library.encoder_on, device, space))) for device in library.devices]


def _on(encoder: Callable[[], DualEncoder]) -> Begin:
    return lambda pixels: begin_images(encoder(), pixels)


def begin_images(encoder: DualEncoder, pixels: Contents) -> Callable[[], UnitVectors]:
    """Hand pixels over, to one that computes beside us if it can."""
    assert isinstance(pixels, np.ndarray)  # no texts
    if isinstance(encoder, Overlapping) and encoder.overlaps:
        return encoder.begin(pixels)
    return Computed(encoder.embed_images(pixels))


def at_once(embed: Callable[[Any], UnitVectors]) -> Begin:
    """A device that is the calling thread itself."""
    return lambda contents: Computed(embed(contents))


@dataclass(frozen=True, slots=True)
class Computed:
    """Vectors that there was no need to wait for."""

    vectors: UnitVectors

    def __call__(self) -> UnitVectors:
        """The vectors."""
        return self.vectors


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch in the hands of a device."""

    encoding: Encoding
    batch: Sequence[Ready]
    contents: Contents
    wait: Callable[[], UnitVectors] | None  # None: it has to be taken with care

    @property
    def under_way(self) -> bool:
        """Whether the device computes by itself."""
        return self.wait is not None and not isinstance(self.wait, Computed)

    def finish(self) -> list[Embedded]:
        """The items, in order; in the place of one that has no vector the reason why."""
        found = None if self.wait is None else _unless_it_fails(self.wait)
        vectors = self.encoding.vectors(self.contents) if found is None else list(found)
        return [_new_item(*ready, vector) for ready, vector in zip(self.batch, vectors, strict=True)]


def _unless_it_fails(step: Callable[[], T]) -> T | None:
    """What a step comes to; None where smaller batches may come to more."""
    try:
        return step()
    except OutOfMemory:
        return None
    except VasariError:
        raise
    except Exception:  # MemoryError, too
        return None


class Encoding:
    """Makes new items of prepared pictures, with an encoder that answers for every picture.

    Out of memory: the batch size is halved for the rest of the run. Any other error: the pictures are
    tried one by one, so that only the guilty one is left out; where all fail, the encoder itself is
    broken, and a VasariError says so.
    """

    def __init__(self, begin: Begin, batch_size: int) -> None:
        """`begin` is called with the first batch: a run with nothing to embed loads no model."""
        self._begin = begin
        self._batch_size = batch_size

    def begin(self, batch: Sequence[Ready], contents: Contents) -> Begun:
        """Hand a batch over to the device."""
        fits = 0 < len(contents) <= self._batch_size
        return Begun(
            self, batch, contents, _unless_it_fails(partial(self._begin, contents)) if fits else None
        )

    def _embed(self, contents: Contents) -> UnitVectors:
        return self._begin(contents)()

    def vectors(self, contents: Contents) -> list[_Vector]:
        """Vectors whatever it takes; in the place of one that there is not the reason."""
        vectors: list[_Vector] = []
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

    def _one_by_one(self, contents: Contents) -> list[_Vector]:
        vectors: list[_Vector] = []
        for place in range(len(contents)):
            try:
                vectors.append(self._embed(contents[place : place + 1])[0])
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
