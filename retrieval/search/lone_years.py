"""Lone years: does a number of four digits beside words say when, or is it part of what is shown?

"red car 2016" and "Anna 2016" are years: they stand at the end of a phrase, behind a subject of photographs or a name
that the library knows. "ford focus 2012", "2020 vision", "call of duty 2009" and "marathon runner 1997" stay words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vasari.retrieval.search import calendar_words, name_words, year_words
from vasari.retrieval.search.subject_words import COLOURS, is_german_trip, is_of_a_family, is_subject
from vasari.retrieval.search.typed_words import Token

_SIGNS_OF_SUMS = ("#", "№", "$", "€", "£", "¥", "+")
_SIGNS_OF_NUMBERS = ("°", "º", ".", ":")
_ENDS_A_PHRASE = ",;:!?()[]"
_LONGEST = 3  # words of a name
_WHERE = frozenset(
    {"in", "at", "near", "from", "en", "desde", "bei", "nach", "aus", "dans", "vers", "chez", "au", "aux"}
)
_FROM = frozenset({"from", "aus"})
_NAMING = year_words.PRODUCTS | year_words.VINTAGES | year_words.INSCRIBED


def says_when(tokens: Sequence[Token], at: int, is_name: Callable[[str], bool]) -> bool:
    """Whether the number at `at` is the year of what stands before it; `is_name` knows people and places."""
    if _names_something(tokens, at, is_name) or is_told_by_year(tokens, at):
        return False
    first = _begin_of_name(tokens, at)
    if first == at or _word(tokens, at - 1) in name_words.SCENE | name_words.FUNCTION | name_words.FILLERS:
        return True
    where = at - 2 - (_word(tokens, at - 2) in name_words.ARTICLES)
    if _word(tokens, where) in _WHERE and tokens[at - 1].text.isalpha():
        return True  # sunset in Paris 2012, at the stadium 2022, wherever and whatever it be
    if any(is_subject(_word(tokens, place)) for place in range(first, at)):
        return True  # lost tooth 2021, bodas de oro 2014
    if _is_behind_a_feast(tokens, at):
        return True
    return _is_of_a_subject(tokens, at) or _is_behind_names(tokens, at, is_name)


def _is_behind_names(tokens: Sequence[Token], at: int, is_name: Callable[[str], bool]) -> bool:
    """Whether names alone end here: Lisbon 2018, florence italy 2015, clara tom rome 2014, x100v tokyo 2019."""
    return any(
        is_name(" ".join(token.text for token in tokens[start:at]))
        and (
            _is_free(tokens, start)
            or _is_model(_word(tokens, start - 1))
            or _is_behind_names(tokens, start, is_name)
        )
        for start in range(_begin_of_name(tokens, at), at)
    )


def _is_behind_a_feast(tokens: Sequence[Token], at: int) -> bool:
    """Whether a feast of several words ends here: Mardi Gras 2016, nouvel an chinois 2019."""
    told = tuple(token.folded for token in tokens[:at])
    return any(told[-len(feast) :] == feast for feast in calendar_words.MOVABLE_FEASTS)


def _begin_of_name(tokens: Sequence[Token], at: int) -> int:
    """The token that the few words before a place begin with; the s of a genitive is none of them."""
    first = at
    count = 0
    while first and tokens[first - 1].text not in _ENDS_A_PHRASE and count < _LONGEST:
        first -= 1
        count += tokens[first].folded not in ("'", "’", "s")
    return first


def _is_free(tokens: Sequence[Token], at: int) -> bool:
    """Whether a name can begin here: behind nothing, a preposition or a subject; not Leverkusen in Bayer Leverkusen."""
    before = _word(tokens, at - 1)
    beside = name_words.SCENE | name_words.FUNCTION
    return not before.isalnum() or before in beside or is_german_trip(before) or is_subject(before)


def _is_of_a_subject(tokens: Sequence[Token], at: int) -> bool:
    word = _word(tokens, at - 1)
    if word in COLOURS and at > 1:
        return is_subject(_word(tokens, at - 2))
    doing = len(word) > 5 and word.endswith("ing")
    return tokens[at - 1].is_cjk or doing or is_german_trip(word) or is_subject(word)


def _names_something(tokens: Sequence[Token], at: int, is_name: Callable[[str], bool]) -> bool:
    """Whether what stands around the number at `at` says that it counts, numbers or names something."""
    before, behind = _word(tokens, at - 1), _word(tokens, at + 1)
    if (
        before in year_words.NO_YEAR_BEHIND | year_words.HAVING
        or before in _SIGNS_OF_SUMS
        or behind in year_words.NO_YEAR_BEFORE
    ):
        return True
    if (behind, _word(tokens, at + 2)) == ("a", "space") or _is_part_of_a_title(
        before, tokens[at].folded, behind
    ):
        return True
    if before.endswith(year_words.CJK_INSCRIBED + year_words.CJK_EDITIONS + year_words.CJK_NUMBERED):
        return True
    if any(letter.isdigit() for letter in before):
        return True
    is_feast = is_of_a_family(before) or before in calendar_words.DAYS  # birthday 2018 party
    if is_feast and is_subject(behind):
        return False
    behind_names = _end_of_names(tokens, at + 1, is_name)
    if _goes_on_with_a_noun(tokens, at + 1) and behind_names == at + 1:
        return True  # 2020 vision, Corona 2020 Maske; not urlaub 2016 kroatien
    if at == 0 and behind_names > 1 and _is_unknown_noun(tokens, behind_names):
        return True  # 2016 paris agreement, 2012 max payne; not 2018 lisbon anna
    if (_word(tokens, at - 2), before) in year_words.MODELS:
        return True
    return before not in name_words.SCENE and any(map(_is_naming, _phrase(tokens, at)))


def is_numbered(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word before digits says that they number something: facture n° 2021-08."""
    while _word(tokens, at - 1) in _SIGNS_OF_NUMBERS:
        at -= 1
    return _word(tokens, at - 1) in year_words.NUMBERED


