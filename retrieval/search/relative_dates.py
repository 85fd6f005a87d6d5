"""Dates that are told from today: yesterday, two years ago, last summer, les 3 derniers mois, this weekend."""

from __future__ import annotations

from datetime import timedelta

from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search.date_tokens import DateTokens, Found
from vasari.retrieval.search.periods import (
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
)

_DAYS_BEFORE = {"yesterday", "gestern", "ayer", "hier"}  # two days in a row are neither


class RelativeDates(DateTokens):
    """Reads what is told from today."""

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

    def _holiday(self, at: int, end: int) -> str:
        return words.HOLIDAYS[tuple(token.folded for token in self.tokens[at:end] if token.is_word)]
