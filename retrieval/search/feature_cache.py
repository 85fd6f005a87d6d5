"""What the reranker makes of pictures, kept for the next question: an LRU cache over a store on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float16]  # (patches, width)


class FeatureCache:
    """LRU cache of picture features, up to `capacity` bytes. Safe for concurrent use."""

    def __init__(self, capacity: int, stored: Callable[[str], Features | None] = lambda _: None) -> None:
        """`stored` has what was encoded before, by content hash: it is asked for what is not held here."""
        self.capacity = capacity
        self.size = 0
        self._stored = stored
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, content_hash: str) -> Features | None:
        """Features of the picture with this content, if they are kept."""
        with self._lock:
            found = self._kept.get(content_hash)
            if found is not None:
                self._kept.move_to_end(content_hash)
                return found
        if (found := self._stored(content_hash)) is not None:
            self.put(content_hash, found)
        return found

    def put(self, content_hash: str, features: Features) -> None:
        """Keep features, and let the least recently used ones go."""
        with self._lock:
            if content_hash in self._kept:
                return
            self._kept[content_hash] = features
            self.size += features.nbytes
            while self.size > self.capacity and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self.size -= dropped.nbytes
