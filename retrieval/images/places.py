"""Gazetteer: a position -> country, region and city, offline; and a place's names in other languages.

The nearest of GeoNames' 170,000 places of 1,000 people and more (CC BY 4.0; `data/places`, 3.4 MB), within 50 km. It is
read when the first position is asked for, which takes 0.2 s and some 50 MB.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.builtin_data import builtin_data

_FARTHEST_KM = 50.0
_KM_A_DEGREE = 111.2
_REMEMBERED = 1024  # names that were looked for among those in other languages
# GeoNames has Chinese names in either script: traditional letters of places, and the simplified ones.
_TRADITIONAL = (
    "並乾亞佈來倉倫傑兒內凱別則劍務勞勢勻區參叢吳呂員喬國圍園圖堅堯場塚塢壟壢夢奧婁孫學宮實寧寶將岡峴島峽崑崗嵐嶺巖"
    "帶幾庫廈廣張後徹恆愛慶懷戶捨掛揚撫攝數晉曇會東條棗棟楊楓極榮樂樹橋橫檳櫚櫻欖欞欽歐歲歷歸氣沖涼湊湯溝溫滄滿漢漣"
    "澀澤濃濟濰濱瀋瀘瀝瀨灘灣烏無煙熱燒營爛爾狹獨瑪環瓊瓏畢當發盤盧磯礦禮積窩竈節篤紀約紅納紐紹結絨統綏綠維綾綿線緬"
    "縣總繩羅義習聖聞聯聶腳臘臨臺與興舊舖茲荊莊華萊萬葉蓋蓮蕪薩蘆蘇蘭衆衛衞裏補裡覇見覺觀訥設訶詩誇語調諫諸諾謝謬護"
    "豐貝貢貴買費賀賈賓賴賽贛跡車軍軒輔農連進運達遜遠遺遼邁邊鄉鄒鄔鄧鄭鄲釧鈴鉄銀銅銚錢錦錫鎌鎮鐵長門開間闍關陸陽隨"
    "隴雙雞雲霧靈靜韋韓頂順須頓領頭風飛飯飾館饒馬駒騷驪鬆魚魯鮑鮮鯖鳥鳩鳳鳴鴉鴨鴻鶯鶴鷄鷹鹽麗麥黃齊齋龍龐龜"
)
_SIMPLIFIED = (
    "并干亚布来仓伦杰儿内凯别则剑务劳势匀区参丛吴吕员乔国围园图坚尧场冢坞垄坜梦奥娄孙学宫实宁宝将冈岘岛峡昆岗岚岭岩"
    "带几库厦广张后彻恒爱庆怀户舍挂扬抚摄数晋昙会东条枣栋杨枫极荣乐树桥横槟榈樱榄棂钦欧岁历归气冲凉凑汤沟温沧满汉涟"
    "涩泽浓济潍滨沈泸沥濑滩湾乌无烟热烧营烂尔狭独玛环琼珑毕当发盘卢矶矿礼积窝灶节笃纪约红纳纽绍结绒统绥绿维绫绵线缅"
    "县总绳罗义习圣闻联聂脚腊临台与兴旧铺兹荆庄华莱万叶盖莲芜萨芦苏兰众卫卫里补里霸见觉观讷设诃诗夸语调谏诸诺谢谬护"
    "丰贝贡贵买费贺贾宾赖赛赣迹车军轩辅农连进运达逊远遗辽迈边乡邹邬邓郑郸钏铃铁银铜铫钱锦锡镰镇铁长门开间阇关陆阳随"
    "陇双鸡云雾灵静韦韩顶顺须顿领头风飞饭饰馆饶马驹骚骊松鱼鲁鲍鲜鲭鸟鸠凤鸣鸦鸭鸿莺鹤鸡鹰盐丽麦黄齐斋龙庞龟"
)
# Japanese writes a foreign v and ts in two ways each: ヴェネツィア, ベネチア.
_PLAIN_KANA = {"ヴァ": "バ", "ヴィ": "ビ", "ヴェ": "ベ", "ヴォ": "ボ", "ヴ": "ブ"}
_IN_SIMPLIFIED = str.maketrans(_TRADITIONAL, _SIMPLIFIED)
_FIRST_CJK = "\u3005"


class Gazetteer:
    """The places of the world in cells of one degree."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as arrays:
            self._names = _lines(arrays["names"])
            self._others = _lines(arrays["others"])
            self._position = arrays["position"].astype(np.float64)  # (n, 2) degrees
            self._reach = arrays["reach"].astype(np.float64)  # (n,) km: about as far as the place itself goes
            self._region = arrays["region"]
            regions = [line.split("|") for line in _lines(arrays["regions"])]
            countries = [line.split("|") for line in _lines(arrays["countries"])]
        self._regions: list[tuple[str, str]] = [(code, name) for code, name in regions]
        self._countries = {code: names for code, *names in countries}
        self._known_as = lru_cache(_REMEMBERED)(self._place_known_as)
        self._cells: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for place, (south, west) in enumerate(np.floor(self._position).astype(int).tolist()):
            self._cells[south, west].append(place)

    def at(self, latitude: float, longitude: float) -> dict[str, str]:
        """`city`, `state`, `country`, `country_code` (ISO 3166) of a position in degrees; empty far from everywhere."""
        place = self._nearest(latitude, longitude)
        if place is None:
            return {}
        code, state = self._regions[self._region[place]]
        found = {"city": self._names[place], "state": state, "country": self._countries[code][0]}
        return {name: text for name, text in (found | {"country_code": code}).items() if text}

    def _nearest(self, latitude: float, longitude: float) -> int | None:
        """The largest place that holds it, else the nearest (equirectangular: within 50 km wrong by metres)."""
        narrowing = max(math.cos(math.radians(latitude)), 0.01)
        reach = min(int(_FARTHEST_KM / (_KM_A_DEGREE * narrowing)) + 1, 180)
        south, west = math.floor(latitude), math.floor(longitude)
        near = [
            place
            for row in (south - 1, south, south + 1)
            for column in range(west - reach, west + reach + 1)
            for place in self._cells.get((row, (column + 180) % 360 - 180), ())
        ]
        if not near:
            return None
        away = self._position[near] - (latitude, longitude)
        away[:, 1] = ((away[:, 1] + 180) % 360 - 180) * narrowing
        squares = (away**2).sum(axis=1)
        distances = np.sqrt(squares) * _KM_A_DEGREE
        inside = np.flatnonzero(distances <= self._reach[near])
        # Of the city rather than of a quarter of it: the most populous has the smallest number.
        if len(inside):
            return min(near[place] for place in inside)
        best = int(distances.argmin())
        return near[best] if distances[best] <= _FARTHEST_KM else None

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], int]:
        places = range(len(self._names) - 1, -1, -1)  # of two with one name the larger counts
        return {(self._names[place], self._regions[self._region[place]][0]): place for place in places}

    def other_names(self, city: str, country_code: str) -> list[str]:
        """What a city of 50,000 people and more, and its country, are called in other languages."""
        return [*self.other_names_of_city(city, country_code), *self.names_of_country(country_code)]

    def other_names_of_city(self, city: str, country_code: str) -> list[str]:
        """What a city of 50,000 people and more is called in other languages."""
        place = self._by_name.get((city, country_code))
        if place is not None:
            return _parted(self._others[place])
        known = self._known_as(city, country_code)
        return [] if known is None else [self._names[known], *_parted(self._others[known])]

    def _place_known_as(self, city: str, country_code: str) -> int | None:
        """The largest city that is called so in another language: Cologne, which GeoNames calls Köln."""
        asked = f"|{city}|"
        return next(
            (
                place
                for place, others in enumerate(self._others)
                if asked in f"|{others}|" and self._regions[self._region[place]][0] == country_code
            ),
            None,
        )

    def code_of(self, country: str | None, country_code: str | None) -> str | None:
        """The code (ISO 3166, two letters) of a country that is told by a code or by one of its names; else None.

        Programs write the name alone, or a code of three letters, as IPTC has it.
        """
        if country_code in self._countries:
            return country_code
        return None if country is None else self._codes.get(country.casefold())

    @cached_property
    def _codes(self) -> Mapping[str, str]:
        return {name.casefold(): code for code, names in self._countries.items() for name in names if name}

    def names_of_country(self, country_code: str) -> list[str]:
        """What a country (ISO 3166) is called in six languages, English first."""
        return [name for name in self._countries.get(country_code, []) if name]

    def cities(self, most: int) -> Iterator[tuple[str, list[str]]]:
        """The most populous cities with their names in other languages, the largest first."""
        for name, others in zip(self._names[:most], self._others, strict=False):
            yield name, _parted(others)

    def also_called(self, name: str) -> frozenset[str]:
        """All names of the cities and countries that one of their names, in whatever letters, stands for."""
        return self._alike.get(name.casefold(), frozenset())

    @cached_property
    def _alike(self) -> Mapping[str, frozenset[str]]:
        alike: defaultdict[str, set[str]] = defaultdict(set)
        cities = (
            others and {name, *_parted(others)}
            for name, others in zip(self._names, self._others, strict=False)
        )
        countries = ({name for name in names if name} for names in self._countries.values())
        for called in (*filter(None, cities), *countries):
            for name in called:
                alike[name.casefold()].update(called)
        return {name: frozenset(called) for name, called in alike.items()}

    def states(self, country_code: str) -> list[str]:
        """The first-level divisions of a country (ISO 3166), as GeoNames calls them."""
        return [name for code, name in self._regions if code == country_code and name]

    def countries(self) -> Iterator[list[str]]:
        """The names of each country, English first."""
        yield from self._countries.values()


