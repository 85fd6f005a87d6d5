"""Cache of the calibrations of a library: what unrelated queries score in each gallery, measured seldom.

Measuring embeds the background queries and searches with them all. The scale that it finds hardly moves while a
collection grows by a few items, so it is kept until a fiftieth has changed, and in a file of the space for the next
process: a one-shot search would spend seconds on it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from vasari.retrieval.domain import EmbeddingSpace, FairRanking, Modality, UnitVectors
from vasari.retrieval.errors import StorageError
from vasari.retrieval.search.fairness import FairQuery
from vasari.retrieval.search.relevance import BACKGROUND, Calibration
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores

_PARTS = 64  # that are remembered: one for each modality, space and part that a key sees
_CHANGED = 0.02  # share of items from which on it is measured anew
_BACKGROUND = blake2b("\n".join(BACKGROUND).encode(), digest_size=8).hexdigest()
_LOG = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], UnitVectors]


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """A calibration, and the state of the gallery that it was measured in."""

    background: UnitVectors
    best: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    items: int
    newest: int  # the largest id: items added later have larger ones
    fair: FairRanking | None  # how the background queries were ranked

    @classmethod
    def in_(cls, gallery: Gallery, background: UnitVectors, fair: FairRanking | None) -> _Measured:
        ids = gallery.ids()
        best = _best(gallery, background, fair is not None)
        return cls(background, best, len(ids), int(ids[-1]) if len(ids) else 0, fair)

    def holds_for(self, gallery: Gallery, fair: FairRanking | None) -> bool:
        """Whether so few items came and went since that it would come out alike."""
        if self.fair != fair:
            return False
        ids = gallery.ids()
        added = len(ids) - int(np.searchsorted(ids, self.newest, side="right"))
        gone = self.items - (len(ids) - added)
        return added + gone <= _CHANGED * self.items


class Calibrations:
    """The calibrations of an open library. Threads may share it."""

    def __init__(self, folder: Callable[[EmbeddingSpace], Path], *, read_only: bool = False) -> None:
        self._folder = folder
        self._read_only = read_only
        self._measured: dict[tuple[Modality, str, bool], tuple[_Measured, Calibration]] = {}
        self._parts: dict[tuple[Modality, str, bool, int], tuple[Gallery, Calibration]] = {}
        self._lock = threading.Lock()

    def of(
        self,
        gallery: Gallery,
        modality: Modality,
        space: EmbeddingSpace,
        embed: Embed,
        seen: Ids | None = None,
        *,
        fair: bool = False,
    ) -> Calibration:
        """What unrelated queries score in `gallery`, or on the items `seen` of it; ranked fairly, or by cosine."""
        with self._lock:
            tried = gallery.trial is not None  # which is not kept for others
            whole = self._whole(gallery, modality, space, embed, fair and not tried)
            if seen is None and not tried:
                return whole
            key = (modality, space.name, fair, 0 if seen is None else hash(seen.tobytes()))
            held = self._parts.get(key)
            if held is not None and held[0] is gallery:
                return held[1]
            best = _best(gallery, whole.background, fair, seen)
            part = Calibration.of(whole.background, best)
            if len(self._parts) >= _PARTS:
                self._parts.pop(next(iter(self._parts)))
            self._parts[key] = (gallery, part)
            return part

    def _whole(
        self, gallery: Gallery, modality: Modality, space: EmbeddingSpace, embed: Embed, fair: bool
    ) -> Calibration:
        held, ranking = self._measured.get((modality, space.name, fair)), gallery.fair if fair else None
        if held is not None and held[0].holds_for(gallery, ranking):
            return held[1]
        file = self._folder(space) / f"calibration-{modality}{'-fair' if fair else ''}.npy"
        known = _read(file, space.dim, ranking) if held is None else held[0]
        if known is None or not known.holds_for(gallery, ranking):
            known = _Measured.in_(gallery, embed(BACKGROUND) if known is None else known.background, ranking)
            self._write(file, known)
        calibration = Calibration.of(known.background, known.best)
        self._measured[modality, space.name, fair] = known, calibration
        return calibration

    def _write(self, file: Path, measured: _Measured) -> None:
        if self._read_only or not file.parent.is_dir():  # imported vectors have no model's folder
            return
        state = np.array([measured.items, measured.newest])
        try:
            with replaced(file, durable=False) as (temporary,), temporary.open("wb") as stream:
                for part in (np.array(_digest(measured.fair)), state, measured.best, measured.background):
                    np.save(stream, part)  # one after the other: an archive of them would take zipfile, 4 ms
        except StorageError as error:  # the next process measures again
            _LOG.debug("the calibration is not kept: %s", error)


def _best(gallery: Gallery, background: UnitVectors, fair: bool, seen: Ids | None = None) -> Scores:
    asked = FairQuery.of(gallery, background) if fair else FairQuery.plain(gallery, background)
    return asked.search(1, seen)[1][:, 0]


def _digest(fair: FairRanking | None) -> str:
    """What was measured: the background queries, and how they were ranked."""
    return _BACKGROUND if fair is None else f"{_BACKGROUND} {fair}"


def _read(file: Path, dim: int, fair: FairRanking | None) -> _Measured | None:
    """What another process measured; None where nobody did, or with other queries, or ranked in another way."""
    try:
        with file.open("rb") as stream:
            digest, state, best, background = (np.load(stream) for _ in range(4))
    except (OSError, ValueError, EOFError):
        return None
    if str(digest) != _digest(fair) or background.shape != (len(BACKGROUND), dim):
        return None
    items, newest = state.tolist()
    return _Measured(UnitVectors(background), best, items, newest, fair)
