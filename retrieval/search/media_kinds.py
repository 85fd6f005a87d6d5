"""Kinds, orientations and sizes in a typed sentence: "screenshots", "RAW files", "vertical photos", "over 12 MP".

Patterns for six languages. A word that says as often what is to be seen (portrait, landscape, raw, square) counts only
where the rest asks for the file's form: "portrait orientation", "RAW photos", "quadratische Bilder".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vasari.retrieval.patterns import Pattern

_SCREENSHOT_NAMES = (
    "screenshot",
    "screen shot",
    "screen capture",
    "bildschirmfoto",
    "captura de pantalla",
    "capture d",
    "截图",
    "截屏",
    "スクリーンショット",
)
_NAMED = " or ".join(f'name:"{name}"' for name in _SCREENSHOT_NAMES)
SCREENSHOTS = f"(folder:Screenshots or {_NAMED})"


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter that a stretch of the text asks for: `said` to `until`, `start` to `end` with what goes with it."""

    kind: str
    filter: str
    start: int
    said: int
    until: int
    end: int


def _pattern(text: str) -> Pattern:
    return Pattern(text, re.VERBOSE | re.IGNORECASE)


_PHOTOS = (
    r"(?:photos?|photographs?|pictures?|images?|pics?|shots?|fotos?|fotograf[ií]as?|bild|bilder|aufnahmen?"
    r"|im[aá]gen(?:es)?|照片|图片|相片|写真|画像)"
)
_FILES = rf"(?:files?|dateien|archivos?|ficheros?|fichiers?|文件|ファイル|{_PHOTOS})"
_NAMES = "png|jpe?g|webp|gif|heic|avif|tiff?|bmp"

_SCREENSHOT = _pattern(
    r"""\b(?:screen[ -]?shots?|screen[ -]?captures?|screen[ -]?grabs?|bildschirmfotos?|bildschirmaufnahmen?
    |capturas?\ de\ pantalla|pantallazos?|captures?\ (?:d['’]\ ?)?[ée]crans?)\b
    | (?:屏幕|手机|萤幕|螢幕)?(?:截图|截屏|截圖)(?!工具|软件) | スクリーンショット | スクショ"""
)
_RAW = _pattern(
    rf"""\braw[ -]?{_FILES}(?!\s+food)\b
    | \b{_FILES}\ (?:en\ |im\ |in\ |au\ format\ )?raw\b
    | \b(?:in|im|en|au)\ raw(?:[ -]?format)?\b(?!\s+\w)
    | \braw[ -]?formate?\b | \brohdaten\b(?!\s+(?:der|des|einer|eines)\b)
    | (?-i:RAW)\s?(?:格式|形式|文件|照片|写真|画像|ファイル)
    | (?-i:RAW)(?:格式|形式)?[的の]?(?=照片|图片|写真|画像)
    | ^\s*raws?\s*$"""
)
# A format that another word goes on with is that of something shown: gif artist, jpeg artifacts.
_GOING_ON = r"(?:of|in|from|with|and|or|by|at|on|taken|aus|von|vom|mit|und|oder|im|de|del|con|y|o|en|du|des|avec|et|ou)"
_THAN = (
    r"(?:smaller|larger|bigger|less|more|over|under|above|below|kleiner|gr[oö](?:ß|ss)er|[uü]ber|unter|m[aá]s|menos"
    r"|mayores|menores|plus|moins)"
)
_FORMAT = _pattern(
    rf"""(?<![\w.])(?P<format>{_NAMES})s?(?:(?=[ -]screen[ -]?shots?\b)
    |[ -]?{_FILES}(?![\w.-])|(?![\w.-])(?=\s*(?:[^\w\s]|$|(?:{_GOING_ON}|{_THAN})\b|\d)))
    | (?<![a-z0-9_.])(?P<cjk>{_NAMES})(?:格式|形式)?[的の]?(?:图片|照片|画像|写真|ファイル|文件)
    | (?<=[的の])(?P<alone>{_NAMES})(?=\s|$)"""
)
_FORMAT_NAMES = {"jpg": "jpeg", "tif": "tiff"}

