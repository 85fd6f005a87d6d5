"""LRU cache of query embeddings, by space and content."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.storage.local_files import content_hash

Key = tuple[str, str, str]  # space, "text" or "image", the text itself or the picture's content hash
Vector = NDArray[np.float32]  # (dim,), length 1


class EmbeddingCache:
    """At most `capacity` vectors; safe to share between threads."""

    def __init__(self, capacity: int) -> None:
        self._vectors: LRUCache[Key, Vector] = LRUCache(capacity)
        self._lock = threading.Lock()

    def get(self, key: Key) -> Vector | None:
        """The vector, if it is here."""
        with self._lock:
            return self._vectors.get(key)

    def known(self, keys: Iterable[Key]) -> dict[Key, Vector]:
        """Cache hits among these keys."""
        return {key: vector for key in keys if (vector := self.get(key)) is not None}

    def keep(self, keys: Iterable[Key], vectors: Iterable[Vector]) -> Mapping[Key, Vector]:
        """Put vectors of these keys; what was put."""
        fresh = dict(zip(keys, vectors, strict=True))
        for key, vector in fresh.items():
            self.put(key, vector)
        return fresh

    def put(self, key: Key, vector: Vector) -> None:
        """Keep a vector."""
        if self._vectors.maxsize == 0:
            return
        vector = np.array(vector, dtype=np.float32)  # its own memory: a row would keep its whole batch alive
        vector.setflags(write=False)
        with self._lock:
            self._vectors[key] = vector

    def __len__(self) -> int:
        return len(self._vectors)


def text_key(space: EmbeddingSpace, text: str) -> Key:
    """Cache key of a text."""
    return space.name, "text", text


def picture_key(space: EmbeddingSpace, data: bytes) -> Key:
    """Cache key of a picture: its content, not its name."""
    return space.name, "image", content_hash(data)
