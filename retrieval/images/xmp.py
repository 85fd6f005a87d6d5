"""XMP reader: a packet -> what people and programs wrote about a picture (ISO 16684-1; IPTC Photo Metadata; MWG 2010).

A packet is RDF in XML. It comes from anywhere, so no DTD is accepted (and with it no entity), and size and depth have
limits. What is no XMP raises `XmpError`; a property of an unexpected shape is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

LARGEST = 8 * 1024 * 1024  # bytes of a packet; brushes of a RAW developer take hundreds of kilobytes
_DEEPEST = 16
_MOST_ENTRIES = 500  # of a list
_LONGEST_ENTRY = 200  # letters of a text in a list
_LONGEST_TEXT = 8000  # letters of any other text

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "core",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "ext",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0/": "microsoft",
    "http://ns.microsoft.com/photo/1.0": "microsoft",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo#": "MPRI",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://www.metadataworkinggroup.com/schemas/regions/": "regions",
}
_Properties = Mapping[str, Any]  # "prefix:name" -> str, a list, or properties again


class XmpError(ValueError):
    """What was given is no XMP; the message ends a sentence that begins with the packet's name."""


def read_xmp(packet: bytes) -> dict[str, Any]:
    """The facts in a packet or a sidecar, as JSON values, only those that are there; XmpError for what is none.

    title, headline, description, creator (list), copyright, keywords (list), keyword_paths (list, "Places|Portugal"),
    person (list), rating (-1: rejected, 0 to 5), label, country, country_code, state, city, sublocation, taken (ISO
    8601, local), utc_offset, latitude, longitude (degrees, WGS 84), altitude_m.
    """
    return facts_of(properties_of(packet))


def properties_of(packet: bytes) -> dict[str, Any]:
    """All properties of the namespaces that are known here."""
    if len(packet) > LARGEST:
        raise XmpError(f"is larger than {LARGEST // 2**20} MB")
    try:
        root = fromstring(as_xml(packet), forbid_dtd=True)
    except DefusedXmlException as error:
        raise XmpError("has a document type, which XMP may not have") from error
    except (ParseError, ValueError) as error:
        raise XmpError(f"is damaged: {error}") from error
    found: dict[str, Any] = {}
    blocks = [root] if root.tag == f"{_RDF}RDF" else list(root.iter(f"{_RDF}RDF"))
    if not blocks:
        raise XmpError("has no rdf:RDF in it")
    for node in (node for block in blocks for node in block):
        for name, value in _members(node, 0):
            found.setdefault(name, value)
    return found


NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*\?>")
_ENCODINGS = (  # by byte order mark, then by how "<" is written
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


def as_xml(packet: bytes) -> str:
    """A packet as text, in whatever encoding; without an XML declaration, padding and what XML may not hold."""
    encoding = next((name for start, name in _ENCODINGS if packet.startswith(start)), "utf-8")
    try:
        text = packet.decode(encoding)
    except UnicodeDecodeError:
        text = (
            packet.decode(encoding, "replace") if encoding != "utf-8" else packet.decode("cp1252", "replace")
        )
    text = _DECLARATION.sub("", NOT_XML.sub("", text), count=1)
    return text[text.find("<") : text.rfind(">") + 1]


def _members(node: Element, depth: int) -> Iterator[tuple[str, Any]]:
    """The properties of an rdf:Description, be they attributes or elements."""
    for name, text in node.attrib.items():
        if (known := _name(name)) is not None:
            yield known, text
    for child in node:
        if (known := _name(child.tag)) is not None and (value := _value(child, depth + 1)) is not None:
            yield known, value


def _name(tag: str) -> str | None:
    uri, _, local = tag[1:].partition("}")
    prefix = _PREFIXES.get(uri)
    return None if prefix is None else f"{prefix}:{local}"


def _value(node: Element, depth: int) -> Any:
    """A property's value: text, a list (of an Alt: x-default first), or properties."""
    if depth > _DEEPEST:
        return None
    inner = next((child for child in node if child.tag in (f"{_RDF}Bag", f"{_RDF}Seq", f"{_RDF}Alt")), None)
    if inner is not None:
        entries = sorted(inner, key=lambda entry: entry.get(_XML_LANG, "x-default") != "x-default")
        values = [_value(entry, depth + 1) for entry in entries]
        return [value for value in values if value is not None]
    whole = next((child for child in node if child.tag == f"{_RDF}Description"), node)
    if (plain := whole.find(f"{_RDF}value")) is not None:  # with qualifiers
        return plain.text
    members = dict(_members(whole, depth))
    return members or node.get(f"{_RDF}resource") or node.text


def facts_of(found: _Properties) -> dict[str, Any]:
    """The facts in properties; see `read_xmp`."""
    readers: Mapping[str, Callable[[], Any]] = {
        "title": lambda: _text(found, "dc:title"),
        "headline": lambda: _text(found, "photoshop:Headline"),
        "description": lambda: _text(found, "dc:description"),
        "creator": lambda: _texts(found.get("dc:creator")),
        "copyright": lambda: _text(found, "dc:rights"),
        "keywords": lambda: _keywords(found),
        "keyword_paths": lambda: _paths(found),
        "person": lambda: _persons(found),
        "rating": lambda: _rating(found),
        "label": lambda: _text(found, "xmp:Label"),
        "country": lambda: _text(found, "photoshop:Country") or _place(found, "ext:CountryName"),
        "country_code": lambda: _text(found, "core:CountryCode") or _place(found, "ext:CountryCode"),
        "state": lambda: _text(found, "photoshop:State") or _place(found, "ext:ProvinceState"),
        "city": lambda: _text(found, "photoshop:City") or _place(found, "ext:City"),
        "sublocation": lambda: _text(found, "core:Location") or _place(found, "ext:Sublocation"),
    }
    facts = {name: value for name, read in readers.items() if (value := read()) not in (None, "", [])}
    return facts | _taken(found) | _position(found)


def one_line(text: Any, longest: int = _LONGEST_TEXT) -> str | None:
    """Text as people see it, on one line; None for nothing."""
    if not isinstance(text, str):
        return None
    return " ".join(NOT_XML.sub(" ", text).split())[:longest].strip() or None


def distinct(texts: Iterator[Any] | list[Any]) -> list[str]:
    """Texts as entries of a list, each once, as far as is kept."""
    kept = dict.fromkeys(text for text in (one_line(entry, _LONGEST_ENTRY) for entry in texts) if text)
    return list(kept)[:_MOST_ENTRIES]


def _text(found: _Properties, name: str) -> str | None:
    value = found.get(name)
    return one_line(value[0] if isinstance(value, list) and value else value)


def _texts(value: Any) -> list[str]:
    return distinct(value if isinstance(value, list) else [value])


def _keywords(found: _Properties) -> list[str]:
    """dc:subject, or the ends of the hierarchies where a program wrote only these."""
    return _texts(found.get("dc:subject")) or distinct([path.rpartition("|")[2] for path in _paths(found)])


def _paths(found: _Properties) -> list[str]:
    """Hierarchies from the top, parted by `|` as Lightroom has them; single words are none."""
    levels = _texts(found.get("lr:hierarchicalSubject"))
    for name in ("digiKam:TagsList", "microsoft:LastKeywordXMP"):
        levels += [path.replace("/", "|") for path in _texts(found.get(name))]
    return distinct([path.strip("|") for path in levels if "|" in path.strip("|")])


def _persons(found: _Properties) -> list[str]:
    """Names of face regions (MWG, Microsoft), and of IPTC's persons shown."""
    marked = _listed(_inside(found, "regions:Regions", "regions:RegionList"))
    faces = [
        face.get("regions:Name") for face in marked if one_line(face.get("regions:Type")) in (None, "Face")
    ]
    tagged = _listed(_inside(found, "MP:RegionInfo", "MPRI:Regions"))
    faces += [face.get("MPReg:PersonDisplayName") for face in tagged]
    return distinct([*faces, *_texts(found.get("ext:PersonInImage"))])


def _inside(found: _Properties, name: str, inner: str) -> Any:
    value = found.get(name)
    return value.get(inner) if isinstance(value, Mapping) else None


def _listed(value: Any) -> list[_Properties]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, Mapping)]


