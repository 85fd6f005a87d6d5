"""Date expressions in Chinese and Japanese, which write no spaces: 2018年5月, 去年の夏, 2017年到2019年, 三个月前.

Patterns over the text, for tokens would be guesses; the calendar is that of `periods`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

from vasari.retrieval.patterns import Pattern
from vasari.retrieval.search import calendar_words as words
from vasari.retrieval.search import periods
from vasari.retrieval.search.periods import Dated, Period
from vasari.retrieval.search.year_words import CJK_INSCRIBED, CJK_MADE_BEHIND, CJK_MADE_THEN

_DIGITS = str.maketrans("〇零一二三四五六七八九０１２３４５６７８９", "00123456789" + "0123456789")
_SEASONS = {"春": words.SPRING, "夏": words.SUMMER, "秋": words.AUTUMN, "冬": words.WINTER}
_HOLIDAYS = {
    "圣诞节": "christmas",
    "圣诞": "christmas",
    "聖誕節": "christmas",
    "クリスマスイブ": "christmas eve",
    "クリスマス": "christmas",
    "平安夜": "christmas eve",
    "元旦": "new year's day",
    "元日": "new year's day",
    "新年": "new year's day",
    "お正月": "first days",
    "正月": "first days",
    "大晦日": "new year's eve",
    "跨年": "new year's eve",
    "万圣节": "halloween",
    "ハロウィン": "halloween",
    "情人节": "valentine",
    "バレンタイン": "valentine",
    "复活节": "easter",
    "イースター": "easter",
    "お盆": "obon",
    "ゴールデンウィーク": "golden week",
    "国庆节": "national day",
    "国庆": "national day",
    "感恩节": "thanksgiving",
}
_UNITS = {
    **dict.fromkeys(("天", "日"), words.DAY),
    **dict.fromkeys(("周", "週間", "週", "个星期", "星期", "个礼拜"), words.WEEK),
    **dict.fromkeys(("个月", "個月", "ヶ月", "か月", "カ月", "ヵ月", "ケ月", "箇月"), words.MONTH),
    "年": words.YEAR,
}
# Years counted back, and months, weeks and days.
_YEARS = {
    "大前年": 3,
    "さきおととし": 3,
    "一昨年": 2,
    "おととし": 2,
    "前年": 2,
    "去年": 1,
    "昨年": 1,
    "今年": 0,
}
_LATELY: Mapping[str, tuple[str, int]] = {
    **dict.fromkeys(("上个月", "上個月", "上月", "先月"), (words.MONTH, 1)),
    **dict.fromkeys(("这个月", "這個月", "本月", "今月"), (words.MONTH, 0)),
    **dict.fromkeys(("这周末", "这个周末", "本周末", "今週末"), (words.WEEKEND, 0)),
    **dict.fromkeys(("上周末", "上週末", "上个周末", "上個週末", "先週末"), (words.WEEKEND, 1)),
    **dict.fromkeys(("上上周", "上上週", "上上个星期", "先々週"), (words.WEEK, 2)),
    **dict.fromkeys(("上上个月", "先々月"), (words.MONTH, 2)),
    **dict.fromkeys(("上周", "上週", "上星期", "上个星期", "上个礼拜", "先週"), (words.WEEK, 1)),
    **dict.fromkeys(("这周", "本周", "这个星期", "今週"), (words.WEEK, 0)),
    **dict.fromkeys(("大前天", "さきおととい"), (words.DAY, 3)),
    **dict.fromkeys(("前天", "一昨日", "おととい"), (words.DAY, 2)),
    **dict.fromkeys(("昨天", "昨日", "昨晚", "昨夜"), (words.DAY, 1)),
    **dict.fromkeys(("今天", "今日", "今晚", "今夜", "今朝", "今早"), (words.DAY, 0)),
}


def _any(these: object) -> str:
    return "|".join(sorted(map(re.escape, these), key=len, reverse=True))  # type: ignore[call-overload]


_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}  # the year before their first
_WEEKDAYS = {
    day: number
    for number, days in enumerate(("一月", "二火", "三水", "四木", "五金", "六土", "日天"))
    for day in days
}
_MONTH = r"1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九]"
_YEAR = (
    r"(?P<year>(?:1[89]|20)\d\d)\s?年|(?P<short>\d\d)年(?=\s?(?:1[0-2]|0?[1-9])月|春节|春節|国庆|中秋|元旦)|(?P<chinese>[一二][〇零九八一二三四五六七]{3})年"
    rf"|(?P<era>{'|'.join(_ERAS)})\s?(?P<reign>\d{{1,2}}|元|[一二三四五六七八九十]+)\s?年"
    rf"|(?P<bare>(?:19|20)\d\d)(?=\s?(?:{_any(_HOLIDAYS)})|\s(?:(?:{_MONTH})月|[春夏秋冬](?:天|季)?(?:$|\s)))"
)
_NAMED = (
    rf"(?P<named>{_any(_YEARS)})|(?P<back>\d{{1,2}}|[一二两兩三四五六七八九十]+)\s?年(?:之|以)?前(?=[的の])"
)
_SEASON = r"(?P<season>[春夏秋冬])(?:天|季|休み|假)?(?!日|奈|威|瓜|目|节|節|分|至|联|卷)"
_POINT = Pattern(
    rf"""(?:{_YEAR}|{_NAMED})
    (?:(?:的|の)?\s?
      (?: (?P<month>{_MONTH})\s?月
        (?:份|(?:的|の)?(?P<day>[12]\d|3[01]|0?[1-9]|二?十[一二三四五六七八九]?|三十一?|[一二三四五六七八九])[日号號])?
      | (?P<holiday>{_any(_HOLIDAYS)}) | {_SEASON} | (?P<part>初(?!雪|日|詣|恋|め|次)|末|底|春先)
      )
    )?""",
    re.VERBOSE,
)
_WEEK_OF = Pattern("(?:那|这|的那?)一?[个個]?(?:星期|周|週)|の週")
_HOLIDAY = Pattern(
    rf"(?P<holiday>{_any(_HOLIDAYS)})[\s　]?(?:(?P<bare>(?:19|20)\d\d)(?!\d|\s?年|[-./~〜]\d))?"
)
_DAYS = [said for said, (unit, _) in _LATELY.items() if unit == words.DAY]
_LATELY_SAID = sorted(_LATELY, key=len, reverse=True)
_DAY = Pattern(_any(_DAYS))
_LONGEST_NAME = 5  # letters
_LATE = Pattern(
    rf"(?P<late>{_any(_LATELY.keys() - set(_DAYS))}"
    rf"|(?:{_any(_DAYS)})(?:晚上|早上|早晨|上午|中午|下午|傍晚|夜里)?(?=[的のに在和与と拍撮]|[\s，,、。]|$|\w{{1,6}}で(?:$|[、撮遊食会飲見買])))"
)
_WEEKDAY = Pattern(
    r"(?:(?P<last>上个?|上個?)|(?P<now>这个?|這個?|本))(?:周|週|星期|礼拜|禮拜)(?P<weekday>[一二三四五六日天])(?!月)"
    r"|(?:(?P<last_ja>先週)|(?P<now_ja>今週))の?(?P<weekday_ja>[月火水木金土日])曜日?"
)
_LAST_SEASON = Pattern(r"(?:上个|上個|この前の|昨)(?P<season>[春夏秋冬])(?:天|季)?")
_AGO = Pattern(
    rf"(?P<count>\d{{1,3}}|[一二两兩三四五六七八九十]+)\s?(?P<unit>{_any(_UNITS)})(?:之|以)?前(?!半|後|后)"
)
_THIS_DAY = Pattern(
    r"(?P<count>\d{1,2}|[一二两兩三四五六七八九十]+)\s?年前の?的?(?:今天|今日|这一?天|這一?天)"
)
_WITHIN = Pattern(
    rf"(?:过去|過去|最近|近|这(?!一)|這(?!一)|ここ|この)(?:的|の)?(?P<count>\d{{1,3}}|[一二两兩三四五六七八九十]+|几|数)\s?(?P<unit>{_any(_UNITS)})"
)
_DECADE = Pattern(
    r"(?P<decade>(?:1[89]|20)?\d0|(?:[二三四五六七八九])十)年代(?:的|の)?(?=(?:(?!时尚|风格|服装|音乐|汽车|ファッション|スタイル|音楽|風).){0,8}(?:写真|照片|相片|图片|画像)(?!集|館|馆|展|家)|$|[\s，,、。])"
)
_JOINT = Pattern(r"\s?(?:到|至|から|~|〜|～|-|—|–|―)\s?")
_YEAR_RANGE = Pattern(r"(?P<from>(?:1[89]|20)\d\d)\s?(?:到|至|から|~|〜|～|-|—|–)\s?(?=(?:1[89]|20)\d\d年)")
# The last day of a range that names its month once: 2019年8月5日到9日.
_LAST_DAY = Pattern(r"(?P<day>[12]\d|3[01]|0?[1-9])[日号號]")
# The last month of a range that names its year once: 2021年3月到5月.
_LAST_MONTH = Pattern(rf"(?P<month>{_MONTH})\s?月(?!\s?(?:\d|[一二三四五六七八九十]))")
_UNTIL_BEHIND = Pattern(r"(?:まで|为止|為止|之间|之間|間|间)(?:的|の)?")
_EDGES = (
    (
        Pattern(
            r"(?:以来|以來|以降|至今|到现在|到今天|到現在|から(?:今|現在|今日)(?:まで)?|からの|から(?=[\s、]|$)|起(?=的|$|\s))"
        ),
        "since",
    ),
    (Pattern(r"(?:之前|以前|より前|前(?=の|的|$|\s))"), "before"),
    (Pattern(r"(?:之后|之後|以后|以後|より後|後(?=の|的|$|\s))"), "after"),
    (Pattern(r"(?:まで|为止|為止)"), "until"),
)
_BEFORE = Pattern(r"(?:在|于|於|从|從|自从|自)\s?$")
_BEHIND = Pattern(r"(?:(?:里|裡|中|期间|の間)(?=的|の|に|[\s，,]|$))?(?:的|の|に|で|、)?\s?")
_NOT = Pattern(
    r"(?:不是|不要|除了|非|[写印刻]着)(?:在)?\s?$|^(?:以外|じゃない|ではない|除外|[天季]?[^の的]{0,2}と(?:書か|刻ま|印字))"
)
_MADE_BEFORE = Pattern(rf"{CJK_MADE_THEN}\s?$")
_MADE_BEHIND = Pattern(rf"\s?{CJK_MADE_BEHIND}")
# A day counted from one that is named: 圣诞节前一天.
_DAY_FROM = Pattern("[的の]?(?:(?:前|后|後)一?[天日晚]|前日|翌日|翌朝|次日|前夜|前夕|第二天)")
_PRODUCT = Pattern(r"^(?:款|版|号(?!室|棟|楼|機)|刊|式|モデル|製|制|产|產|産|問題|问题|もの)")

_OF_OLD_PHOTOS = Pattern(
    "写真|照片|相片|图片|画像|照|祖父|祖母|父|母|親|爷|奶|爸|妈|外婆|外公|姥|伯|叔|姑|兄|弟|姉|妹|おじ|おば|じい|ばあ|家族|家人|全家|[私僕俺我]"
    "|小时候|童年|子供|子ども|幼|结婚|結婚|婚礼|入学|卒業|毕业|旧|古い|老[家屋房]|実家"
)
_THING_BEHIND = Pattern(rf".*(?:{'|'.join(CJK_INSCRIBED)}|円玉)$")
_COIN_BEFORE = Pattern(rf"(?:{'|'.join(CJK_INSCRIBED)}|円玉)\s?$")


def cjk_periods_in(
    text: str, today: date, is_name: Callable[[str], bool] = lambda _: False
) -> Iterator[Dated]:
    """The periods that a text says in Chinese or Japanese, left to right; `is_name` knows people and places."""
    place = 0
    while place < len(text):
        found = _range(text, place, today) or _edge(text, place, today) or _simple(text, place, today)
        found = found or _day_before_a_name(text, place, today, is_name)
        if found is None:
            place += 1
            continue
        period, end = found
        before = _BEFORE.search(text[:place])
        start = before.start() if before else place
        behind = _BEHIND.match(text, end)
        made = _MADE_BEFORE.search(text[:place]) or _MADE_BEHIND.match(text, end)
        is_long_ago = _is_long_ago(period, text[:place], text[end:], is_name)
        if not (made or is_long_ago or _NOT.search(text[:place]) or _NOT.search(text[end:])):
            yield Dated(period, start, place, end, behind.end() if behind else end)
        place = end


Found = tuple[Period, int]


def _is_long_ago(period: Period, before: str, behind: str, is_name: Callable[[str], bool]) -> bool:
    """Whether it is from before most photos, and no relative, feast or photo speaks of one: 1969年登月."""
    if (period.last or period.first or "") >= periods.FIRST_PLAIN_DATE or period.is_decade:
        return False
    said = re.sub(r"[\W的の]", "", before + behind)
    return bool(said) and not _OF_OLD_PHOTOS.search(said) and not is_name(re.sub(r"[\W的の]+$", "", before))


def _simple(text: str, at: int, today: date) -> Found | None:
    """What begins here; of 三年前 and 三年前的夏天 the longer."""
    readers = (_relative, _holiday_before_its_year, _point)
    found = [one for read in readers if (one := read(text, at, today)) is not None]
    return max(found, key=lambda one: one[1], default=None)


def _holiday_before_its_year(text: str, at: int, today: date) -> Found | None:
    """お正月2022年, 圣诞节 2020."""
    holiday = _HOLIDAY.match(text, at)
    if holiday is None:
        return None
    if holiday["bare"]:
        named, end = int(holiday["bare"]), holiday.end()
    else:
        year = _POINT.match(text, holiday.end())
        if year is None or year["month"] or year["holiday"] or year["season"] or year["part"]:
            return None
        named, end = _year(year, today), year.end()
    told = periods.HOLIDAYS[_HOLIDAYS[holiday["holiday"]]]
    return (told(named), end) if periods.is_year(named, today) else None


def _point(text: str, at: int, today: date) -> Found | None:
    found = _POINT.match(text, at)
    if found is None or _follows_a_number(text, at) or _PRODUCT.match(text[found.end() :]):
        return None
    year = _year(found, today)
    if not periods.is_year(year, today):
        return None
    if not (found["named"] or found["back"]) and _is_of_a_thing(text[:at], text[found.end() :]):
        return None
    if _DAY_FROM.match(text, found.end()):
        return None
    period = _within_year(found, year)
    if period is None:
        return None
    week = _WEEK_OF.match(text, found.end()) if found["day"] else None
    if week:
        return periods.week_of(date.fromisoformat(period.first or "")), week.end()
    return period, found.end()


def _is_of_a_thing(before: str, behind: str) -> bool:
    """Whether a year is that of a medal, coin or wine: 1998年長野オリンピックのメダル; not 2019年拍的邮票."""
    taken = re.search("[拍撮]", behind)
    return bool(not taken and _THING_BEHIND.match(behind)) or bool(_COIN_BEFORE.search(before))


def _year(found: re.Match[str], today: date) -> int:
    if found["named"]:
        return today.year - _YEARS[found["named"]]
    if found["back"]:
        return today.year - number_of(found["back"])
    if found["era"]:
        return _ERAS[found["era"]] + (1 if found["reign"] == "元" else number_of(found["reign"]))
    if found["short"]:
        return int(found["short"]) + (2000 if int(found["short"]) <= today.year % 100 else 1900)
    return int((found["year"] or found["bare"] or found["chinese"]).translate(_DIGITS))


def _within_year(found: re.Match[str], year: int) -> Period | None:
    if found["day"]:
        return periods.day_of(year, number_of(found["month"]), number_of(found["day"]))
    if found["month"]:
        return Period(name := periods.month_of(year, number_of(found["month"])), name)
    if found["season"]:
        return periods.season_of(year, _SEASONS[found["season"]])
    if found["holiday"]:
        return periods.HOLIDAYS[_HOLIDAYS[found["holiday"]]](year)
    if found["part"]:
        first, last = (1, 4) if found["part"] in ("初", "春先") else (9, 12)
        return Period(periods.month_of(year, first), periods.month_of(year, last))
    return Period(str(year), str(year))


def _relative(text: str, at: int, today: date) -> Found | None:
    if _follows_a_number(text, at):
        return None
    if found := _THIS_DAY.match(text, at):
        return periods.years_before(today, number_of(found["count"])), found.end()
    if found := _WEEKDAY.match(text, at):
        return _weekday(found, today), found.end()
    if found := _LATE.match(text, at):
        unit, back = next(_LATELY[said] for said in _LATELY_SAID if found["late"].startswith(said))
        period = _lately(today, unit, back)
        return None if period is None else (period, found.end())
    if found := _LAST_SEASON.match(text, at):
        return periods.last_season(today, _SEASONS[found["season"]]), found.end()
    for pattern, read in ((_AGO, periods.ago), (_WITHIN, periods.within)):
        if found := pattern.match(text, at):
            period = read(today, number_of(found["count"]), _UNITS[found["unit"]])
            return None if period is None else (period, found.end())
    if found := _DECADE.match(text, at):
        digits = found["decade"]
        first = int(digits) if digits.isdigit() and digits.isascii() else number_of(digits)
        first += 1900 if first < 100 else 0
        return (periods.decade(first), found.end()) if periods.is_year(first, today) else None
    return None


def _day_before_a_name(text: str, at: int, today: date, is_name: Callable[[str], bool]) -> Found | None:
    """A day that is told from today, and whom the library knows right behind it: 昨日美咲と公園."""
    day = _DAY.match(text, at)
    if day is None or not any(
        is_name(text[day.end() : day.end() + length]) for length in range(2, _LONGEST_NAME + 1)
    ):
        return None
    period = _lately(today, *_LATELY[day[0]])
    return None if period is None else (period, day.end())


def _weekday(found: re.Match[str], today: date) -> Period:
    """A day of the last week or of this one, which begin on Mondays: 上周五, 先週の金曜日."""
    monday = today - timedelta(days=today.weekday() + 7 * bool(found["last"] or found["last_ja"]))
    day = monday + timedelta(days=_WEEKDAYS[found["weekday"] or found["weekday_ja"]])
    return periods.days(day, day)


def _lately(today: date, unit: str, back: int) -> Period | None:
    if unit == words.DAY:
        day = today - timedelta(days=back)
        return periods.days(day, day)
    if back > 1:
        return periods.ago(today, back, unit)
    return periods.last(today, unit) if back else periods.this(today, unit)


def _range(text: str, at: int, today: date) -> Found | None:
    """2017年到2019年, 2017年から2019年まで, 2017-2019年."""
    first: Found | None
    if (years := _YEAR_RANGE.match(text, at)) and not _follows_a_number(text, at):
        first, second = (Period(years["from"], years["from"]), at), years.end()
    else:
        first = _simple(text, at, today)
        joint = _JOINT.match(text, first[1]) if first else None
        second = joint.end() if joint else 0
        if first and second and (found := _months(text, first[0], second) or _days(text, first[0], second)):
            return found
    last = _simple(text, second, today) if first and second else None
    if first is None or last is None or not (first[0].first or "") < (last[0].last or ""):
        return None
    behind = _UNTIL_BEHIND.match(text, last[1])
    return Period(first[0].first, last[0].last), behind.end() if behind else last[1]


def _months(text: str, first: Period, at: int) -> Found | None:
    """From a month to another of the same year."""
    found = _LAST_MONTH.match(text, at)
    if found is None or first.first is None or len(first.first) != len("2021-03"):
        return None
    last = f"{first.first[:4]}-{number_of(found['month']):02}"
    behind = _UNTIL_BEHIND.match(text, found.end())
    return (
        (Period(first.first, last), behind.end() if behind else found.end()) if first.first < last else None
    )


def _days(text: str, first: Period, at: int) -> Found | None:
    """From a day to another of the same month."""
    found = _LAST_DAY.match(text, at)
    if (
        found is None
        or first.first is None
        or first.first != first.last
        or len(first.first) != len("2021-03-05")
    ):
        return None
    last = periods.day_of(int(first.first[:4]), int(first.first[5:7]), int(found["day"]))
    if last is None or last.last is None or last.last <= first.first:
        return None
    behind = _UNTIL_BEHIND.match(text, found.end())
    return Period(first.first, last.last), behind.end() if behind else found.end()


def _edge(text: str, at: int, today: date) -> Found | None:
    """2018年以前, 2015年以来, 2018年5月之后; 以前 and 以降 include the year in Japanese."""
    found = _simple(text, at, today)
    if found is None:
        return None
    for pattern, kind in _EDGES:
        if edge := pattern.match(text, found[1]):
            kana = re.search("[\u3040-\u30ff]", text) is not None
            return _bounded(found[0], kind, included=kana and edge[0] in ("以前", "以後")), edge.end()
    if re.search(r"(?:自从|自|从|從)\s?$", text[:at]) and re.match("开始|開始|起", text[found[1] :]):
        return Period(found[0].first, None), found[1] + 2
    return None


def _bounded(period: Period, kind: str, *, included: bool) -> Period:
    match kind:
        case "before":
            return Period(None, period.last) if included else Period(None, period.first, beyond=True)
        case "after":
            return Period(period.first, None) if included else Period(period.last, None, beyond=True)
        case "since":
            return Period(period.first, None)
    return Period(None, period.last)


def _follows_a_number(text: str, at: int) -> bool:
    return (
        0 < at < len(text)
        and text[at].isdigit()
        and ((text[at - 1].isalnum() and text[at - 1].isascii()) or text[at - 1] in "./_")
    )


def number_of(written: str) -> int:
    """A number below a hundred in digits or in Chinese ones: 十二, 两, 三十一; 几 and 数 (some) are three."""
    if written.isascii() and written.isdigit():
        return int(written)
    if written in ("两", "兩"):
        return 2
    if written in ("几", "数"):
        return 3
    tens, ten, ones = written.rpartition("十")
    return _digit(tens, 1) * 10 + _digit(ones, 0) if ten else _digit(written, 0)


def _digit(sign: str, otherwise: int) -> int:
    return int(sign.translate(_DIGITS)) if sign else otherwise
