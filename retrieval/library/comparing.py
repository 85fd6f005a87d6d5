"""Asking judged searches of a library as variants ask them, with fair ranking tried where a variant wants it.

What is tried changes nothing in the library: its bank and numbers are in memory, as long as the comparison lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np

from vasari.retrieval.domain import EmbeddingSpace, FairMethod, FairRanking, FairTrial, Modality, UnitVectors
from vasari.retrieval.evaluation.embeddings import Report
from vasari.retrieval.evaluation.judgments import DEPTH, Found, JudgedSearch, search_all
from vasari.retrieval.evaluation.variants import FairWish, Variant
from vasari.retrieval.library.fair_ranking import USUAL, gate_of, usual_bank
from vasari.retrieval.library.known_answers import embedded
from vasari.retrieval.library.ports import Contents
from vasari.retrieval.search.fairness import LEAST_BANK
from vasari.retrieval.vectors.hubs import read_bank

Stage = Callable[[str, int], Report]
"""Begins to report work that has a name and so many steps."""


def _untold(_name: str, _steps: int) -> Report:
    return lambda _done: None


def answers(
    library: Contents,
    searches: Sequence[JudgedSearch],
    variants: Sequence[Variant],
    depth: int = DEPTH,
    stage: Stage = _untold,
) -> list[list[Found]]:
    """What each variant finds for the searches; see `search_all`."""
    trials = _Trials(library, searches, stage)
    found = []
    for variant in variants:
        ask = partial(library.searched, fair=trials.of(variant))
        found.append(search_all(ask, searches, variant, depth, stage(variant.name, len(searches))))
    return found


class _Trials:
    """What variants ask of fair ranking; a bank is embedded once a space, and only where the space has none."""

    def __init__(self, library: Contents, searches: Sequence[JudgedSearch], stage: Stage) -> None:
        self._library, self._searches, self._stage = library, searches, stage
        self._banks: dict[str, tuple[UnitVectors, str]] = {}

    def of(self, variant: Variant) -> FairTrial | Literal[False] | None:
        """What to rank by; None where it is as the space ranks."""
        wish = variant.fair
        if wish is None or not wish.on:
            return None if wish is None else False
        space = self._library.space(variant.changes.get("space"))
        own = self._library.catalog.spaces.fair_ranking(space.name)
        if own is not None and wish in (FairWish(), FairWish(method=own.method)):
            return None
        return self._trial(space, own, wish)

    def _trial(self, space: EmbeddingSpace, own: FairRanking | None, wish: FairWish) -> FairTrial:
        bank, source = self._bank(space, own)
        method = wish.method or (FairMethod.NNN if own is None else own.method)
        like_own = own is not None and own.method is method
        usual = USUAL[method]
        weight = own.weight if own is not None and like_own else usual.weight
        if method is FairMethod.DN:
            gate = -1.0
        else:
            gate = (
                own.gate if own is not None and like_own else gate_of(self._library, space, bank, usual.hubs)
            )
        name = "" if own is None else own.bank
        ranking = FairRanking(method, wish.weight or weight, name, len(bank), source, gate)
        return FairTrial(ranking, bank)

    def _bank(self, space: EmbeddingSpace, own: FairRanking | None) -> tuple[UnitVectors, str]:
        """The space's bank, else the usual one without what is said of the right pictures: it would take these down."""
        if space.name not in self._banks:
            if own is not None:
                directory = self._library.segments_directory(space, Modality.IMAGE)
                self._banks[space.name] = UnitVectors(read_bank(directory, own.bank)), own.source
            else:
                right = np.array(
                    sorted({item for search in self._searches for item in search.right}), np.int64
                )
                bank = usual_bank(self._library, space).without(right)
                if len(bank.texts) < LEAST_BANK:
                    bank = usual_bank(self._library, space, ["en"])
                texts = embedded(self._library, space, bank.texts, self._stage("bank", len(bank.texts)))
                self._banks[space.name] = texts, bank.source
        return self._banks[space.name]
