"""Encode a batch whatever happens: a full device, a picture that the model fails on, a broken model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import UnitVectors
from retrieval.errors import VasariError
from retrieval.models.ports import OutOfMemory

_HOPELESS = 4  # pictures that fail one by one until the encoder itself is to blame


class ImageEncoder(Protocol):
    """The side of a dual encoder that is called here."""

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Unit vectors (n, dim) of pictures (n, H, W, 3)."""
        ...


class Encoding:
    """An encoder that answers for every picture.

    Out of memory: the batch size is halved for the rest of the run. Any other error: the pictures are
    tried one by one, so that only the guilty one is left out; where all fail, the encoder itself is
    broken, and a VasariError says so.
    """

    def __init__(self, encoder: Callable[[], ImageEncoder], batch_size: int) -> None:
        """`encoder` is asked with the first batch: a run with nothing to embed loads no model."""
        self._encoder = encoder
        self._batch_size = batch_size

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | str]:
        """One vector (dim,) a picture (H, W, 3), or the reason why it has none."""
        vectors: list[NDArray[np.float32] | str] = []
        while len(vectors) < len(pictures):
            chunk = pictures[len(vectors) : len(vectors) + self._batch_size]
            try:
                vectors.extend(self._encoder().embed_images(np.stack(chunk)))
            except (OutOfMemory, MemoryError):
                if len(chunk) == 1:
                    raise
                self._batch_size = len(chunk) // 2
            except VasariError:
                raise
            except Exception:
                vectors.extend(self._one_by_one(chunk))
        return vectors

    def _one_by_one(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | str]:
        vectors: list[NDArray[np.float32] | str] = []
        for picture in pictures:
            try:
                vectors.append(self._encoder().embed_images(picture[None])[0])
            except Exception as error:
                vectors.append(f"the model failed on it: {type(error).__name__}: {error}".splitlines()[0])
                if len(vectors) >= _HOPELESS and all(isinstance(vector, str) for vector in vectors):
                    raise VasariError(
                        f"the model fails on every picture ({type(error).__name__}: {error});"
                        " what was embedded before is safe, and indexing again goes on from there"
                    ) from error
        return vectors