_PORTRAIT = _pattern(
    rf"""\b(?:in\ )?portrait[ -](?:orientation|oriented|format)
    | \b(?:vertical|upright)(?:ly)?[ -](?:{_PHOTOS}(?!\s+frame)|format|orientation|oriented)\b
    | \b(?:im\ )?hochformat(?:ige[ns]?|ig|fotos|bilder|aufnahmen)?\b
    | \bhochkant(?:[\ -]?(?:fotos|bilder|aufnahmen)|ige\ (?:fotos|bilder|aufnahmen))\b
    | \b(?:en\ |con\ )?(?:formato|orientaci[oó]n)\ (?:vertical|retrato)\b
    | \b{_PHOTOS}\ (?:en\ |à\ la\ )?verticale?s?\b
    | \b(?:en\ |au\ )?(?:format|orientation)\ (?:portrait|verticale?)\b
    | 竖(?:屏|版|构图|拍|向)(?:的(?=.*(?:照片|图片)$)|(?=照片|图片|$|\s))
    | 纵向(?:的)?(?=照片|图片)
    | 縦(?:向き|長)の(?=.*(?:写真|画像)(?:$|\s)) | 縦(?:向き|長)(?=写真|画像) | 縦(?:位置|構図|写真)"""
)
_LANDSCAPE = _pattern(
    rf"""\b(?:in\ )?landscape[ -](?:orientation|oriented|format)
    | \bhorizontal(?:ly)?[ -](?:{_PHOTOS}(?!\s+frame)|format|orientation|oriented)\b
    | \b(?:im\ )?querformat(?:ige[ns]?|ig|fotos|bilder|aufnahmen)?\b
    | \b(?:en\ |con\ )?(?:formato|orientaci[oó]n)\ (?:horizontal|apaisad[oa])\b
    | \b{_PHOTOS}\ (?:(?:en\ |à\ l['’]\ ?)?horizontale?s?|apaisadas?)\b
    | \b(?:en\ |au\ )?(?:format|orientation)\ (?:paysage|horizontale?)\b
    | 横(?:屏|版|构图|拍|向)(?:的(?=.*(?:照片|图片)$)|(?=照片|图片|$|\s))
    | 横(?:向き|長)の(?=.*(?:写真|画像)(?:$|\s)) | 横(?:向き|長)(?=写真|画像) | 横(?:位置|構図|写真)"""
)
_SQUARE = _pattern(
    r"""\bsquare[ -](?:photos|pictures|images|pics|format|orientation|crops?)\b
    | \bquadratische[ns]?\ (?:bilder|fotos|bild|foto|aufnahmen|format) | \b(?:im\ )?quadratformat\b
    | \b(?:en\ )?formato\ cuadrado\b | \b(?:fotos|im[aá]genes)\ cuadradas\b
    | \b(?:en\ |au\ )?format\ carr[ée]\b | \b(?:photos|images)\ carr[ée]es\b
    | (?:正方形|方形)的?(?=照片|图片)
    | (?:正方形|スクエア)の?(?=写真|画像) | 正方形[的の](?=[^的の]*(?:照片|图片|写真|画像)$)"""
)

_MORE = r"""(?:(?:more|larger|bigger|greater|wider|taller)\ than|over|above|at\ least|min(?:imum)?\.?(?:\ of)?|>=?
    |mehr\ als|gr(?:ö|oe)(?:ß|ss)er\ als|breiter\ als|h(?:ö|oe)her\ als|[üu]ber|mindestens|ab
    |m[aá]s\ (?:grandes?\ |anchas?\ |altas?\ )?(?:de|que)|mayor(?:es)?\ (?:de|que|a)|superior(?:es)?\ a|al\ menos
    |por\ encima\ de
    |plus\ (?:(?:grand|gros|large|haut)(?:se)?e?s?\ )?(?:de|que)|sup[ée]rieure?s?\ [àa]|au\ moins
    |大于|超过|至少|大於|超過)"""
