"""Periods of a calendar: months, seasons, holidays, decades, and what is counted back from a given day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from vasari.retrieval.search import calendar_words as words

FIRST_YEAR = 1826  # of the oldest photograph
FIRST_PLAIN_DATE = "1990"  # before it more things are told by a date than people took photos
_MOST_AGO = 60


@dataclass(frozen=True, slots=True)
class Period:
    """Days, months or years as ISO texts, `first` to `last` included; None: no end that way.

    `beyond` leaves the named end itself out: before 2018, after 2018.
    """

    first: str | None
    last: str | None
    beyond: bool = False

    @property
    def is_decade(self) -> bool:
        """Whether it is ten whole years, or a part of them in years."""
        return len(self.first or "") == len(self.last or "") == 4 and self.first != self.last

    @property
    def filter(self) -> str:
        """As a filter of the library."""
        if self.first is None:
            return f"taken {'<' if self.beyond else '<='} {self.last}"
        if self.last is None:
            return f"taken {'>' if self.beyond else '>='} {self.first}"
        return (
            f"taken = {self.first}"
            if self.first == self.last
            else f"taken between {self.first} and {self.last}"
        )


@dataclass(frozen=True, slots=True)
class Dated:
    """A period, and where it is said: `said` to `until`; `start` to `end` with prepositions and particles."""

    period: Period
    start: int
    said: int
    until: int
    end: int


def month_of(year: int, month: int) -> str:
    """ISO text of a month; months beyond December are those of the next years, and so backwards."""
    years, rest = divmod(month - 1, 12)
    return f"{year + years:04}-{rest + 1:02}"


def season_of(year: int, first: int) -> Period:
    """The season of three months that begins in a year; a winter ends in the next."""
    return Period(month_of(year, first), month_of(year, first + 2))


def last_season(today: date, first: int) -> Period:
    """The latest that is over."""
    over = next(back for back in range(3) if month_of(today.year - back, first + 2) < months_ago(today, 0))
    return season_of(today.year - over, first)


def months_ago(today: date, count: int) -> str:
    """ISO text of the month so many months ago."""
    return month_of(today.year, today.month - count)


def week_of(day: date) -> Period:
    """Monday to Sunday."""
    monday = day - timedelta(days=day.weekday())
    return days(monday, monday + timedelta(days=6))


def days(first: date, last: date) -> Period:
    """From one day to another."""
    return Period(first.isoformat(), last.isoformat())


def _fixed(month: int, first: int, last: int | None = None) -> Callable[[int], Period]:
    return lambda year: days(date(year, month, first), date(year, month, last or first))


def _from_easter(first: int, last: int) -> Callable[[int], Period]:
    return lambda year: days(easter(year) + timedelta(days=first), easter(year) + timedelta(days=last))


def easter(year: int) -> date:
    """Easter Sunday (Anonymous Gregorian algorithm; Meeus, Astronomical Algorithms, 1991, chapter 8)."""
    golden, century, rest = year % 19, year // 100, year % 100
    lunar = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - lunar - rest % 4) % 7
    late = (golden + 11 * lunar + 22 * weekday) // 451
    month, day = divmod(lunar + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _thanksgiving(year: int) -> Period:
    november = date(year, 11, 1)
    day = november + timedelta(days=(3 - november.weekday()) % 7 + 21)
    return days(day, day)


HOLIDAYS: Mapping[str, Callable[[int], Period]] = {
    "christmas": _fixed(12, 24, 26),
    "christmas eve": _fixed(12, 24),
    "christmas day": _fixed(12, 25),
    "boxing day": _fixed(12, 26),
    "new year": lambda year: days(date(year - 1, 12, 31), date(year, 1, 1)),
    "new year's eve": _fixed(12, 31),
    "new year's day": _fixed(1, 1),
    "first days": _fixed(1, 1, 3),
    "halloween": _fixed(10, 31),
    "valentine": _fixed(2, 14),
    "obon": _fixed(8, 13, 16),
    "golden week": lambda year: days(date(year, 4, 29), date(year, 5, 5)),
    "national day": _fixed(10, 1, 7),
    "good friday": _from_easter(-2, -2),
    "easter": _from_easter(-2, 1),
    "easter sunday": _from_easter(0, 0),
    "easter monday": _from_easter(1, 1),
    "holy week": _from_easter(-7, 0),
    "pentecost": _from_easter(49, 50),
    "whit sunday": _from_easter(49, 49),
    "whit monday": _from_easter(50, 50),
    "thanksgiving": _thanksgiving,
    "all saints": _fixed(11, 1),
    "all souls": _fixed(11, 2),
    "st patrick": _fixed(3, 17),
    "april fools": _fixed(4, 1),
    "fourth of july": _fixed(7, 4),
    "epiphany": _fixed(1, 6),
    "st nicholas": _fixed(12, 6),
}


def last_holiday(today: date, name: str) -> Period:
    """The latest that is over."""
    found = HOLIDAYS[name](today.year)
    return found if (found.last or "") < today.isoformat() else HOLIDAYS[name](today.year - 1)


def ago(today: date, count: int, unit: str) -> Period | None:
    """The day, week, month or year so many of them ago."""
    if not 0 < count <= (_MOST_AGO if unit == words.YEAR else 400):
        return None
    match unit:
        case words.DAY:
            return days(day := today - timedelta(days=count), day)
        case words.WEEK:
            return week_of(today - timedelta(weeks=count))
        case words.MONTH:
            return Period(month := months_ago(today, count), month)
        case words.YEAR:
            return Period(f"{today.year - count}", f"{today.year - count}")
    return None


def within(today: date, count: int, unit: str) -> Period | None:
    """The last so many days, weeks, months or years, up to now."""
    match unit:
        case words.DAY | words.WEEK if 0 < count < 3660:
            return Period(
                (today - timedelta(days=count * (7 if unit == words.WEEK else 1))).isoformat(), None
            )
        case words.MONTH | words.YEAR if 0 < count < 1200:
            month = months_ago(today, count * (12 if unit == words.YEAR else 1))
            return Period(_same_day(month, today.day), None)
    return None


def _same_day(month: str, day: int) -> str:
    while True:
        try:
            return date.fromisoformat(f"{month}-{day:02}").isoformat()
        except ValueError:
            day -= 1


def years_before(today: date, count: int) -> Period:
    """The same day so many years ago; of a 29th of February the 28th."""
    day = _same_day(months_ago(today, 12 * count), today.day)
    return Period(day, day)


def last(today: date, unit: str) -> Period | None:
    """The calendar's last week, month, year or weekend."""
    if unit == words.WEEKEND:
        saturday = today - timedelta(days=(today.weekday() - 5) % 7 or 7)
        if today.weekday() == 6:
            saturday -= timedelta(days=7)
        return days(saturday, saturday + timedelta(days=1))
    return None if unit == words.DAY else ago(today, 1, unit)


def this(today: date, unit: str) -> Period | None:
    """The calendar's present week, month, year or weekend: on other days there is none."""
    match unit:
        case words.WEEKEND if today.weekday() > 4:
            return days(saturday := today - timedelta(days=today.weekday() - 5), saturday + timedelta(days=1))
        case words.WEEK:
            return week_of(today)
        case words.MONTH:
            return Period(month := months_ago(today, 0), month)
        case words.YEAR:
            return Period(str(today.year), str(today.year))
    return None


def day_of(year: int, month: int, day: int) -> Period | None:
    """A day, if the calendar has it."""
    try:
        return days(found := date(year, month, day), found)
    except ValueError:
        return None


def decade(first: int) -> Period:
    """Ten years."""
    return Period(str(first), str(first + 9))


def is_year(number: int, today: date) -> bool:
    """Whether a picture can have been taken in it."""
    return FIRST_YEAR <= number <= today.year