_MICROSOFT_STARS = ((99, 5), (75, 4), (50, 3), (25, 2), (1, 1))


def _rating(found: _Properties) -> int | float | None:
    stars = _number(_text(found, "xmp:Rating"))
    if stars is not None:
        return (int(stars) if stars == int(stars) else stars) if -1 <= stars <= 5 else None
    percent = _number(_text(found, "microsoft:Rating"))
    return next((stars for least, stars in _MICROSOFT_STARS if percent and percent >= least), None)


def _place(found: _Properties, name: str) -> str | None:
    """Of IPTC's structures: where it was taken, else what is shown."""
    for structure in ("ext:LocationCreated", "ext:LocationShown"):
        for place in _listed(found.get(structure)):
            if (text := _text(place, name)) is not None:
                return text
    return None


def _number(text: str | None) -> float | None:
    """A finite decimal number or a fraction."""
    found = re.fullmatch(r"\s*([+-]?\d{1,12}(?:\.\d*)?)(?:/(\d{1,12}))?\s*", text or "", re.ASCII)
    if found is None or (found[2] and not int(found[2])):
        return None
    return float(found[1]) / int(found[2] or 1)


_DATES = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate", "exif:DateTimeDigitized")
_MOMENT = re.compile(
    r"(\d{4})(?:[-:](\d\d)(?:[-:](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?)?)?\s*(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)


def _taken(found: _Properties) -> dict[str, Any]:
    for name in _DATES:
        if moment := read_moment(_text(found, name) or ""):
            return moment
    return {}


def read_moment(text: str) -> dict[str, Any]:
    """`taken`, as precise as was written (XMP allows a year alone), and `utc_offset`; nothing for no date."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return {}
    given = [int(part) for part in match.groups()[:6] if part is not None]
    try:
        moment = datetime(*[*given, *[1] * (3 - len(given))]).isoformat()  # type: ignore[arg-type]
    except ValueError:
        return {}
    taken = {"taken": moment[:4] if len(given) == 1 else moment[:7] if len(given) == 2 else moment}
    zone = match[7]
    if zone is None or len(given) < 4:
        return taken
    offset = "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}"
    return {**taken, "utc_offset": offset} if int(offset[1:3]) <= 14 and int(offset[4:]) < 60 else taken


def _position(found: _Properties) -> dict[str, Any]:
    latitude = _degrees(_text(found, "exif:GPSLatitude"), "NS", 90)
    longitude = _degrees(_text(found, "exif:GPSLongitude"), "EW", 180)
    if latitude is None or longitude is None or not (latitude or longitude):  # 0, 0 is "no fix yet"
        return {}
    facts: dict[str, Any] = {"latitude": latitude, "longitude": longitude}
    height = _number(_text(found, "exif:GPSAltitude"))
    if height is not None:
        facts["altitude_m"] = round(-height if _text(found, "exif:GPSAltitudeRef") == "1" else height, 2)
    return facts


def _degrees(text: str | None, sides: str, most: int) -> float | None:
    """`38,42.5N` or `38,42,30N`, or decimal degrees as careless programs write them."""
    found = re.fullmatch(rf"([\d.,\s-]+?)\s*([{sides}]?)", text or "", re.ASCII)
    parts = [_number(part) for part in found[1].split(",")] if found else []
    if found is None or not 1 <= len(parts) <= 3:
        return None
    value: float = sum(abs(part) / 60**power for power, part in enumerate(parts) if part is not None)
    if None in parts or value > most:
        return None
    return round(-value if found[2] == sides[1] or found[1].startswith("-") else value, 7)
