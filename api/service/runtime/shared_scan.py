"""Shared scans: concurrent searches share one pass over the vectors.

An exact scan spends most of its time reading and widening rows; comparing them with sixteen queries instead of one
costs little more. So while one scan runs, others gather, and the next scan answers them all. Texts that were embedded
together arrive together: after a pass with company, the first of the next ones waits a moment for the others.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores

Answer = tuple[Ids, Scores, str]
# Seconds; an answer to 32 texts takes ten times as long to be handed to its threads and scanned.
_GATHER = 0.003


@dataclass(eq=False)
class _Waiting:
    queries: UnitVectors
    k: int
    ready: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    error: Exception | None = None
    leads: bool = False  # woken to run the next pass, not because of an answer


class SharedScans:
    """The shared scan of each gallery."""

    def __init__(self) -> None:
        # A newer state is another gallery.
        self._scans: WeakKeyDictionary[Gallery, SharedScan] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def search(
        self, gallery: Gallery, queries: UnitVectors, k: int, allowed_ids: Ids | None = None
    ) -> Answer:
        """As `Gallery.search`; a filtered search has rows of its own, and goes alone."""
        if allowed_ids is not None:
            return gallery.search(queries, k, allowed_ids)
        with self._lock:
            if (scan := self._scans.get(gallery)) is None:
                scan = self._scans[gallery] = SharedScan()
        return scan.search(gallery, queries, k)


class SharedScan:
    """The pass over one gallery: unfiltered searches by several threads are answered together."""

    def __init__(self) -> None:
        self._line: list[_Waiting] = []
        self._busy = False
        self._company = False  # did the last pass answer more than one search?
        self._turn = threading.Lock()

    def search(self, gallery: Gallery, queries: UnitVectors, k: int) -> Answer:
        """As `Gallery.search`, together with others of this gallery."""
        own = _Waiting(queries, k)
        with self._turn:
            self._line.append(own)
            own.leads = not self._busy
            self._busy = True
        if not own.leads:
            own.ready.wait()
        elif self._company:
            time.sleep(_GATHER)
        if own.leads:
            self._pass(gallery)
        if own.error is not None:
            raise own.error
        if own.answer is None:  # wrong by construction: a pass answers everyone in it
            raise RuntimeError("a search was left without an answer")
        return own.answer

    def _pass(self, gallery: Gallery) -> None:
        """Answer all that wait, then wake one of those who came meanwhile to do the same."""
        with self._turn:
            together, self._line = self._line, []
            self._company = len(together) > 1
        try:
            self._answer(gallery, together)
        finally:
            with self._turn:
                following = self._line[0] if self._line else None
                self._busy = following is not None
                if following is not None:
                    following.leads = True
            for one in together:
                one.ready.set()
            if following is not None:
                following.ready.set()

    def _answer(self, gallery: Gallery, together: list[_Waiting]) -> None:
        try:
            stacked = UnitVectors(np.concatenate([one.queries for one in together]))
            ids, scores, strategy = gallery.search(stacked, max(one.k for one in together))
        except Exception as error:
            if len(together) == 1:
                together[0].error = error
                return
            for one in together:  # only the guilty one fails
                self._answer(gallery, [one])
            return
        start = 0
        for one in together:
            stop = start + len(one.queries)
            one.answer = ids[start:stop, : one.k], scores[start:stop, : one.k], strategy
            start = stop