def _parted(names: str) -> list[str]:
    """The names; Chinese ones also in simplified letters and without the word for city, Japanese ones in plain kana."""
    parted = [name for name in names.split("|") if name]
    parted += [plain for name in parted if "ヴ" in name for plain in _in_plain_kana(name)]
    chinese = [name.translate(_IN_SIMPLIFIED) for name in parted if name[0] >= _FIRST_CJK]
    return list(dict.fromkeys([*parted, *chinese, *(name.removesuffix("市") for name in chinese)]))


def _in_plain_kana(name: str) -> tuple[str, str]:
    for sound, plain in _PLAIN_KANA.items():
        name = name.replace(sound, plain)
    return name, name.replace("ツィ", "チ")


def _lines(joined: Any) -> list[str]:
    return bytes(joined).decode().split("\n")


@cache
def gazetteer() -> Gazetteer:
    """The one that comes with Vasari, read once."""
    return Gazetteer(builtin_data("places") / "places.npz")


@cache
def ordinary_words() -> frozenset[str]:
    """Names of places that are ordinary words as well (Wedding, Deli), in small letters without accents."""
    return frozenset((builtin_data("places") / "ordinary.txt").read_text("utf-8").split("\n"))


_NAMES = ("country", "country_code", "state", "city")


def laid_over(facts: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a picture elsewhere, laid over what its file says.

    Where only a position is said, the place is named anew by it, unless somebody wrote one into the file.
    """
    position = _position(said)
    if position is None or any(name in said for name in _NAMES):
        return {**facts, **said}
    before = _position(facts)
    named = {name: facts[name] for name in _NAMES if name in facts}
    if before is not None and named == gazetteer().at(*before):
        facts = {name: value for name, value in facts.items() if name not in named}
    return with_place({**facts, **said})


def with_place(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with the place of their position, where nobody wrote a place into the file."""
    position = _position(facts)
    if position is None or any(name in facts for name in _NAMES):
        return dict(facts)
    return {**facts, **gazetteer().at(*position)}


def _position(facts: Mapping[str, Any]) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, where both are said and can be."""
    found = facts.get("latitude"), facts.get("longitude")
    latitude, longitude = (
        float(degrees) if isinstance(degrees, int | float) and not isinstance(degrees, bool) else math.inf
        for degrees in found
    )
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
