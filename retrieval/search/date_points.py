"""Dates that name their year: May 2018, 12.05.2018, Weihnachten 2020, winter 2018/19, early 2018, the sixties, 2016."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search.date_tokens import Found
from vasari.retrieval.search.lone_years import is_numbered, is_told_by_year, says_when
from vasari.retrieval.search.periods import (
    HOLIDAYS,
    Period,
    day_of,
    decade,
    is_year,
    month_of,
    season_of,
    week_of,
)
from vasari.retrieval.search.relative_dates import RelativeDates
from vasari.retrieval.search.subject_words import is_of_a_family, is_subject
from vasari.retrieval.search.year_words import ISSUED, MODELS

_HOLIDAY_ENDS = frozenset(phrase[-1] for phrase in words.HOLIDAYS)


class DatePoints(RelativeDates):
    """Reads points of a calendar, the years of which are said."""

    def _point(self, at: int, *, asked: bool = False) -> Found | None:
        return self._week_of_a_day(at) or self._day_or_longer(at, asked=asked)

    def _week_of_a_day(self, at: int) -> Found | None:
        """Week of 5 July 2021, die Woche vom 5. Juli 2021: Monday to Sunday."""
        if words.UNITS.get(self._word(at)) != words.WEEK or self._word(at + 1) not in words.OF | {
            "from",
            "ab",
        }:
            return None
        place = self._past(at + 1, words.OF | words.ARTICLES | {"from", "ab"}, 3)
        day = self._digits(place) or self._day_of_month(place)
        if day is None or len(day[0].first or "") != len("2021-07-05"):
            return None
        return week_of(date.fromisoformat(day[0].first or "")), day[1]

    def _day_or_longer(self, at: int, *, asked: bool) -> Found | None:
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
        if is_numbered(self.tokens, at):
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
            year = self._year_behind(month[1], short=True) if month else None
            if month and year and (period := day_of(year[0], month[0], first[0])):
                return period, year[1]
        if (month := self._month(at)) and (first := self._day(month[1])):
            year = self._year_behind(first[1])
            if year and (period := day_of(year[0], month[0], first[0])):
                return period, year[1]
        return None

    def _month_and_year(self, at: int) -> Found | None:
        """May 2018, mayo de 2018, 2018 May; not the women's march of 2019, nor the month of a magazine."""
        if self._is_issued(at):
            return None
        if month := self._month(at):
            year = self._year_behind(month[1], short=True)
            if year and not self._is_no_month(at) and not self._is_second(at, words.MONTHS):
                return Period(name := month_of(year[0], month[0]), name), year[1]
            return None
        lone = self._year(at)
        month = self._month(at + 1) if lone else None
        if lone is None or month is None or not self._begins(at):
            return None
        if self._is_no_month(at + 1) or self._goes_on(month[1]):
            return None
        return Period(name := month_of(lone, month[0]), name), month[1]

    def _is_issued(self, at: int) -> bool:
        """Whether it tells of a calendar or magazine when it came out; not behind a comma, nor of photos in one."""
        before = [token.folded for token in self.tokens[:at]]
        phrase = next((place for place in range(at, 0, -1) if before[place - 1] in (",", ";", ":")), 0)
        issued = not ISSUED.isdisjoint(before[max(phrase, at - 4) :])
        return issued and words.PHOTOS.isdisjoint(before)

    def _is_second(self, at: int, these: Collection[str]) -> bool:
        """Whether one of its kind stands before it without a year: of June and August 2015 both are meant."""
        joined = self._word(at - 1) in words.AND | words.TO | {"or", "oder", "o", "ou"}
        return joined and self._word(at - 2) in these

    def _is_no_month(self, at: int) -> bool:
        word = self._word(at)
        if word == "march":
            return self._word(at - 1) in words.MARCHES
        if word in words.DOUBTFUL_MONTHS:
            before = self._word(at - 1)
            is_french = word == "mars" and (before == "," or before in words.BEFORE_MARS)
            return not is_french and self._word(at - 1) not in words.IN | words.TO and not self._day(at - 1)
        return False

    def _season_or_holiday(self, at: int) -> Found | None:
        """Summer 2019, été 2019, winter 2018/19, Weihnachten 2020."""
        if (self._word(at - 1), self._word(at)) in MODELS:
            return None
        if (first := words.SEASONS.get(self._word(at))) is not None:
            if year := (first == words.WINTER and self._two_years(at + 1)) or self._year_behind(
                at + 1, short=True
            ):
                return season_of(year[0], first), year[1]
        elif self._is_second(self._past_articles_before(at), _HOLIDAY_ENDS):
            return None
        elif self._word(at - 1) in words.OF and self._word(at - 2) in words.SEASONAL:
            return None  # marché de Noël 2016
        elif self._is_of_another_calendar(at):
            return None
        elif (end := self._one_of(at, words.HOLIDAY_PHRASES)) and (
            year := self._year_behind(end, short=True)
        ):
            return HOLIDAYS[self._holiday(at, end)](year[0]), year[1]
        return None

    def _is_of_another_calendar(self, at: int) -> bool:
        """Whether it is not the new year of January: Chinese New Year 2019, año nuevo chino."""
        around = (self._word(at - 1), self._word(self._one_of(at, words.HOLIDAY_PHRASES)))
        return not words.OF_OTHER_CALENDARS.isdisjoint(around)

    def _past_articles_before(self, at: int) -> int:
        while self._word(at - 1) in words.ARTICLES:
            at -= 1
        return at

    def _two_years(self, at: int) -> tuple[int, int] | None:
        """Those of a winter, of which the first counts: 2018/19, 2018-2019."""
        at = self._past(at, words.OF | words.ARTICLES)
        first, sign, second = self._word(at).partition("/")
        if sign and first.isdigit() and second == str(int(first) + 1)[2:]:
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
        if part is None or self._one_of(at, words.HOLIDAY_PHRASES):  # fiesta de fin de año 2020
            return None
        behind = at + 1 + (self._word(at + 1) == "-")
        if year := self._year_behind(behind):
            return Period(month_of(year[0], part[0]), month_of(year[0], part[1])), year[1]
        behind = self._past(behind, words.OF)
        if of_a_month := self._month_and_year(behind):
            return of_a_month  # a third of a month is told too loosely: the whole of it
        of_then = self._behind(behind, words.OF) or self._word(behind) in words.ARTICLES
        of_then = of_then or self._behind(at, words.ARTICLES)
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
        before = self._word(place - 1) if is_said else ""
        bare = before == "los" and asked and not self._goes_on(place + 1)  # en los 80
        first = self._decade_in_digits(place, named=bare or before in ("annees", "anos"))
        if first is None and is_said and (decades := words.DECADES.get(self._word(place))):
            first = 1900 + decades
        if first is None:
            return None
        end = place + 1
        end += self._word(end) in ("jahre", "jahren") or (
            self._word(end) == "-" and 2 * (self._word(end + 1)[:4] == "jahr")
        )
        led = self._behind(at, words.IN - words.ARTICLES - words.INDEFINITE)
        is_style = self._behind(at, words.OF) and self._goes_on(end)  # film set of 1920s Chicago
        of_then = asked or (led and not is_style) or self._is_of_photos(end)
        whole = self._word(place)[:4].isdigit()  # 1930s; 90s is as often a style
        of_then |= (is_said or whole) and at == 0 and end == len(self.tokens)  # los años 80, and nothing more
        before = self._word(at - 1)
        told = self._is_of_long_ago(at - 1) or (is_subject(before) and before not in words.DECADE_STYLES)
        of_then |= whole and self._ends(place) and told
        of_then |= before in ("annees", "anos") and self._word(end) in words.IN | words.FRENCH
        if not of_then or not words.DECADE_STYLES.isdisjoint((self._word(end), self._word(end + 1))):
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
        if self._year(place) is None or not self._begins(place) or not self._ends(place):
            return None
        any_century = asked or self._is_behind_a_name(place) or self._is_of_long_ago(place - 1)
        year = self._year(place, any_century=any_century)
        if year is None:
            return None
        says = (
            not is_told_by_year(self.tokens, place) if asked else says_when(self.tokens, place, self.is_name)
        )
        return (Period(str(year), str(year)), place + 1) if says else None

    def _is_of_long_ago(self, at: int) -> bool:
        """Whether a word is one of whom and what old photographs are: Opa 1958, school photo 1979, omas garten 1978."""
        told = [self._word(place) for place in range(max(at - 6, 0), at + 1)]
        return told[-1:] != [] and (
            told[-1] in words.PHOTOS or told[-1].endswith(("foto", "fotos")) or any(map(is_of_a_family, told))
        )

    def _is_behind_a_name(self, at: int) -> bool:
        """Whether whom or what the library knows stands before it, perhaps with a comma: Hamburg, 1985."""
        name = at - 1 - (self._word(at - 1) == ",")
        return name >= 0 and self.is_name(self.tokens[name].text)


def _of_numbers(numbers: Sequence[int]) -> Period | None:
    """A day or a month, from year, month and perhaps day."""
    if len(numbers) == 3:
        return day_of(numbers[0], numbers[1], numbers[2])
    return Period(name := month_of(numbers[0], numbers[1]), name) if 1 <= numbers[1] <= 12 else None
