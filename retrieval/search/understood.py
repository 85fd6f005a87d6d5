"""A search request as it is asked: its sentences understood, and their filters laid over the request's own.

What a sentence asks for is a filter only if it lets something through: where no picture was taken in May 2018, "May
2018" stays words, and a note says so. So a library without dates or places is searched as it always was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from vasari.retrieval.domain import (
    Correction,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    Understanding,
    UnderstoodFilter,
)
from vasari.retrieval.errors import Sentence
from vasari.retrieval.search.intent import LONGEST, understand
from vasari.retrieval.search.lexicon import Lexicon
from vasari.retrieval.search.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Understood:
    """The request with what was understood in it, which `understanding` tells; `notes` say what was left aside."""

    request: SearchRequest
    understanding: Understanding
    notes: tuple[str, ...] = ()

    def told(self, response: SearchResponse) -> SearchResponse:
        """The answer to the request, with what was understood."""
        explain = response.explain
        return replace(
            response,
            notes=self.notes + response.notes,
            understood=self.understanding.filters,
            corrections=self.understanding.corrections,
            explain=None if explain is None else replace(explain, understood=self.understanding),
        )


def understood(
    request: SearchRequest,
    today: date,
    vocabulary: Vocabulary,
    accepts_any: Callable[[str], bool],
    lexicon: Lexicon | None = None,
    is_said: Callable[[str], bool] = lambda _word: False,
) -> Understood:
    """Understand the sentences of a request.

    Args:
        request: as it is asked.
        today: the day that dates are told from.
        vocabulary: the names that the library knows.
        accepts_any: tells whether a filter lets anything through.
        lexicon: the words that the model was taught, where that is known.
        is_said: tells of a word whether it is said of any item.
    """
    found = _read(request, today, vocabulary, request.as_words)
    idle = [read for read in found.filters if not accepts_any(read.filter)]
    if idle:
        found = _read(request, today, vocabulary, [*request.as_words, *(read.text for read in idle)])
    notes: tuple[str, ...] = tuple(
        Sentence("{lack}: “{text}” is searched for as words", lack=_lacks(read), text=read.text)
        for read in idle
    )
    terms = found.terms or _embedded(request.terms)
    if lexicon is not None and not request.literally:
        kept = {word.lower() for stretch in request.as_words for word in stretch.split()}
        terms, corrections, told = heard(terms, lexicon, lambda word: word.lower() in kept or is_said(word))
        found = replace(found, terms=terms if found.terms else (), corrections=corrections)
        if found.terms:  # else all was understood, whatever the model was taught
            notes += told
    asked = replace(
        request,
        terms=terms,
        words=(*request.words, *found.words),
        filter=_joined(request.filter, found.filters),
    )
    if not found.terms:  # what passes is what was asked for, however little it is like these words
        asked = replace(asked, relevance=False, min_relevance=None)
    return Understood(asked, found, notes)


def heard(
    terms: Sequence[Term], lexicon: Lexicon, stays: Callable[[str], bool]
) -> tuple[tuple[Term, ...], tuple[Correction, ...], tuple[str, ...]]:
    """The terms with slips put right and what models are given of them; the slips; and notes of what is left out.

    As with filters, whoever weighs or subtracts a term means its words. `stays` tells of words that are no slips.
    """
    found: list[Term] = []
    corrections: list[Correction] = []
    notes: list[str] = []
    for term in terms:
        if term.text is None or term.weight != 1 or len(term.text) > LONGEST:
            found.append(term)
            continue
        reading = lexicon.reading(term.text, stays)
        found.append(replace(term, text=reading.text, given=reading.given))
        corrections += [Correction(typed, word) for typed, word in reading.slips]
        if reading.unknown:
            words = ", ".join(f"“{word}”" for word in reading.unknown)
            notes.append(
                Sentence("the model was not taught {words}", words=words)
                if reading.given
                else Sentence("the model was not taught {words}, nor any other word here", words=words)
            )
    return tuple(found), tuple(corrections), tuple(notes)


def _lacks(read: UnderstoodFilter) -> str:
    """What nothing here has; of a filter of many parts the kind alone, for nobody would read it."""
    if read.filter.startswith("("):
        return Sentence("nothing here is of that {kind}", kind=(read.kind,))
    return Sentence("nothing here has {filter}", filter=read.filter)


def needs_understanding(request: SearchRequest) -> bool:
    """Whether there is anything to be read: a sentence, or words in quotes."""
    return any(
        term.kind is TermKind.TEXT and (term.quoted or (term.weight == 1 and not request.literally))
        for term in request.terms
    )


def _read(
    request: SearchRequest, today: date, vocabulary: Vocabulary, as_words: Sequence[str]
) -> Understanding:
    if not request.literally:
        return understand(request.terms, today, vocabulary, as_words=as_words)
    plain = tuple(term for term in request.terms if not term.quoted)
    return Understanding(plain, tuple(term.text or "" for term in request.terms if term.quoted))


def _embedded(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Where all became filters: the terms as they were typed order what passes."""
    return tuple(replace(term, quoted=False) for term in terms)


def _joined(own: str | None, read: Sequence[UnderstoodFilter]) -> str | None:
    parts = [f"({own})"] if own and read else [own] if own else []
    return " and ".join([*parts, *(found.filter for found in read)]) or None
