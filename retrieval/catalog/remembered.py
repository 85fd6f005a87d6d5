"""The last filters' answers, remembered as long as nothing changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from retrieval.catalog.schema import library
from retrieval.domain import Modality

Ids = NDArray[np.int64]
_MOST = 8_000_000  # ids of all remembered answers together: 64 MB
_MOST_ANSWERS = 256


class Remembered:
    """Answers by filter and modality, each for the revision it was read at; threads may share it."""

    def __init__(self) -> None:
        self._answers: LRUCache[tuple[str, Modality], tuple[int, Ids]] = LRUCache(
            _MOST, lambda held: max(len(held[1]), _MOST // _MOST_ANSWERS)
        )
        self._lock = threading.Lock()

    def ids(
        self,
        connection: Connection,
        text: str,
        modality: Modality,
        find: Callable[[Connection, str, Modality], Ids],
    ) -> Ids:
        """What `find` answers on this connection, or answered at its revision; not to be written to."""
        revision = connection.execute(select(library.c.revision)).scalar_one()
        with self._lock:
            held = self._answers.get((text, modality))
        if held is not None and held[0] == revision:
            return held[1]
        found = find(connection, text, modality)
        found.flags.writeable = False
        if len(found) <= _MOST:
            with self._lock:
                self._answers[text, modality] = (revision, found)
        return found