_LESS = r"""(?:(?:less|smaller|fewer|narrower)\ than|under|below|at\ most|max(?:imum)?\.?(?:\ of)?|<=?
    |weniger\ als|kleiner\ als|unter|h(?:ö|oe)chstens|bis\ zu
    |menos\ de|menor(?:es)?\ (?:de|que|a)|m[aá]s\ peque[ñn][oa]s?\ (?:de|que)|inferior(?:es)?\ a|como\ m[aá]ximo
    |moins\ de|plus\ petite?s?\ que|inf[ée]rieure?s?\ [àa]|au\ plus
    |小于|不到|低于|少于|小於)"""
_NUMBER = r"\d{1,6}(?:[.,]\d+)?"
_UNIT = r"""(?:kb|mb|gb|m[ée]ga(?:byte|octet)?s?|mo|go|ko
    |mpx|mp|megapixel[sn]?|megap[ií]xeles|m[ée]gapixels?|兆像素|百万像素
    |メガピクセル|万像素|万画素|兆|px|pixels?|pixeln?|p[ií]xeles|像素|ピクセル)"""
_SIDE = r"wide|across|width|breit|de\s+ancho|de\s+large|high|tall|height|hoch|de\s+alto|de\s+haut"
_NO_FILE = r"""(?![a-z0-9]|\s*(?:ram|memory|ssd|disk|drive|stick|usb|sd|card|speicher|memoria|m[ée]moire|arbeitsspeicher
    |graphics|camera|kamera|sensor))"""
_DEVICE = r"""(?!\s*(?:monitors?|displays?|screens?|tvs?|panels?|bildschirme?|fernseher|televisor|[cm]m\b|in\b|inch|zoll
    |pantallas?|[ée]crans?|显示器|屏幕|モニター|ディスプレイ))"""
_SIZE = _pattern(
    rf"""(?:(?P<more>{_MORE})|(?P<less>{_LESS}))
    \s*(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})(?:\s+(?P<side>{_SIDE}))?{_NO_FILE}
    | (?P<number2>{_NUMBER})\s?(?P<unit2>{_UNIT})
    (?:(?P<over>以上|超(?:え)?|より大きい|より大きな|(?:\ or|\ und|\ y|\ et)?\ (?:more|larger|mehr|mayor|plus)\b)
    |(?P<least>以下|未満|以内|より小さい))(?:的|の)?"""
)
_MEGABYTES = ("megabyte", "megabytes", "mégaoctet", "mégaoctets", "megas", "mégas", "mega", "méga")
_INCLUDED = Pattern(
    r"at least|at most|min(?:imum)?\b|max(?:imum)?\b|=|mindestens|\bab\b|chstens|bis zu|al menos|como m|au moins"
    r"|au plus|至少|以上|以下|以内",
    re.IGNORECASE,
)
_WIDER = Pattern(r"wider|breiter|anch|large", re.IGNORECASE)
_TALLER = Pattern(r"taller|h(?:ö|oe)her|alt|haut", re.IGNORECASE)
_DIMENSIONS = _pattern(
    rf"(?:(?:(?P<more>{_MORE})|(?P<less>{_LESS}))\s*)?(?<![\w.])(?P<width>\d{{3,5}})\s?[x×*]\s?(?P<height>\d{{3,5}})(?:\s?(?:px|pixels?))?(?!\w){_DEVICE}"
)

# One of these, or a digit, is in all that the patterns match.
_SIGNS = re.compile(
    "screen|bildschirm|captur|pantalla|pantallazo|截|スク|raw|rohdat|png|jpe?g|webp|gif|heic|avif|tif|bmp|format|orient|vertical|upright"
    "|horizontal|apaisad|square|quadrat|cuadrad|carr|正方|方形|竖|横|縦|纵|hochkant|[0-9]"
)

