"""Dates that are told from today: yesterday, two years ago, last summer, les 3 derniers mois, this weekend."""

from __future__ import annotations

from datetime import date, timedelta

from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search.date_tokens import DateTokens, Found
from vasari.retrieval.search.periods import (
    HOLIDAYS,
    Period,
    ago,
    days,
    last,
    last_holiday,
    last_season,
    month_of,
    season_of,
    this,
    within,
    years_before,
)
from vasari.retrieval.search.subject_words import is_subject

_DAYS_BEFORE = {"yesterday", "gestern", "ayer", "hier"}  # two days in a row are neither


class RelativeDates(DateTokens):
    """Reads what is told from today."""

    def _relative(self, at: int) -> Found | None:
        found = (
            self._this_day(at)
            or self._weekday_of_week(at)
            or self._named_day(at)
            or self._ago(at)
            or self._last(at)
            or self._last_behind(at)
            or self._this(at)
        )
        return found and (self._within_year(found) or found)

    def _year_behind(self, at: int, *, short: bool = False) -> tuple[int, int] | None:
        """A year as it is written, or as it is told from today: Weihnachten vor zwei Jahren, May last year."""
        if written := super()._year_behind(at, short=short):
            return written
        told = self._relative(self._past(at, words.OF))
        year = None if told is None else _year_of(told[0])
        return None if told is None or year is None else (year, told[1])

    def _within_year(self, found: Found) -> Found | None:
        """The month, season or holiday of a year told from today: letztes Jahr zu Weihnachten, last year in May."""
        year, at = _year_of(found[0]), self._past(found[1], words.IN | {"zu", "s"}, 3)
        if year is None:
            return None
        end = at + 1
        if (month := words.MONTHS.get(self._word(at))) is not None and at > found[1]:
            period = Period(name := month_of(year, month), name)
        elif (first := words.SEASONS.get(self._word(at))) is not None:
            period = season_of(year, first)
        elif end := self._one_of(at, words.HOLIDAY_PHRASES):
            period = HOLIDAYS[self._holiday(at, end)](year)
        else:
            return None
        return None if self._is_a_name(end) else (period, end)

    def _this_day(self, at: int) -> Found | None:
        """Three years ago today, heute vor einem Jahr, hoy hace dos años."""
        today = self._one_of(at, words.TODAY_ALONE)
        counted = self._counted_ago(today or at)
        if counted is None or counted[1] != words.YEAR:
            return None
        end = counted[2] if today else self._one_of(counted[2], words.TODAY_ALONE)
        return (years_before(self.today, counted[0]), end) if end else None

    def _weekday_of_week(self, at: int) -> Found | None:
        """Tuesday of last week, Dienstag letzter Woche, el martes de la semana pasada."""
        weekday = words.WEEKDAYS.get(self._word(at))
        week = None if weekday is None else self._relative(self._past(at + 1, words.OF | words.ARTICLES))
        if weekday is None or week is None or week[0] != last(self.today, words.WEEK):
            return None
        day = date.fromisoformat(week[0].first or "") + timedelta(days=weekday - 1)
        return days(day, day), week[1]

    def _named_day(self, at: int) -> Found | None:
        french = self._word(at) == "hier" and self._word(at + 1) in words.FRENCH  # "here" in German
        for phrases, back in ((words.BEFORE_YESTERDAY, 2), (words.YESTERDAY, 1), (words.TODAY, 0)):
            if end := self._one_of(at, phrases) or (back == 1 and french and at + 1):
                owned = self._owned(end)
                if self._word(at - 1) in words.NOT_BEFORE_TODAY | _DAYS_BEFORE:
                    return None
                if not (owned or self._is_all(end)):
                    return None
                day = self.today - timedelta(days=back)
                return days(day, day), owned or end
        return None

    def _owned(self, at: int) -> int:
        """The token behind the s of a day that has a subject: yesterday's barbecue, not today's menu; 0 for none."""
        if self._word(at) not in ("'", "’") or self._word(at + 1) != "s":
            return 0
        return at + 2 if is_subject(self._word(at + 2)) else 0

    def _is_all(self, at: int) -> bool:
        """Whether nothing but a preposition follows: today's menu and Yesterday by the Beatles are no days."""
        return (
            at >= len(self.tokens)
            or self.tokens[at].text in ",;:.!?"
            or self._word(at) in words.BEHIND_A_DAY
            or self._is_german_participle(at)
        )

    def _is_german_participle(self, at: int) -> bool:
        """Whether it ends a German sentence: wo hab ich gestern geparkt."""
        word = self._word(at)
        ends = at + 1 == len(self.tokens) and self._word(at - 1) in ("gestern", "vorgestern", "heute")
        return ends and word.startswith("ge") and word.endswith(("t", "en")) and len(word) > 5

    def _counted(self, at: int, *, some: bool = False) -> tuple[int, str, int] | None:
        """How many of what: 3 months, zwei Jahre, a couple of weeks; `some` are a few."""
        at += self._word(at + 1) in words.PAIRS
        count = words.SOME_COUNT if some and self._word(at) in words.SOME else self._number(at)
        at = self._past(at + 1, words.OF, 1) if self._word(at) in words.PAIRS else at + 1
        unit = words.UNITS.get(self._word(at))
        return None if count is None or unit is None else (count, unit, at + 1)

    def _counted_ago(self, at: int) -> tuple[int, str, int] | None:
        """How many ago: two years ago, vor zwei Jahren, hace dos años, il y a deux ans."""
        end = self._one_of(at, words.AGO_BEFORE)
        counted = self._counted(end or at)
        if counted is None or not (end or self._word(counted[2]) in words.AGO_BEHIND):
            return None
        return counted[0], counted[1], counted[2] + (not end)

    def _ago(self, at: int) -> Found | None:
        counted = self._counted_ago(at)
        period = None if counted is None else ago(self.today, counted[0], counted[1])
        return None if counted is None or period is None else (period, counted[2])

    def _last(self, at: int) -> Found | None:
        """Last summer, last 3 months, letztes Jahr, las últimas dos semanas, last few days, last Christmas."""
        place = self._past(at, words.ARTICLES | words.THESE)
        if name := self._one_of(place, words.LAST_BUT_ONE):
            return self._last_but_one(self._latest(name, self.today), name)
        if self._word(place) not in words.LAST:
            return self._last_within(place)
        if (counted := self._counted(place + 1, some=True)) or (counted := self._several(place + 1)):
            period = within(self.today, counted[0], counted[1])
            return None if period is None else (period, counted[2])
        if self._word(place) == "past" and self._word(place + 1) not in words.UNITS:
            return None  # half past, the past
        return self._latest(place + 1, self.today)

    def _last_but_one(self, latest: Found | None, at: int) -> Found | None:
        """What was before the latest that is named at `at`: the one that was the latest when that began."""
        if latest is None:
            return None
        begun = date.fromisoformat(f"{latest[0].first}-01-01"[:10])
        return self._latest(at, begun)

    def _last_within(self, at: int) -> Found | None:
        """(Les) 3 derniers mois, dernières années."""
        count = self._number(at)
        at += count is not None
        if self._word(at) not in words.LAST_BEHIND:
            return None
        several = self._several(at + 1)
        unit = words.UNITS.get(self._word(at + 1)) if count else several and several[1]
        period = within(self.today, count or words.SOME_COUNT, unit) if unit else None
        return None if period is None else (period, at + 2)

    def _several(self, at: int) -> tuple[int, str, int] | None:
        """Years, months, weeks or days without their number."""
        word = self._word(at)
        return (words.SOME_COUNT, words.UNITS[word], at + 1) if word in words.PLURAL_UNITS else None

    def _last_behind(self, at: int) -> Found | None:
        """El verano pasado, l'année dernière, vendredi dernier."""
        place = self._past(at, words.ARTICLES)
        several = self._several(place)
        if several and self._word(several[2]) in words.LAST_BEHIND:
            period = within(self.today, several[0], several[1])
            return None if period is None else (period, several[2] + 1)
        found = self._latest(place, self.today)
        if found is None:
            return None
        if self._word(found[1]) in words.LAST_BEHIND:
            return found[0], found[1] + 1
        end = self._one_of(found[1], words.BEFORE_LAST)
        before = self._last_but_one(found, place) if end else None
        return None if before is None else (before[0], end)

    def _latest(self, at: int, today: date) -> Found | None:
        """The latest season, month, holiday, weekday or unit of the calendar, and nothing more behind it."""
        word = self._word(at)
        found: Period | None = None
        end = at + 1
        if (first := words.SEASONS.get(word)) is not None:
            found = last_season(today, first)
        elif (month := words.MONTHS.get(word)) is not None:
            year = today.year - (month >= today.month)
            found = Period(name := month_of(year, month), name)
        elif holiday := self._one_of(at, words.HOLIDAY_PHRASES):
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
            if (found.first or "") > self.today.isoformat():
                return None  # this winter, said in November: nothing was taken then
        else:
            return None
        named = self._word(end) in ("'", "’") or self._is_a_name(end)
        return None if found is None or named else (found, end)

    def _holiday(self, at: int, end: int) -> str:
        return words.HOLIDAYS[tuple(token.folded for token in self.tokens[at:end] if token.is_word)]


def _year_of(period: Period) -> int | None:
    """The year that a period is, and nothing less."""
    is_year = period.first is not None and period.first == period.last and period.first.isdigit()
    return int(period.first or 0) if is_year else None
