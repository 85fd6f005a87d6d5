"""Words of a date expression: the tokens that its rules stand on, and the parts that a date is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from functools import cache

from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search.periods import FIRST_PLAIN_DATE, FIRST_YEAR, Period
from vasari.retrieval.search.subject_words import is_of_a_family
from vasari.retrieval.search.typed_words import Token
from vasari.retrieval.search.year_words import (
    BEST_BEFORE,
    DATED,
    DATED_ENDS,
    INSCRIBED,
    MADE_THEN,
    MEMORIALS,
    SIGNS,
)

_FIRST_LONE_YEAR = 1990  # a lone number before that is more often something else
_LAST_DAY = 31  # of a month: a larger number of two digits is a year
_LEADING = words.IN | words.ARTICLES | words.EDGES
Found = tuple[Period, int]  # and the token behind it
Phrases = frozenset[tuple[str, ...]]


class DateTokens:
    """The tokens of a phrase, read at a place; a rule tells what it found there and the token behind it, or None."""

    def __init__(self, tokens: Sequence[Token], today: date, is_name: Callable[[str], bool]) -> None:
        self.tokens, self.today, self.is_name = tokens, today, is_name

    # Words

    def _word(self, at: int) -> str:
        return self.tokens[at].folded if 0 <= at < len(self.tokens) else ""

    def _behind(self, at: int, these: Collection[str]) -> bool:
        return self._word(at - 1) in these

    def _is_denied(self, at: int) -> bool:
        """Whether "not" or "the day after" stands before it, perhaps with prepositions between."""
        first = self._led_by(at)
        from_it = any(self._word(place) in words.COUNTED_FROM for place in range(first, at + 1))
        return self._behind(first, words.NOT) or (from_it and self._word(first - 1) in words.UNITS)

    def is_of_a_thing(self, at: int, end: int) -> bool:
        """Whether a thing was made then or is good until then: church built in 1920; not what I built, nor days ago."""
        if not any(token.folded[:1].isdigit() and len(token.folded) > 3 for token in self.tokens[at:end]):
            return False
        first = self._led_by(at)
        if (self._word(first - 1), self._word(first)) in BEST_BEFORE:
            return True
        is_sign = (self._word(at),) in words.SINCE and self._word(end) in SIGNS
        if is_sign or self._word(first - 1) in MEMORIALS:
            return True
        return self._word(first - 1) in MADE_THEN and self._word(first - 2) not in words.US

    def is_long_ago(self, period: Period, at: int, end: int) -> bool:
        """Whether it is from before most photos, and no relative, feast, photo or owner speaks of one.

        La gripe de 1918, maison de 1930, the fall of the Berlin wall in 1989; not Oma 1958, nor the sixties alone.
        """
        last = period.last or period.first or ""
        if last >= FIRST_PLAIN_DATE or period.is_decade:
            return False  # a decade is read only where it is told as a time
        around = [*self.tokens[:at], *self.tokens[end:]]
        said = [token.folded for token in around if token.is_word]
        if not said or not words.OF_OLD_PHOTOS.isdisjoint(said) or any(map(is_of_a_family, said)):
            return False
        name = self._led_by(at) - 1
        name -= self._word(name) == ","
        is_of_a_name = name >= 0 and self.is_name(self.tokens[name].text)
        return not (is_of_a_name or any(word.endswith(words.PHOTO_ENDS) for word in said))

    def is_written_on_a_thing(self, at: int, end: int) -> bool:
        """Whether what has a date on it is told in the same phrase: new year 2020 balloons, letter of 3 March 1995."""
        begin, behind = at, end
        while begin and self.tokens[begin - 1].text not in ",;:":
            begin -= 1
        while behind < len(self.tokens) and self.tokens[behind].text not in ",;:":
            behind += 1
        if behind > end and self._word(behind - 1) in INSCRIBED:
            return True
        said = [self._word(place) for place in (*range(begin, at), *range(end, behind))]
        if words.PHOTOS.isdisjoint(said) and any(one in DATED or one.endswith(DATED_ENDS) for one in said):
            return any(token.folded[:1].isdigit() for token in self.tokens[at:end])
        first = self._led_by(at)
        leads = {self._word(place) for place in range(first, at + 1)}
        return self._word(first - 1) in INSCRIBED and not leads.isdisjoint(words.OF | {"for", "fur"})

    def _led_by(self, at: int) -> int:
        """The first of the prepositions and articles before a token."""
        while self._word(at - 1) in _LEADING:
            at -= 1
        return at

    def _one_of(self, at: int, phrases: Phrases) -> int:
        """The token behind the longest of these phrases here; 0 for none. Apostrophes and dots are passed over."""
        longest = 0
        for behind_first in _by_first_word(phrases).get(self._word(at), ()):
            place = at + 1
            for word in behind_first:
                if self._word(place) in ("'", "’", "-", "."):
                    place += 1
                if self._word(place) != word:
                    break
                place += 1
            else:
                longest = max(longest, place)
        return longest

    def _past(self, at: int, these: Collection[str], most: int = 2) -> int:
        while most and (self._word(at) in these or self._word(at) in ("'", "’")):
            at, most = at + 1, most - 1
        return at

    def _number(self, at: int) -> int | None:
        word = self._word(at)
        if word.isascii() and word.isdigit() and len(word) < 4:
            return int(word)
        return words.NUMBERS.get(word)

    # Parts of dates

    def _year(self, at: int, *, any_century: bool = True) -> int | None:
        word = self._word(at)
        if not (len(word) == 4 and word.isascii() and word.isdigit()):
            return None
        least = FIRST_YEAR if any_century else _FIRST_LONE_YEAR
        return int(word) if least <= int(word) <= self.today.year else None

    def _year_behind(self, at: int, *, short: bool = False) -> tuple[int, int] | None:
        """A year, perhaps behind `of`, `de`, a comma or the word for year; a `short` one is that of summer 98."""
        place = at + (self._word(at) == ",")
        place = self._past(place, words.OF | words.ARTICLES)
        place += self._word(place) in words.YEAR_WORDS
        year = self._year(place) or self._short_year(place, short=short)
        return None if year is None or not self._ends(place) else (year, place + 1)

    def _short_year(self, at: int, *, short: bool) -> int | None:
        """The year of two digits behind an apostrophe, '98; where it may be `short` also one that is no day."""
        word = self._word(at)
        if not (len(word) == 2 and word.isascii() and word.isdigit()):
            return None
        cut = self._word(at - 1) in ("'", "’") and self.tokens[at - 1].end == self.tokens[at].start
        if not cut and (not short or int(word) <= _LAST_DAY or self._goes_on(at + 1)):
            return None
        return int(word) + (2000 if int(word) <= self.today.year % 100 else 1900)

    def _goes_on(self, at: int) -> bool:
        """Whether another word follows, with which the one before may be a surname or a noun."""
        return at < len(self.tokens) and self.tokens[at].is_word and self._word(at) not in words.IN

    def _ends(self, at: int) -> bool:
        """Whether a number is all there is: no file's name, price or measure goes on behind it."""
        token = self.tokens[at]
        if at + 1 == len(self.tokens):
            return True
        behind = self.tokens[at + 1]
        if behind.text == "-" and self._word(at + 2).isalpha() and self.tokens[at + 2].start == behind.end:
            return False  # 2019-A
        return (
            behind.start > token.end
            or behind.text in ",;:!?)]–-'’"
            or (behind.text == "." and self._stops(at + 1))
        )

    def _stops(self, at: int) -> bool:
        return at + 1 == len(self.tokens) or self.tokens[at + 1].start > self.tokens[at].end

    def _begins(self, at: int) -> bool:
        before = self.tokens[at - 1] if at else None
        return (
            before is None or before.end < self.tokens[at].start or before.text in "(,['’–-" or before.is_cjk
        )

    def _month(self, at: int) -> tuple[int, int] | None:
        month = words.MONTHS.get(self._word(at))
        if month is None:
            return None
        return month, at + 1 + (self._word(at + 1) == "." and len(self._word(at)) < 5)

    def _day(self, at: int) -> tuple[int, int] | None:
        """A day of a month: 3, 3., 3rd, 1er."""
        word = self._word(at).rstrip("stndrhe") if self._word(at)[:1].isdigit() else ""
        if not (word.isascii() and word.isdigit() and 1 <= int(word) <= 31 and len(word) < 3):
            return None
        return int(word), at + 1 + (self._word(at + 1) in (".", "º"))


@cache
def _by_first_word(phrases: Phrases) -> dict[str, list[tuple[str, ...]]]:
    """What goes on behind the first word of each phrase."""
    known: dict[str, list[tuple[str, ...]]] = {}
    for first, *behind in phrases:
        known.setdefault(first, []).append(tuple(behind))
    return known