def is_street(tokens: Sequence[Token], at: int) -> bool:
    """Whether a date that begins at `at` is the name of a street or square: rue du 8 mai 1945."""
    while (before := _word(tokens, at - 1)) in calendar_words.ARTICLES | calendar_words.OF or _is_day(before):
        at -= 1
    return before in year_words.STREETS


def _is_day(word: str) -> bool:
    return word.isdigit() and len(word) < 3


def is_told_by_year(tokens: Sequence[Token], at: int) -> bool:
    """Whether a number behind "of" tells one of its kind from the others, or how many: class of 2012, 2CV de 1978."""
    year = at
    while _word(tokens, at - 1) in calendar_words.ARTICLES | calendar_words.YEAR_WORDS:
        at -= 1
    if _word(tokens, at - 1) in _FROM:
        return _is_of_a_product(tokens, at - 1)
    if _word(tokens, at - 1) not in calendar_words.OF:
        return False
    if (
        _word(tokens, at - 2) in year_words.TOLD_BY_YEARS | name_words.WORKS
        or _word(tokens, year + 1) in year_words.NO_YEAR_BEFORE
    ):
        return True
    if _word(tokens, at - 3) in calendar_words.INDEFINITE - {"a"} and not _is_event(_word(tokens, at - 2)):
        return True
    return any(map(_is_naming, _phrase(tokens, at))) or _is_model(_word(tokens, at - 2))


def _is_of_a_product(tokens: Sequence[Token], at: int) -> bool:
    """Whether what stands before a place is a product: Porsche 911 from 1973; not photos of one."""
    before = [token.folded for token in tokens[:at]]
    if not calendar_words.PHOTOS.isdisjoint(before):
        return False
    if before[-1:] and before[-1] in name_words.WORKS | year_words.INSCRIBED:
        return True  # Roman aus dem Jahr 1998
    if before[-2:-1] and before[-2] in calendar_words.INDEFINITE:
        return not _is_event(before[-1])  # a car from 2010
    return any(word in year_words.PRODUCTS for word in before[-_LONGEST:]) or any(map(_is_model, before[-1:]))


def _is_event(word: str) -> bool:
    """Whether photos of one are meant: a trip from 2012, une photo de 2012."""
    told = calendar_words.OF_OLD_PHOTOS | name_words.GOING
    return word in told or is_of_a_family(word) or is_german_trip(word)


def _is_model(word: str) -> bool:
    """Whether letters and digits are one word: 2CV."""
    return word.isascii() and word.isalnum() and not word.isalpha() and not word.isdigit()


def _word(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].folded if 0 <= at < len(tokens) else ""


def _is_part_of_a_title(before: str, year: str, behind: str) -> bool:
    """Games that took place a year later, a rover, and words for months that are none here."""
    doubtful = calendar_words.DOUBTFUL_MONTHS
    return before in doubtful or behind in doubtful or (before in ("tokyo", "tokio") and year == "2020")


def _goes_on_with_a_noun(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word follows that is no name, in capital letters as German nouns are, and is photographed nowhere."""
    if goes_on(tokens, at):
        return True
    word = _word(tokens, at)
    is_capital = word.isalpha() and not tokens[at].is_cjk and tokens[at].text[:1].isupper()
    beside = name_words.SCENE | name_words.FUNCTION | name_words.FILLERS | calendar_words.IN
    return is_capital and not (word in beside or is_subject(word) or is_german_trip(word))


def goes_on(tokens: Sequence[Token], at: int) -> bool:
    """Whether another word follows that the one before may belong to: 2020 vision; not 2016 wedding, 2016 in Lisbon."""
    if at >= len(tokens) or not tokens[at].is_word or tokens[at].is_cjk:
        return False
    word = tokens[at].folded
    is_name = tokens[at].text[:1].isupper()
    return not (
        is_name or word in name_words.SCENE | name_words.FUNCTION | name_words.FILLERS | calendar_words.IN
    )


def _end_of_names(tokens: Sequence[Token], at: int, is_name: Callable[[str], bool]) -> int:
    """The token behind the names of one word that stand here one behind the other."""
    while at < len(tokens) and is_name(tokens[at].text):
        at += 1
    return at


def _is_unknown_noun(tokens: Sequence[Token], at: int) -> bool:
    """Whether a work or one word that is photographed nowhere ends the text: what stands before may be its name."""
    if tokens[-1].folded in name_words.TITLED:
        return True
    if at + 1 != len(tokens) or not tokens[at].text.isalpha() or tokens[at].is_cjk:
        return False
    word = tokens[at].folded
    beside = name_words.SCENE | name_words.FUNCTION | name_words.FILLERS | calendar_words.IN
    doing = len(word) > 5 and word.endswith("ing")
    told = word in beside | name_words.STATES | name_words.DEEDS or is_subject(word) or is_german_trip(word)
    return not (told or doing)


def _phrase(tokens: Sequence[Token], at: int) -> list[str]:
    """The words around a number, up to the signs that end its phrase."""
    first, last = at, at + 1
    while first and tokens[first - 1].text not in _ENDS_A_PHRASE:
        first -= 1
    while last < len(tokens) and tokens[last].text not in _ENDS_A_PHRASE:
        last += 1
    return [token.folded for token in tokens[first:last]]


def _is_naming(word: str) -> bool:
    return word in _NAMING or (len(word) > 8 and word.endswith(year_words.INSCRIBED_ENDS))
