"""Date expressions: points, ranges and relative periods of a typed sentence, as periods of a calendar.

    May 2018 · 12.05.2018 · 2017 to 2018 · since 2015 · vor zwei Jahren · été 2019 · last summer · Weihnachten 2020

Rules over tokens, for English, German, Spanish and French at once (`cjk_periods` reads Chinese and Japanese). What can
be read two ways ("may", "march", "fall", a number that may count something) is a date only beside a year, or behind a
word that asks for one. Given the same `today`, the same text always reads the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date

from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search.date_points import DatePoints
from vasari.retrieval.search.date_tokens import Found
from vasari.retrieval.search.lone_years import is_street
from vasari.retrieval.search.periods import Dated, Period, day_of, month_of
from vasari.retrieval.search.typed_words import Token


def periods_in(
    tokens: Sequence[Token], today: date, is_name: Callable[[str], bool] = lambda _: False
) -> Iterator[Dated]:
    """The periods of a run of tokens, left to right; `is_name` knows people and places, of which a year may be."""
    reader = _Reader(tokens, today, is_name)
    place = 0
    while place < len(tokens):
        found = reader.phrase(place)
        if found is None:
            place += 1
            continue
        period, said, end = found
        until = tokens[end - 1].end
        told_of_a_thing = reader.is_of_a_thing(place, end) or reader.is_written_on_a_thing(place, end)
        if not (told_of_a_thing or reader.is_long_ago(period, place, end)):
            yield Dated(period, tokens[place].start, tokens[said].start, until, until)
        place = end


class _Reader(DatePoints):
    """Reads periods: points, what lies between two of them, and what lies before or behind one."""

    def phrase(self, at: int) -> tuple[Period, int, int] | None:
        """A period with the prepositions before it: what it is, where it is said, where it ends."""
        if self._is_denied(at) or is_street(self.tokens, at):
            return None
        said = at
        while said < len(self.tokens) and said - at < 3:
            if self._one_of(said, words.BEFORE_YESTERDAY) and (found := self._relative(said)):
                return found[0], said, found[1]
            if found := self._edge(said) or self._range(said) or self._relative(said):
                return found[0], said, found[1]
            if found := self._point(said, asked=self._is_asked(at, said)):
                return found[0], said, found[1]
            if self._word(said) not in words.IN and self._word(said) != "'":
                return None
            said += 1
        return None

    def _is_asked(self, first: int, at: int) -> bool:
        """Whether a preposition says that a date follows: in 2007, aus dem Jahr 2007."""
        if at > first and self._word(at - 1) in words.IN_A_YEAR:
            return True
        before = (self._word(place) for place in range(first, at))
        return self._word(at) in words.YEAR_WORDS and not words.IN_A_YEAR.isdisjoint(before)

    # Ranges and edges

    def _range(self, at: int) -> Found | None:
        """2017 to 2018, between May and July 2018, 12-15 May 2018, von Mai bis Juli 2018."""
        between = self._word(at) in words.BETWEEN
        place = self._past(at + between, words.ARTICLES | words.IN, 2)
        joints = words.AND if between else words.TO
        return self._of_two_points(place, joints) or self._sharing_a_year(place, joints)

    def _joint(self, at: int, joints: frozenset[str]) -> int:
        """The first token of the second point; 0 where none is joined."""
        if self._word(at) in ("-", "–", "—"):
            return at + 1
        if self._word(at) not in joints:
            return 0
        return self._past(at + 1, words.ARTICLES | words.IN | words.TO, 2)

    def _of_two_points(self, at: int, joints: frozenset[str]) -> Found | None:
        first = self._point(at, asked=True)
        second = self._joint(first[1], joints) if first else 0
        if first and second and (now := self._one_of(second, words.NOW)):
            return Period(first[0].first, None), now
        last = self._point(second, asked=True) if second else None
        if first is None or last is None or not (first[0].first or "") < (last[0].last or ""):
            return None
        return Period(first[0].first, last[0].last), last[1]

    def _sharing_a_year(self, at: int, joints: frozenset[str]) -> Found | None:
        return self._months(at, joints) or self._days_behind(at, joints) or self._days_before(at, joints)

    def _months(self, at: int, joints: frozenset[str]) -> Found | None:
        """May to July 2018, June and July 2018."""
        first = self._month(at)
        second = self._joint(first[1], joints | words.AND) if first else 0
        last = self._month(second) if second else None
        year = self._year_behind(last[1]) if last else None
        if not (first and last and year) or first[0] >= last[0]:
            return None
        if self._word(first[1]) in words.AND - joints and last[0] > first[0] + 1:
            return None
        return Period(month_of(year[0], first[0]), month_of(year[0], last[0])), year[1]

    def _two_days(self, at: int, joints: frozenset[str]) -> tuple[int, int, int] | None:
        """12 to 15: both, and the token behind."""
        first = self._day(at)
        second = self._joint(first[1], joints) if first else 0
        last = self._day(second) if second else None
        return (first[0], *last) if first and last and first[0] < last[0] else None

    def _days_behind(self, at: int, joints: frozenset[str]) -> Found | None:
        """May 12-15, 2018."""
        month = self._month(at)
        both = self._two_days(month[1], joints) if month else None
        year = self._year_behind(both[2]) if both else None
        return _days_of(year, month[0], both) if month and both and year else None

    def _days_before(self, at: int, joints: frozenset[str]) -> Found | None:
        """12 to 15 May 2018."""
        both = self._two_days(at, joints)
        month = self._month(self._past(both[2], words.OF)) if both else None
        year = self._year_behind(month[1]) if month else None
        return _days_of(year, month[0], both) if month and both and year else None

    def _is_both(self, at: int) -> bool:
        """Whether what follows is told of both sides: before and after 2019, antes y después."""
        return self._word(at - 1) in words.AND and any(self._word(at - 2) == one[0] for one in words.BEFORE)

    def _edge(self, at: int) -> Found | None:
        """Since 2015, before May 2018, nach 2010, bis Ostern 2019; from 2018 on."""
        for phrases in (words.SINCE, words.AFTER, words.BEFORE, words.UNTIL):
            if place := not self._is_both(at) and self._one_of(at, phrases):
                place = self._past(place, words.ARTICLES | words.IN)
                found = self._point(place, asked=True) or self._relative(place)
                joint = self._joint(found[1], words.TO) if found and phrases is words.SINCE else 0
                now = self._one_of(joint, words.NOW) if joint else 0
                if found is None or (joint and not now and self._point(joint, asked=True)):
                    continue
                return _bounded(found[0], phrases), now or found[1]
        if self._word(at) in ("from", "ab", "von", "de", "a"):
            found = self._point(self._past(at + 1, words.ARTICLES), asked=True)
            end = self._one_of(found[1], words.ONWARDS) if found else 0
            if (
                found
                and end
                and (self._word(found[1]) != "on" or end == len(self.tokens) or not self.tokens[end].is_word)
            ):
                return Period(found[0].first, None), end
        return None


def _bounded(period: Period, phrases: Collection[tuple[str, ...]]) -> Period:
    if phrases is words.SINCE:
        return Period(period.first, None)
    if phrases is words.AFTER:
        return Period(period.last, None, beyond=True)
    if phrases is words.BEFORE:
        return Period(None, period.first, beyond=True)
    return Period(None, period.last)


def _days_of(year: tuple[int, int], month: int, both: tuple[int, int, int]) -> Found | None:
    first, last = day_of(year[0], month, both[0]), day_of(year[0], month, both[1])
    return None if first is None or last is None else (Period(first.first, last.last), year[1])
