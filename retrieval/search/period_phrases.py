"""Date expressions: points, ranges and relative periods of a typed sentence, as periods of a calendar.

    May 2018 · 12.05.2018 · 2017 to 2018 · since 2015 · vor zwei Jahren · été 2019 · last summer · Weihnachten 2020

Rules over tokens, for English, German, Spanish and French at once (`cjk_periods` reads Chinese and Japanese). What can
be read two ways ("may", "march", "fall", a number that may count something) is a date only beside a year, or behind a
word that asks for one. Given the same `today`, the same text always reads the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta

from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search.lone_years import is_street, is_told_by_year, says_when
from vasari.retrieval.search.periods import (
    FIRST_YEAR,
    HOLIDAYS,
    Dated,
    Period,
    ago,
    day_of,
    days,
    decade,
    is_year,
    last,
    last_holiday,
    last_season,
    month_of,
    season_of,
    this,
    within,
)
from vasari.retrieval.search.typed_words import Token
from vasari.retrieval.search.year_words import MODELS

_FIRST_LONE_YEAR = 1990  # a lone number before that is more often something else
_DAYS_BEFORE = {"yesterday", "gestern", "ayer", "hier"}  # two days in a row are neither
Found = tuple[Period, int]  # and the token behind it


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
        yield Dated(period, tokens[place].start, tokens[said].start, until, until)
        place = end


class _Reader:
    """Reads from a token on; each rule tells what it found and the token behind it, or None."""

    def __init__(self, tokens: Sequence[Token], today: date, is_name: Callable[[str], bool]) -> None:
        self.tokens, self.today, self.is_name = tokens, today, is_name

    def phrase(self, at: int) -> tuple[Period, int, int] | None:
        """A period with the prepositions before it: what it is, where it is said, where it ends."""
        if self._is_denied(at) or is_street(self.tokens, at):
            return None
        said = at
        while said < len(self.tokens) and said - at < 3:
            if found := self._edge(said) or self._range(said) or self._relative(said):
                return found[0], said, found[1]
            if found := self._point(said, asked=said > at and self._word(said - 1) in words.IN_A_YEAR):
                return found[0], said, found[1]
            if self._word(said) not in words.IN and self._word(said) != "'":
                return None
            said += 1
        return None

    # Words

    def _word(self, at: int) -> str:
        return self.tokens[at].folded if 0 <= at < len(self.tokens) else ""

    def _behind(self, at: int, these: Collection[str]) -> bool:
        return self._word(at - 1) in these

    def _is_denied(self, at: int) -> bool:
        """Whether a "not" stands before it, perhaps with a preposition between."""
        while self._word(at - 1) in words.IN | words.ARTICLES:
            at -= 1
        return self._behind(at, words.NOT)

    def _one_of(self, at: int, phrases: Collection[tuple[str, ...]]) -> int:
        """The token behind the longest of these phrases that stands here; 0 for none. Apostrophes are passed over."""
        longest = 0
        for phrase in phrases:
            place = at
            for word in phrase:
                if place > at and self._word(place) in ("'", "’", "-"):
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

    def _year_behind(self, at: int) -> tuple[int, int] | None:
        """A year, perhaps behind `of`, `de`, a comma or the word for year."""
        place = at + (self._word(at) == ",")
        place = self._past(place, words.OF | words.ARTICLES)
        place += self._word(place) in words.YEAR_WORDS
        year = self._year(place)
        return None if year is None or not self._ends(place) else (year, place + 1)

    def _ends(self, at: int) -> bool:
        """Whether a number is all there is: no file's name, price or measure goes on behind it."""
        token = self.tokens[at]
        if at + 1 == len(self.tokens):
            return True
        behind = self.tokens[at + 1]
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

    # Points

    def _point(self, at: int, *, asked: bool = False) -> Found | None:
        return (
            self._digits(at)
            or self._day_of_month(at)
            or self._month_and_year(at)
            or self._season_or_holiday(at)
            or self._part(at, asked=asked)
            or self._decade(at, asked=asked)
            or self._lone_year(at, asked=asked)
        )

    def _digits(self, at: int) -> Found | None:
        """2018-05-12, 2018/05, 12.05.2018, 05/2018; 3/4/2018 is two days, and neither."""
        word = self._word(at)
        parts = word.replace("/", "-").replace(".", "-").split("-")
        if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts):
            return None
        numbers = [int(part) for part in parts]
        if len(parts[0]) != 4:
            numbers.reverse()
            if len(numbers) == 3 and "/" in word:
                if numbers[1] > 12:
                    numbers[1], numbers[2] = numbers[2], numbers[1]
                elif numbers[2] <= 12 and numbers[1] != numbers[2]:
                    return None
        period = _of_numbers(numbers)
        return None if period is None or not is_year(numbers[0], self.today) else (period, at + 1)

    def _day_of_month(self, at: int) -> Found | None:
        """12 May 2018, 12. Mai 2018, 12 de mayo de 2018, May 12, 2018."""
        if first := self._day(at):
            month = self._month(self._past(first[1], words.OF))
            year = self._year_behind(month[1]) if month else None
            if month and year and (period := day_of(year[0], month[0], first[0])):
                return period, year[1]
        if (month := self._month(at)) and (first := self._day(month[1])):
            year = self._year_behind(first[1])
            if year and (period := day_of(year[0], month[0], first[0])):
                return period, year[1]
        return None

    def _month_and_year(self, at: int) -> Found | None:
        """May 2018, mayo de 2018, 2018 May; not the women's march of 2019."""
        if month := self._month(at):
            year = self._year_behind(month[1])
            if year and not self._is_no_month(at):
                return Period(name := month_of(year[0], month[0]), name), year[1]
            return None
        lone = self._year(at)
        month = self._month(at + 1) if lone else None
        if lone is None or month is None or not self._begins(at):
            return None
        if self._is_no_month(at + 1) or self._goes_on(month[1]):
            return None
        return Period(name := month_of(lone, month[0]), name), month[1]

    def _is_no_month(self, at: int) -> bool:
        word = self._word(at)
        if word == "march":
            return self._word(at - 1) in words.MARCHES
        if word in words.DOUBTFUL_MONTHS:
            return self._word(at - 1) not in words.IN | words.TO and not self._day(at - 1)
        return False

    def _goes_on(self, at: int) -> bool:
        """Whether another word follows, with which a month's name may be a surname or a noun."""
        return at < len(self.tokens) and self.tokens[at].is_word and self._word(at) not in words.IN

    def _season_or_holiday(self, at: int) -> Found | None:
        """Summer 2019, été 2019, winter 2018/19, Weihnachten 2020."""
        if (self._word(at - 1), self._word(at)) in MODELS:
            return None
        if (first := words.SEASONS.get(self._word(at))) is not None:
            if year := (first == words.WINTER and self._two_years(at + 1)) or self._year_behind(at + 1):
                return season_of(year[0], first), year[1]
        elif (end := self._one_of(at, words.HOLIDAYS)) and (year := self._year_behind(end)):
            return HOLIDAYS[self._holiday(at, end)](year[0]), year[1]
        return None

    def _holiday(self, at: int, end: int) -> str:
        return words.HOLIDAYS[tuple(token.folded for token in self.tokens[at:end] if token.is_word)]

    def _two_years(self, at: int) -> tuple[int, int] | None:
        """Those of a winter, of which the first counts: 2018/19, 2018-2019."""
        at = self._past(at, words.OF | words.ARTICLES)
        first, sign, second = self._word(at).partition("/")
        if sign and first.isdigit() and second == first[-2:-1] + str((int(first) + 1) % 10):
            return (int(first), at + 1) if is_year(int(first), self.today) else None
        year = self._year(at)
        joined = year is not None and self._word(at + 1) in ("/", "-", "–")
        return (
            (year, at + 3)
            if year and joined and self._word(at + 2) in (str(year + 1), str(year + 1)[2:])
            else None
        )

    def _part(self, at: int, *, asked: bool) -> Found | None:
        """Early 2018, Ende 2018, finales de 2018, Anfang der 90er; early 90s rock is a style."""
        part = words.PARTS.get(self._word(at))
        if part is None and self._word(at + 1) in words.OF:
            part = words.PARTS_OF.get(self._word(at))
        if part is None:
            return None
        behind = at + 1 + (self._word(at + 1) == "-")
        if year := self._year_behind(behind):
            return Period(month_of(year[0], part[0]), month_of(year[0], part[1])), year[1]
        behind = self._past(behind, words.OF)
        of_then = self._behind(behind, words.OF) or self._word(behind) in words.ARTICLES
        found = self._decade(behind, asked=asked or of_then)
        if found is None:
            return None
        first, last = words.PARTS_OF_DECADES[part[0]]
        begun = int(found[0].first or 0)
        return Period(str(begun + first), str(begun + last)), found[1]

    def _decade(self, at: int, *, asked: bool) -> Found | None:
        """The 1990s, die 90er Jahre, los años 90, the sixties: behind a preposition, for alone it is a style."""
        place = self._past(at, words.ARTICLES)
        place += self._word(place) in ("annees", "anos")
        is_said = place > at  # "the" or "years" before it
        first = self._decade_in_digits(place, named=is_said and self._word(place - 1) in ("annees", "anos"))
        if first is None and is_said and (decades := words.DECADES.get(self._word(place))):
            first = 1900 + decades
        if first is None:
            return None
        end = place + 1
        end += self._word(end) in ("jahre", "jahren") or (
            self._word(end) == "-" and 2 * (self._word(end + 1)[:4] == "jahr")
        )
        of_then = asked or self._behind(at, words.IN) or self._is_of_photos(end)
        of_then |= is_said and at == 0 and end == len(self.tokens)  # los años 80, and nothing more
        if not of_then or self._word(end) in words.DECADE_STYLES:
            return None
        return (decade(first), end) if is_year(first, self.today) else None

    def _decade_in_digits(self, at: int, *, named: bool) -> int | None:
        """1990s, 90s, 90er; a bare number where a word for years names it as one."""
        word = self._word(at)
        digits = word.removesuffix("ern").removesuffix("er").removesuffix("s")
        is_one = digits.isascii() and digits.isdigit() and digits.endswith("0") and len(digits) in (2, 4)
        if not is_one or (word == digits and not named):
            return None
        return int(digits) if len(digits) == 4 else 1900 + int(digits)

    def _is_of_photos(self, at: int) -> bool:
        """Whether all the rest is photos: 1980s family photos; not a 1980s photo booth."""
        return (
            len(self.tokens) - at < 3
            and self._word(len(self.tokens) - 1) in words.PHOTOS
            and words.DECADE_STYLES.isdisjoint(token.folded for token in self.tokens[at:])
        )

    def _lone_year(self, at: int, *, asked: bool) -> Found | None:
        """A number that is a year, where nothing beside it says that it counts or names something."""
        place = at + (asked and self._word(at) in words.YEAR_WORDS)
        year = self._year(place, any_century=asked or self._is_behind_a_name(place))
        if year is None or not self._begins(place) or not self._ends(place):
            return None
        says = (
            not is_told_by_year(self.tokens, place) if asked else says_when(self.tokens, place, self.is_name)
        )
        return (Period(str(year), str(year)), place + 1) if says else None

    def _is_behind_a_name(self, at: int) -> bool:
        """Whether a comma and whom or what the library knows stand before it: Hamburg, 1985."""
        return self._word(at - 1) == "," and at > 1 and self.is_name(self.tokens[at - 2].text)

    # Relative to today

    def _relative(self, at: int) -> Found | None:
        return (
            self._named_day(at) or self._ago(at) or self._last(at) or self._last_behind(at) or self._this(at)
        )

    def _named_day(self, at: int) -> Found | None:
        french = self._word(at) == "hier" and self._word(at + 1) in words.FRENCH  # "here" in German
        for phrases, back in ((words.BEFORE_YESTERDAY, 2), (words.YESTERDAY, 1), (words.TODAY, 0)):
            if end := self._one_of(at, phrases) or (back == 1 and french and at + 1):
                if self._word(at - 1) in words.NOT_BEFORE_TODAY | _DAYS_BEFORE or not self._is_all(end):
                    return None
                day = self.today - timedelta(days=back)
                return days(day, day), end
        return None

    def _is_all(self, at: int) -> bool:
        """Whether nothing but a preposition follows: today's menu and Yesterday by the Beatles are no days."""
        return (
            at >= len(self.tokens) or self.tokens[at].text in ",;:.!?" or self._word(at) in words.BEHIND_A_DAY
        )

    def _counted(self, at: int) -> tuple[int, str, int] | None:
        count, unit = self._number(at), words.UNITS.get(self._word(at + 1))
        return None if count is None or unit is None else (count, unit, at + 2)

    def _ago(self, at: int) -> Found | None:
        """Two years ago, vor zwei Jahren, hace dos años, il y a deux ans."""
        end = self._one_of(at, words.AGO_BEFORE)
        counted = self._counted(end or at)
        if counted is None or not (end or self._word(counted[2]) in words.AGO_BEHIND):
            return None
        period = ago(self.today, counted[0], counted[1])
        return None if period is None else (period, counted[2] + (not end))

    def _last(self, at: int) -> Found | None:
        """Last summer, last 3 months, letztes Jahr, las últimas dos semanas, last Christmas, last Friday."""
        place = self._past(at, words.ARTICLES)
        counted = self._counted(place)  # les 3 derniers mois
        if self._word(place) not in words.LAST:
            if counted is None and self._number(place) and self._word(place + 1) in words.LAST_BEHIND:
                unit = words.UNITS.get(self._word(place + 2))
                period = within(self.today, self._number(place) or 0, unit) if unit else None
                return None if period is None else (period, place + 3)
            return None
        if counted := self._counted(place + 1):
            period = within(self.today, counted[0], counted[1])
            return None if period is None else (period, counted[2])
        if self._word(place) == "past" and self._word(place + 1) not in words.UNITS:
            return None  # half past, the past
        return self._latest(place + 1)

    def _last_behind(self, at: int) -> Found | None:
        """El verano pasado, l'année dernière, vendredi dernier."""
        place = self._past(at, words.ARTICLES)
        found = self._latest(place)
        if found is not None and self._word(found[1]) in words.LAST_BEHIND:
            return found[0], found[1] + 1
        return None

    def _latest(self, at: int) -> Found | None:
        """The latest season, month, holiday, weekday or unit of the calendar, and nothing more behind it."""
        word, today = self._word(at), self.today
        found: Period | None = None
        end = at + 1
        if (first := words.SEASONS.get(word)) is not None:
            found = last_season(today, first)
        elif (month := words.MONTHS.get(word)) is not None:
            year = today.year - (month >= today.month)
            found = Period(name := month_of(year, month), name)
        elif holiday := self._one_of(at, words.HOLIDAYS):
            found, end = last_holiday(today, self._holiday(at, holiday)), holiday
        elif weekend := self._one_of(at, words.WEEKENDS):
            found, end = last(today, words.WEEKEND), weekend
        elif (weekday := words.WEEKDAYS.get(word)) is not None:
            day = today - timedelta(days=(today.weekday() - weekday + 1) % 7 or 7)
            found = days(day, day)
        elif (unit := words.UNITS.get(word)) is not None:
            found = last(today, unit)
        return None if found is None or self._is_a_name(end) else (found, end)

    def _is_a_name(self, at: int) -> bool:
        """Last Christmas, the song; last day of school; this summer dress."""
        return self._word(at) in (
            "dress",
            "tree",
            "song",
            "baum",
            "hat",
            "supper",
            "jacket",
            "coat",
            "kleid",
            "market",
        )

    def _this(self, at: int) -> Found | None:
        """This year, diesen Sommer, este mes, cet été; this year's model is the newest."""
        if self._word(at) not in words.THIS:
            return None
        end = at + 2
        if weekend := self._one_of(at + 1, words.WEEKENDS):
            found, end = this(self.today, words.WEEKEND), weekend
        elif (unit := words.UNITS.get(self._word(at + 1))) is not None:
            found = this(self.today, unit)
        elif (first := words.SEASONS.get(self._word(at + 1))) is not None:
            begun_last_year = first == words.WINTER and self.today.month < words.SPRING
            found = season_of(self.today.year - begun_last_year, first)
        else:
            return None
        named = self._word(end) in ("'", "’") or self._is_a_name(end)
        return None if found is None or named else (found, end)

    # Ranges and edges

    def _range(self, at: int) -> Found | None:
        """2017 to 2018, between May and July 2018, 12-15 May 2018, von Mai bis Juli 2018."""
        between = self._word(at) in words.BETWEEN
        place = self._past(at + between, words.ARTICLES | words.IN, 2)
        joints = words.AND if between else words.TO
        return self._of_two_points(place, joints) or self._sharing_a_year(place, joints)

    def _joint(self, at: int, joints: Collection[str]) -> int:
        """The first token of the second point; 0 where none is joined."""
        if self._word(at) in ("-", "–", "—"):
            return at + 1
        if self._word(at) not in joints:
            return 0
        return self._past(at + 1, words.ARTICLES | words.IN | words.TO, 2)

    def _of_two_points(self, at: int, joints: Collection[str]) -> Found | None:
        first = self._point(at, asked=True)
        second = self._joint(first[1], joints) if first else 0
        last = self._point(second, asked=True) if second else None
        if first is None or last is None or not (first[0].first or "") < (last[0].last or ""):
            return None
        return Period(first[0].first, last[0].last), last[1]

    def _sharing_a_year(self, at: int, joints: Collection[str]) -> Found | None:
        return self._months(at, joints) or self._days_behind(at, joints) or self._days_before(at, joints)

    def _months(self, at: int, joints: Collection[str]) -> Found | None:
        """May to July 2018."""
        first = self._month(at)
        second = self._joint(first[1], joints) if first else 0
        last = self._month(second) if second else None
        year = self._year_behind(last[1]) if last else None
        if not (first and last and year) or first[0] >= last[0]:
            return None
        return Period(month_of(year[0], first[0]), month_of(year[0], last[0])), year[1]

    def _two_days(self, at: int, joints: Collection[str]) -> tuple[int, int, int] | None:
        """12 to 15: both, and the token behind."""
        first = self._day(at)
        second = self._joint(first[1], joints) if first else 0
        last = self._day(second) if second else None
        return (first[0], *last) if first and last and first[0] < last[0] else None

    def _days_behind(self, at: int, joints: Collection[str]) -> Found | None:
        """May 12-15, 2018."""
        month = self._month(at)
        both = self._two_days(month[1], joints) if month else None
        year = self._year_behind(both[2]) if both else None
        return _days_of(year, month[0], both) if month and both and year else None

    def _days_before(self, at: int, joints: Collection[str]) -> Found | None:
        """12 to 15 May 2018."""
        both = self._two_days(at, joints)
        month = self._month(self._past(both[2], words.OF)) if both else None
        year = self._year_behind(month[1]) if month else None
        return _days_of(year, month[0], both) if month and both and year else None

    def _edge(self, at: int) -> Found | None:
        """Since 2015, before May 2018, nach 2010, bis Ostern 2019; from 2018 on."""
        for phrases in (words.SINCE, words.AFTER, words.BEFORE, words.UNTIL):
            if place := self._one_of(at, phrases):
                place = self._past(place, words.ARTICLES | words.IN)
                found = self._point(place, asked=True) or self._relative(place)
                if found is None or (self._joint(found[1], words.TO) and phrases is words.SINCE):
                    continue
                return _bounded(found[0], phrases), found[1]
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


def _of_numbers(numbers: Sequence[int]) -> Period | None:
    """A day or a month, from year, month and perhaps day."""
    if len(numbers) == 3:
        return day_of(numbers[0], numbers[1], numbers[2])
    return Period(name := month_of(numbers[0], numbers[1]), name) if 1 <= numbers[1] <= 12 else None
