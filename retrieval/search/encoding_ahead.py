"""Encodes pictures for the reranker in a thread of its own, so that no question waits for them past its deadline.

A picture takes up to a second, or as long as its file takes to be read, and neither can be broken off. The thread
rests while pairs are compared.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from vasari.retrieval.errors import VasariError
from vasari.retrieval.search.feature_cache import Features

MOST = 64  # pictures that wait; those of the latest question come first
_REMEMBERED = 8  # outcomes that are held for who waits for them, though the cache be too small for one
_LONGEST_REST = 1.0  # seconds: under questions that follow each other without end it goes on all the same
_LOOK = 0.05  # seconds until the clock is looked at again
_LOG = logging.getLogger(__name__)

Encode = Callable[[], Features]


class EncodingAhead:
    """A queue of pictures, by content hash, and a daemon thread while there are any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, Encode] = {}
        self._under_way: str | None = None
        self._outcomes: dict[str, Features | str] = {}
        self._runs = False
        self._comparing = 0

    def want(self, pictures: Mapping[str, Encode]) -> None:
        """Encode these before those that wait already; what does it keeps what it makes, or raises VasariError."""
        with self._changed:
            others = [(key, encode) for key, encode in self._waiting.items() if key not in pictures]
            wanted = [(key, encode) for key, encode in pictures.items() if key != self._under_way]
            for key, _ in wanted:
                self._outcomes.pop(key, None)
            self._waiting = dict([*wanted, *others][:MOST])
            if self._waiting and not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="rerank-ahead", daemon=True).start()

    def wait_for(self, key: str, left: Callable[[], float]) -> Features | str | None:
        """A picture that was wanted, or why it cannot be had; None where `left()` seconds are over before."""
        with self._changed:
            while key == self._under_way or key in self._waiting:
                if left() <= 0:
                    return None
                self._changed.wait(min(_LOOK, left()))
            return self._outcomes.get(key)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """No picture is begun in the block, which is short."""
        with self._changed:
            self._comparing += 1
        try:
            yield
        finally:
            with self._changed:
                self._comparing -= 1
                self._changed.notify_all()

    def _run(self) -> None:
        try:
            while (taken := self._take()) is not None:
                self._encode(*taken)
        finally:
            with self._changed:
                self._runs, self._under_way, self._waiting = False, None, {}
                self._changed.notify_all()

    def _take(self) -> tuple[str, Encode] | None:
        with self._changed:
            self._changed.wait_for(lambda: not self._comparing, _LONGEST_REST)
            if not self._waiting:
                return None
            key = next(iter(self._waiting))
            self._under_way = key
            return key, self._waiting.pop(key)

    def _encode(self, key: str, encode: Encode) -> None:
        try:
            outcome: Features | str = encode()
        except VasariError as error:
            _LOG.info("not encoded ahead: %s", error)
            outcome = str(error)
        with self._changed:
            self._under_way = None
            self._outcomes[key] = outcome
            while len(self._outcomes) > _REMEMBERED:
                self._outcomes.pop(next(iter(self._outcomes)))
            self._changed.notify_all()