_RULES = (
    (_SCREENSHOT, "kind", SCREENSHOTS),
    (_RAW, "kind", "format = raw"),
    (_PORTRAIT, "orientation", "orientation = portrait"),
    (_LANDSCAPE, "orientation", "orientation = landscape"),
    (_SQUARE, "orientation", "orientation = square"),
)
_NOT = Pattern(
    r"(?:\b(?:no|not|without|except|kein|keine|nicht|ohne|sin|sans|pas|sauf|excepto)(?:\s+(?:in|im|en|de))?|不是|非)\s*$",
    re.IGNORECASE,
)
# Of these the form is that of what is shown: Hochformat Poster.
_SHOWN = Pattern(
    r"\s+(?:gemalt|gedruckt|gerahmt|painted|framed|printed|paintings?|prints?|posters?|frames?|canvas|leinwand"
    r"|(?:bilder)?rahmen|gem[äa]lde|plakate?|cuadros?|lienzos?|marcos?|tableaux?|cadres?|toiles?)",
    re.IGNORECASE,
)
_BEFORE = Pattern(r"(?:\b(?:as|in|im|als|en|con|of|that are|taken in)\s+)?$", re.IGNORECASE)
_BEHIND = Pattern(r"(?:的|の)?")


def kinds_in(text: str) -> Iterator[Asked]:
    """What a text asks of the form of the files, in no order."""
    if not _may_ask(text.lower()):
        return
    for pattern, kind, told in _RULES:
        for found in pattern.finditer(text):
            yield from _asked(text, found, kind, told)
    for found in _FORMAT.finditer(text):
        name = (found["format"] or found["cjk"] or found["alone"]).lower()
        yield from _asked(text, found, "kind", f"format = {_FORMAT_NAMES.get(name, name)}")
    for found in _SIZE.finditer(text):
        if size := _size(found):
            yield from _asked(text, found, "size", size)
    for found in _DIMENSIONS.finditer(text):
        sign = _sign(found) if found["more"] or found["less"] else "="
        told = f"width {sign} {found['width']} and height {sign} {found['height']}"
        yield from _asked(text, found, "size", told)


def _may_ask(text: str) -> bool:
    """Whether any of the patterns can match: most sentences need none of them compiled."""
    return _SIGNS.search(text) is not None


def _asked(text: str, found: re.Match[str], kind: str, told: str) -> Iterator[Asked]:
    if _NOT.search(text[: found.start()]) or (kind == "orientation" and _SHOWN.match(text, found.end())):
        return
    before = _BEFORE.search(text[: found.start()])
    behind = _BEHIND.match(text, found.end())
    start = before.start() if before else found.start()
    yield Asked(kind, told, start, found.start(), found.end(), behind.end() if behind else found.end())


def _size(found: re.Match[str]) -> str | None:
    number = float((found["number"] or found["number2"]).replace(",", "."))
    unit = (found["unit"] or found["unit2"]).lower()
    sign = _sign(found)
    if (unit[0] in "kmg" and unit[1:2] in ("b", "o")) or unit in _MEGABYTES:
        return f"bytes {sign} {number:g}{'k' if unit[0] == 'k' else unit[0].upper()}B"
    if unit in ("px", "像素", "ピクセル") or unit.startswith(("pixel", "píxel")):
        return _side(found, sign, number)
    scale = 0.01 if unit.startswith("万") else 1
    return f"megapixels {sign} {number * scale:g}" if unit != "兆" else f"bytes {sign} {number:g}MB"


def _sign(found: re.Match[str]) -> str:
    more = found["more"] or found.groupdict().get("over")
    return (">" if more else "<") + ("=" if _INCLUDED.search(found[0]) else "")


def _side(found: re.Match[str], sign: str, number: float) -> str | None:
    """Pixels of a side; None where it is not said of which."""
    said, asked = found["side"] or "", found["more"] or found["less"] or ""
    if said.endswith(("wide", "across", "width", "breit", "ancho", "large")) or _WIDER.search(asked):
        return f"width {sign} {number:g}"
    if said or _TALLER.search(asked):
        return f"height {sign} {number:g}"
    return None
