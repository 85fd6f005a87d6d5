"""Fair ranking of a space: its bank of texts, whether it helps there, and switching it on and off.

Switching writes the bank and the numbers of all segments first, then one transaction says so. A kill leaves files that
nobody reads, which the next switch removes. From the transaction on commits and compactions write the numbers of what
they write (`vectors.hubs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import (
    CaptionSource,
    EmbeddingSpace,
    FairMethod,
    FairRanking,
    ItemId,
    Modality,
    UnitVectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.embeddings import Report
from vasari.retrieval.evaluation.fair_ranking import FOLDS, Candidate, Verdict, measure
from vasari.retrieval.evaluation.text_banks import LANGUAGES, everyday_phrases
from vasari.retrieval.library.known_answers import KnownAnswers, fold_of, some
from vasari.retrieval.library.ports import Contents
from vasari.retrieval.library.query_log import QueryLog
from vasari.retrieval.search.fairness import LEAST_BANK, check_bank
from vasari.retrieval.search.query import parse_query
from vasari.retrieval.search.reranking import query_words
from vasari.retrieval.vectors.hubs import hubness, note_hubs, remove_other_banks, write_bank
from vasari.retrieval.vectors.segments import Segment

USUAL = {
    FairMethod.DN: Candidate(FairMethod.DN, 0.5),
    FairMethod.NNN: Candidate(FairMethod.NNN, 0.25, 0.2),
}
"""How a method is switched on unmeasured: what helped captions of 300 photos, and harmed no typed words."""

_MOST_OWN = 8192  # captions in a bank, and past queries
_NO_ITEM = -1
_LEAST_OWN = LEAST_BANK * FOLDS // (FOLDS - 1) + FOLDS  # so that without those of a fold there are enough
_MOST_PICTURES = 5000  # that the gate is told from


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Texts that nobody asks now, what they are in words, and the items (n,) that they were said of.

    -1 is the item of a text that was said of none; None: no text was.
    """

    texts: Sequence[str]
    source: str
    items: NDArray[np.int64] | None = None

    @property
    def folds(self) -> NDArray[np.int64] | None:
        """The folds (n,) of the items."""
        if self.items is None:
            return None
        return np.where(self.items == _NO_ITEM, _NO_ITEM, fold_of(self.items))

    def without(self, items: NDArray[np.int64]) -> Bank:
        """The texts that were said of none of these items."""
        if self.items is None:
            return self
        kept = np.flatnonzero(~np.isin(self.items, items))
        return Bank([self.texts[place] for place in kept.tolist()], self.source, self.items[kept])


def usual_bank(library: Contents, space: EmbeddingSpace, languages: Sequence[str] = ()) -> Bank:
    """Captions of the pictures in the space and past queries where there are enough, else everyday phrases in English.

    With `languages` the phrases of these. UsageError for one without phrases.
    """
    if not languages:
        captions, queries = _own_captions(library, space), _past_queries(library)
        own = {**dict.fromkeys(queries, _NO_ITEM), **captions}
        if len(own) >= _LEAST_OWN:
            asked = " and past queries" if len(own) > len(captions) else ""
            items = np.array(list(own.values()), np.int64)
            return Bank(list(own), f"captions{asked} of the library", items)
    spoken = list(dict.fromkeys(languages)) or ["en"]
    phrases = everyday_phrases(spoken)
    return Bank(phrases, f"everyday phrases ({', '.join(LANGUAGES[code] for code in spoken)})")


def _own_captions(library: Contents, space: EmbeddingSpace) -> dict[str, ItemId]:
    """Captions of pictures in the space, each once, with the first picture it was said of."""
    there = library.gallery(Modality.IMAGE, space).ids()
    captioned = library.catalog.annotations.captioned(Modality.IMAGE, tuple(CaptionSource))
    chosen = some(np.intersect1d(np.array(captioned, np.int64), there), _MOST_OWN)
    found: dict[str, ItemId] = {}
    for item in library.items(chosen.tolist()).values():
        for caption in item.captions:
            found.setdefault(caption.text, item.id)
    pairs = list(found.items())
    return dict(pairs[place] for place in some(np.arange(len(pairs)), _MOST_OWN).tolist())


def _past_queries(library: Contents) -> list[str]:
    """The words of the last queries, where they were kept (`VASARI_QUERY_LOG`), each once; not those that were judged.

    A judged query that is in the bank would take its own answers down.
    """
    judged = {_words(query.query) for query in library.catalog.judgments.queries()}
    asked = dict.fromkeys(_words(query.query) for query in QueryLog(library.root).read())
    return [words for words in asked if words and words not in judged][-_MOST_OWN:]


def _words(query: str) -> str:
    return query_words(parse_query(query))


def tried(
    library: Contents,
    space: EmbeddingSpace,
    known: KnownAnswers,
    bank: Bank,
    vectors: UnitVectors,
    report: Report = lambda _done: None,
) -> Verdict:
    """Whether fair ranking by a bank, `vectors` (m, dim) of its texts, helps; UsageError for a small one."""
    check_bank(len(vectors))
    pictures = library.gallery(Modality.IMAGE, space).vectors_of(known.pictures)
    return measure(pictures, known.asked, vectors, bank.folds, report)


def gate_of(library: Contents, space: EmbeddingSpace, bank: UnitVectors, hubs: float) -> float:
    """The hub number above which the share `hubs` of the pictures lies."""
    gallery = library.gallery(Modality.IMAGE, space)
    chosen = some(gallery.ids(), _MOST_PICTURES)
    if not len(chosen):
        raise UsageError("there is no picture yet from which a hub could be told: `vasari index` comes first")
    return float(np.quantile(hubness(gallery.vectors_of(chosen), bank), 1 - hubs))


def switch_on(
    library: Contents,
    space: EmbeddingSpace,
    bank: UnitVectors,
    *,
    method: FairMethod,
    weight: float,
    source: str,
    gate: float = -1.0,
    report: Report = lambda _done: None,
) -> FairRanking:
    """Have answers to words ranked fairly from now on, by the vectors (m, dim) of a bank of at least 2,000 texts.

    `source` says what they are; `report` is told of the rows that have got their numbers since. Raises UsageError for a
    smaller bank, LibraryLockedError while a job writes.
    """
    check_bank(len(bank))
    directory = library.segments_directory(space, Modality.IMAGE)
    segments = library.catalog.segments
    with library.catalog.lease.acquire("vasari tune ranking"):
        fair = FairRanking(method, weight, write_bank(directory, bank), len(bank), source, gate)
        for record in segments.all(space.name, Modality.IMAGE):
            segment = Segment.open(directory, record.number, rows=record.rows, dim=space.dim)
            note_hubs(directory, record.number, segment.vectors, fair)
            report(record.rows)
        library.catalog.spaces.set_fair_ranking(space.name, fair)
        remove_other_banks(directory, fair.bank)
    return fair


def switch_off(library: Contents, space: EmbeddingSpace) -> bool:
    """Have answers to words ranked by cosine again; says whether they were not.

    LibraryLockedError while a job writes.
    """
    with library.catalog.lease.acquire("vasari tune ranking"):
        was_on = library.catalog.spaces.fair_ranking(space.name) is not None
        if was_on:
            library.catalog.spaces.set_fair_ranking(space.name, None)
        remove_other_banks(library.segments_directory(space, Modality.IMAGE), None)
    return was_on
