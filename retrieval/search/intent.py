"""Intent: a typed sentence to terms, words that must occur, and filters that are shown and can be taken back.

    Anna's birthday, May 2018, Lisbon  →  birthday · person = "Anna" · taken = 2018-05 · city = "Lisbon"

Rules and data, no language model, and precision before recall: dates (`periods`, `cjk_periods`), kinds, orientations
and sizes of files (`media_kinds`), and the people, places and cameras that a library knows (`names`) become filters
where nothing else can be meant. What stays is embedded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from vasari.retrieval.domain import Term, TermKind, Understanding, UnderstoodFilter
from vasari.retrieval.patterns import Pattern
from vasari.retrieval.search import name_words
from vasari.retrieval.search.cameras import cameras_in
from vasari.retrieval.search.cjk_periods import cjk_periods_in
from vasari.retrieval.search.media_kinds import Asked, kinds_in
from vasari.retrieval.search.names import names_in
from vasari.retrieval.search.period_phrases import periods_in
from vasari.retrieval.search.titles import titles_in
from vasari.retrieval.search.typed_words import Piece, Stretch, Token, has_cjk, outside, tokens_of
from vasari.retrieval.search.vocabulary import NoVocabulary, Vocabulary

LONGEST = 400  # characters of what is read; longer ones are descriptions
_GLUE = Pattern(r"\s*[,;，、]\s*(?=[,;，、]|$)|^\s*[,;，、]\s*|\s+(?=[,;，、])")
_AND = "and|or|und|oder|y|o|et|ou|&|和|と"
_JOINT = Pattern(rf"\s*(?:{_AND})\s*", re.IGNORECASE)  # between two pieces that were read
_LOOSE = Pattern(
    rf"^(?:(?:的|の|で|に|在|{_AND})\b\s*)+"
    rf"|(?:\s+(?:{_AND}|in|im|from|aus|de|en|at|on|the|of|with|mit|con|avec))+$|(?:的|の|で|に|在|と|和)$",
    re.IGNORECASE,
)


def understand(
    terms: Sequence[Term],
    today: date,
    vocabulary: Vocabulary | None = None,
    *,
    as_words: Collection[str] = (),
) -> Understanding:
    """What a query asks for.

    Text terms of weight 1 are read; whoever weighs or subtracts a term means its words. `as_words` are stretches that
    a person took back: they stay words.
    """
    left: list[Term] = []
    must: list[str] = []
    asked: list[tuple[Asked, str]] = []
    for term in _with_ranges(terms, today):
        text = term.text or ""
        if term.kind is TermKind.TEXT and term.quoted:
            must.append(text)
        elif term.kind is not TermKind.TEXT or term.weight != 1 or len(text) > LONGEST:
            left.append(term)
        else:
            found = _asked(text, today, vocabulary or NoVocabulary(), as_words)
            asked += [(one, text[one.said : one.until]) for one in found]
            if rest := _rest(text, found):
                left.append(replace(term, text=rest))
    return Understanding(tuple(left), tuple(must), tuple(_readings(asked)))


def _with_ranges(terms: Sequence[Term], today: date) -> Iterator[Term]:
    """The terms, with those joined that a minus parts and that are a range of dates: red car 2017 - 2019."""
    pending: Term | None = None
    for term in terms:
        if pending is not None and term.kind is TermKind.TEXT and term.weight == -1 and not term.quoted:
            joined = f"{pending.text} – {term.text}"
            middle = len(pending.text or "") + 1
            if any(dated.start < middle < dated.end for dated in periods_in(tokens_of(joined), today)):
                pending = replace(pending, text=joined)
                continue
        if pending is not None:
            yield pending
        pending = term if term.kind is TermKind.TEXT and term.weight == 1 and not term.quoted else None
        if pending is None:
            yield term
    if pending is not None:
        yield pending


def _asked(text: str, today: date, vocabulary: Vocabulary, as_words: Collection[str]) -> list[Asked]:
    """What the text asks for, in order; nothing overlaps."""
    kept = [
        Stretch(found.start(), found.end())
        for words in _taken_back(text, as_words)
        for found in re.finditer(re.escape(words), text, re.IGNORECASE)
    ]
    kept += titles_in(text)
    found = _free(_dates(text, today, vocabulary), kept)
    found += _free(kinds_in(text), [*kept, *found])
    dated = bool(found)
    found += _free(cameras_in(text, outside(text, [*kept, *found]), vocabulary), [*kept, *found])
    found += _free(names_in(text, outside(text, [*kept, *found]), vocabulary, dated=dated), [*kept, *found])
    return sorted(found, key=lambda one: one.start)


def _taken_back(text: str, as_words: Collection[str]) -> Iterator[str]:
    """Each stretch; those that one filter was read from are told with commas between."""
    for words in as_words:
        yield from [words] if words.lower() in text.lower() else words.split(", ")


def _dates(text: str, today: date, vocabulary: Vocabulary) -> Iterator[Asked]:
    taken: list[Piece] = []

    def is_name(name: str) -> bool:
        return _is_known(name, vocabulary)

    if has_cjk(text):
        for dated in cjk_periods_in(text, today, is_name):
            taken.append(Stretch(dated.start, dated.end))
            yield Asked("date", dated.period.filter, dated.start, dated.said, dated.until, dated.end)
    for run in outside(text, taken):
        for dated in periods_in(run, today, is_name):
            yield Asked("date", dated.period.filter, dated.start, dated.said, dated.until, dated.end)


def _is_known(name: str, vocabulary: Vocabulary) -> bool:
    """Whether the library knows a person or place that is called so; of other places capital letters speak."""
    named = vocabulary.named(name)
    if named.people or any(place.is_here for place in named.places):
        return True
    return bool(named) and name[:1].isupper() and name.lower() not in name_words.SHARED_NAMES


def _free(found: Iterable[Asked], taken: Iterable[Piece]) -> list[Asked]:
    """Those that overlap nothing that is taken."""
    free: list[Asked] = []
    pieces = list(taken)
    for one in found:
        if not any(piece.start < one.end and one.start < piece.end for piece in pieces):
            free.append(one)
            pieces.append(one)
    return free


def _rest(text: str, found: Sequence[Asked]) -> str:
    """The text without what was read and what held it in the sentence; nothing where only "photos of" stays."""
    if not found:
        return text
    pieces, place = [], 0
    for one in found:
        between = text[place : one.start]
        pieces.append("" if place and _JOINT.fullmatch(between) else between)
        place = one.end
    rest = " ".join([*pieces, text[place:]])
    rest = re.sub(r"\s+", " ", _GLUE.sub("", rest)).strip(" ,;，、.")
    rest = _LOOSE.sub("", rest).strip(" ,;，、.")
    return rest if any(_tells(token) for token in tokens_of(rest)) else ""


def _tells(token: Token) -> bool:
    """Whether a word says anything of a picture."""
    if not token.is_word:
        return False
    word = re.sub("的$|の$|^的|^の", "", token.folded) if token.is_cjk else token.folded
    return bool(word) and word not in name_words.FILLERS


def _readings(asked: Sequence[tuple[Asked, str]]) -> Iterator[UnderstoodFilter]:
    """Filters as they are said; several dates, places of one kind or cameras widen each other."""
    together: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for place, (one, said) in enumerate(asked):
        field = one.filter.partition(" ")[0]
        alternative = one.kind in ("date", "place", "camera") or (one.kind == "kind" and field == "format")
        together.setdefault((one.kind, field if alternative else f"{place}"), []).append((one.filter, said))
    for (kind, _), parts in together.items():
        filters = list(dict.fromkeys(told for told, _ in parts))
        told = filters[0] if len(filters) == 1 else f"({' or '.join(filters)})"
        yield UnderstoodFilter(told, ", ".join(said for _, said in parts), kind)
