"""Embeddings that were asked for before, by space and content. The least recently used go first."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Key = tuple[str, str, str]  # space, "text" or "image", the text itself or the picture's content hash
Vector = NDArray[np.float32]  # (dim,), length 1


class EmbeddingCache:
    """At most `capacity` vectors; safe to share between threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._vectors: OrderedDict[Key, Vector] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Vector | None:
        """The vector, if it is here."""
        with self._lock:
            vector = self._vectors.get(key)
            if vector is None:
                self.misses += 1
                return None
            self.hits += 1
            self._vectors.move_to_end(key)
            return vector

    def put(self, key: Key, vector: Vector) -> None:
        """Keep a vector."""
        if self._capacity == 0:
            return
        vector = np.array(vector, dtype=np.float32)  # its own memory: a row would keep its whole batch alive
        vector.setflags(write=False)
        with self._lock:
            self._vectors[key] = vector
            self._vectors.move_to_end(key)
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)

    def __len__(self) -> int:
        return len(self._vectors)
