"""The reranker of a library with its cache, opened once: at once, or in the background where there is a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vasari.retrieval.errors import DeadlineError
from vasari.retrieval.library.loading import STILL_LOADING, in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

    from vasari.retrieval.search.reranking import RerankStage

# Of a deadline: imports in the other thread hold Python's lock for a tenth of a second and more.
_LOADING_SHARE = 0.8


class OpenRerankStage:
    """Opens what `make` makes when it is first asked for; safe to share between threads."""

    def __init__(self, make: Callable[[], RerankStage]) -> None:
        self._make = make
        self._stage: RerankStage | None = None
        self._lock = threading.Lock()  # of the loading, which lasts seconds
        self._opening: Future[RerankStage] | None = None
        self._opening_lock = threading.Lock()

    def held(self) -> RerankStage | None:
        """The stage, if it is open."""
        return self._stage

    def get(self, within_ms: float | None) -> RerankStage:
        """The stage; DeadlineError where it takes longer, which the next who asks gains by."""
        if within_ms is None:
            return self._open()
        with self._opening_lock:
            if self._opening is None or self._opening.done():  # however many ask, one thread loads
                self._opening = in_background(partial(self._open, measured=True))
            opening = self._opening
        try:
            return opening.result(_LOADING_SHARE * within_ms / 1000)
        except TimeoutError:
            raise DeadlineError(STILL_LOADING) from None

    def close(self) -> None:
        """Let go of it; it is opened anew for the next who asks."""
        with self._lock:
            self._stage = None

    def _open(self, *, measured: bool = False) -> RerankStage:
        from vasari.retrieval.images.samples import sample_pictures

        with self._lock:
            if self._stage is None:
                stage = self._make()
                if measured:  # for deadlines, which the first question has, too
                    stage.measure(sample_pictures()[0])
                self._stage = stage
            return self._stage
