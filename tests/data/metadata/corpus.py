"""A corpus of metadata as exiftool writes it: each field, in each carrier, in each spelling, and broken.

The table says what is written and what is to be read. `python -m tests.data.metadata.corpus` makes `corpus.zip` from it
(with exiftool, Debian's libimage-exiftool-perl); the tests read the zip, so that they need no exiftool.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

ARCHIVE = Path(__file__).with_name("corpus.zip")


@dataclass(frozen=True)
class Case:
    """A file to be made: what exiftool is told, what is done to its bytes then, and what is to be read."""

    name: str  # with the suffix of its carrier
    told: tuple[str, ...]
    expected: Mapping[str, Any] | None  # None: refused, with a note
    damage: Callable[[bytes], bytes] = field(default=lambda data: data)


_MOMENT = {"taken": "2018-05-01T12:30:45", "utc_offset": "+02:00"}
_GPS = ("-XMP-exif:GPSLatitude=38.7223N", "-XMP-exif:GPSLongitude=9.1393W")
_FACES = "{RegionList=[{Name=Änne,Type=Face},{Name=Rex,Type=Pet},{Name=Bob,Type=Face}]}"
_CREATED = "{City=Évora,CountryName=Portugal,CountryCode=PT,ProvinceState=Alentejo,Sublocation=Old Town}"
_LEVELS = ["Places|Portugal|Lisbon", "People|Änne"]
XMP: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "keywords": (("-XMP-dc:Subject=Hafen", "-XMP-dc:Subject=été"), {"keywords": ["Hafen", "été"]}),
    "paths": (
        tuple(f"-XMP-lr:HierarchicalSubject={path}" for path in _LEVELS),
        {"keyword_paths": _LEVELS, "keywords": ["Lisbon", "Änne"]},
    ),
    "digikam": (
        ("-XMP-digiKam:TagsList=Places/Portugal", "-XMP-dc:Subject=Portugal"),
        {"keyword_paths": ["Places|Portugal"], "keywords": ["Portugal"]},
    ),
    "title": (("-XMP-dc:Title=Boote & «Möwen»",), {"title": "Boote & «Möwen»"}),
    "title-languages": (
        ("-XMP-dc:Title-de=Boot", "-XMP-dc:Title=Boat", "-XMP-dc:Title-fr=Bateau"),
        {"title": "Boat"},
    ),
    "description": (("-XMP-dc:Description=日落时的小红船",), {"description": "日落时的小红船"}),
    "headline": (("-XMP-photoshop:Headline=Regatta",), {"headline": "Regatta"}),
    "creator": (("-XMP-dc:Creator=Ada", "-XMP-dc:Creator=Bär"), {"creator": ["Ada", "Bär"]}),
    "copyright": (("-XMP-dc:Rights=© Ada",), {"copyright": "© Ada"}),
    "rating": (("-XMP-xmp:Rating=4",), {"rating": 4}),
    "rejected": (("-XMP-xmp:Rating=-1",), {"rating": -1}),
    "rating-percent": (("-XMP-microsoft:RatingPercent=75",), {"rating": 4}),
    "label": (("-XMP-xmp:Label=Red",), {"label": "Red"}),
    "country": (
        ("-XMP-photoshop:Country=Portugal", "-XMP-iptcCore:CountryCode=PT"),
        {"country": "Portugal", "country_code": "PT"},
    ),
    "state": (("-XMP-photoshop:State=Lisboa",), {"state": "Lisboa"}),
    "city": (("-XMP-photoshop:City=São João",), {"city": "São João"}),
    "sublocation": (("-XMP-iptcCore:Location=Cais",), {"sublocation": "Cais"}),
    "location-created": (
        (f"-XMP-iptcExt:LocationCreated={_CREATED}",),
        {
            "city": "Évora",
            "country": "Portugal",
            "country_code": "PT",
            "state": "Alentejo",
            "sublocation": "Old Town",
        },
    ),
    "taken": (("-XMP-photoshop:DateCreated=2018:05:01 12:30:45+02:00",), _MOMENT),
    "taken-exif": (
        ("-XMP-exif:DateTimeOriginal=2018:05:01 12:30:45", "-XMP-xmp:CreateDate=2020:01:01 00:00:00"),
        {"taken": "2018-05-01T12:30:45"},
    ),
    "month": (("-XMP-photoshop:DateCreated=2018:05",), {"taken": "2018-05"}),
    "gps": (
        (*_GPS, "-XMP-exif:GPSAltitude=12.5", "-XMP-exif:GPSAltitudeRef#=1"),
        {"latitude": 38.7223, "longitude": -9.1393, "altitude_m": -12.5},
    ),
    "faces": ((f"-XMP-mwg-rs:RegionInfo={_FACES}",), {"person": ["Änne", "Bob"]}),
    "faces-microsoft": (
        ("-XMP-MP:RegionInfoMP={Regions=[{PersonDisplayName=Änne},{PersonDisplayName=Bob}]}",),
        {"person": ["Änne", "Bob"]},
    ),
    "person-shown": (("-XMP-iptcExt:PersonInImage=Änne",), {"person": ["Änne"]}),
}
IPTC: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "keywords": (("-IPTC:Keywords=Hafen", "-IPTC:Keywords=été"), {"keywords": ["Hafen", "été"]}),
    "title": (("-IPTC:ObjectName=Möwen",), {"title": "Möwen"}),
    "description": (("-IPTC:Caption-Abstract=Ein Café",), {"description": "Ein Café"}),
    "headline": (("-IPTC:Headline=Régate",), {"headline": "Régate"}),
    "creator": (("-IPTC:By-line=Bär",), {"creator": ["Bär"]}),
    "copyright": (("-IPTC:CopyrightNotice=© Bär",), {"copyright": "© Bär"}),
    "country": (
        ("-IPTC:Country-PrimaryLocationName=Österreich", "-IPTC:Country-PrimaryLocationCode=AUT"),
        {"country": "Österreich", "country_code": "AUT"},
    ),
    "state": (("-IPTC:Province-State=Kärnten",), {"state": "Kärnten"}),
    "city": (("-IPTC:City=München",), {"city": "München"}),
    "sublocation": (("-IPTC:Sub-location=Bühl",), {"sublocation": "Bühl"}),
    "taken": (("-IPTC:DateCreated=2018:05:01", "-IPTC:TimeCreated=12:30:45+02:00"), _MOMENT),
}
_CHARSETS = {
    "said": ("-charset", "iptc=UTF8", "-IPTC:CodedCharacterSet=UTF8"),
    "utf8": ("-charset", "iptc=UTF8"),
    "latin": ("-charset", "iptc=Latin"),
}
_SOME = ("keywords", "title", "rating", "faces")
_ALL = tuple(one for name in _SOME for one in XMP[name][0])
_ALL_READ = {key: value for name in _SOME for key, value in XMP[name][1].items()}
_SHORT = ("-api", "Compact=Shorthand")
_DTD = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


def _recoded(encoding: str) -> Callable[[bytes], bytes]:
    return lambda data: data.decode().replace("\ufeff", "").encode(encoding)


def _swapped(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Within what a JPEG holds only as many bytes may stand as before."""

    def swap(data: bytes) -> bytes:
        if old not in data:
            raise ValueError(f"no {old!r} to be damaged")
        return data.replace(old, new)

    return swap


def cases() -> list[Case]:
    """The whole table."""
    found = [
        Case(f"xmp-{name}.{carrier}", told, read)
        for name, (told, read) in XMP.items()
        for carrier in ("jpg", "png", "tif", "webp", "xmp")
    ]
    found += [
        Case(f"iptc-{name}-{charset}.jpg", (*how, *told), read)
        for name, (told, read) in IPTC.items()
        for charset, how in _CHARSETS.items()
    ]
    found += [
        Case(f"iptc-{name}.{carrier}", (*_CHARSETS["said"], *told), read)
        for name, (told, read) in IPTC.items()
        for carrier in ("png", "tif")
    ]
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"):
        found.append(Case(f"encoding-{encoding}.xmp", _ALL, _ALL_READ, _recoded(encoding)))
    found += [
        Case("encoding-cp1252.xmp", _ALL, _ALL_READ, _recoded("cp1252")),
        Case("shorthand.xmp", (*_SHORT, *_ALL), _ALL_READ),
        Case("shorthand.jpg", (*_SHORT, *_ALL), _ALL_READ),
        Case(
            "both.jpg",
            (*_CHARSETS["latin"], *XMP["keywords"][0], "-IPTC:Keywords=other", *IPTC["city"][0]),
            {"keywords": ["Hafen", "été"], "city": "München"},
        ),
        Case(
            "camera-first.jpg",
            (
                "-EXIF:DateTimeOriginal=2017:01:02 03:04:05",
                "-EXIF:ImageDescription=camera",
                *XMP["taken"][0],
                *XMP["description"][0],
            ),
            {"taken": "2017-01-02T03:04:05", "description": "日落时的小红船"},
        ),
        Case(
            "zone-of-the-same-time.jpg",
            ("-EXIF:DateTimeOriginal=2018:05:01 12:30:45", *XMP["taken"][0]),
            _MOMENT,
        ),
        Case("exif-rating.jpg", ("-EXIF:Rating=3",), {"rating": 3}),
        Case("broken-tag.xmp", _ALL, None, _swapped(b"</rdf:RDF>", b"</rdf:RDX>")),
        Case("broken-tag.jpg", _ALL, None, _swapped(b"</rdf:RDF>", b"</rdf:RDX>")),
        Case("broken-prefix.jpg", _ALL, None, _swapped(b"xmlns:dc=", b"xmlns:dd=")),
        Case("broken-tag.tif", _ALL, None, _swapped(b"</rdf:RDF>", b"</rdf:RDX>")),
        Case("broken-tag.webp", _ALL, None, _swapped(b"</rdf:RDF>", b"</rdf:RDX>")),
        Case("cut.xmp", _ALL, None, lambda data: data[: len(data) // 2]),
        Case("no-rdf.xmp", _ALL, None, lambda _: b"<html><body>not found</body></html>"),
        Case("empty.xmp", _ALL, None, lambda _: b""),
        Case("binary.xmp", _ALL, None, lambda _: bytes(range(256))),
        Case("entities.xmp", _ALL, None, lambda data: _DTD + data[data.index(b"<x:xmpmeta") :]),
        Case("controls.xmp", _ALL, _ALL_READ, _swapped(b"Hafen", b"Ha\x01fen")),
        Case("padded.xmp", _ALL, _ALL_READ, lambda data: b"\0\0 junk" + data + b"\0" * 99),
        Case(
            "iptc-cut.jpg",
            (*_CHARSETS["latin"], *IPTC["title"][0], *IPTC["city"][0]),
            {"title": "Möwen"},
            _swapped(b"\x1c\x02\x5a\x00\x07", b"\x1b\x02\x5a\x00\x07"),
        ),
        Case("nothing.jpg", (), {}),
    ]
    return found


def main() -> None:
    """Write the archive."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        told: list[str] = []
        for case in cases():
            file = place / case.name
            if file.suffix != ".xmp":
                file.write_bytes(_picture(file.suffix))
            if case.told:
                plain = [*case.told, "-api", "Compact=NoPadding"] if "-api" not in case.told else case.told
                told += ["-q", "-overwrite_original", *plain, str(file), "-execute"]
        (place / "told").write_text("\n".join(told), "utf-8")
        subprocess.run(["exiftool", "-@", str(place / "told")], check=True)
        with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for case in cases():
                written = case.damage((place / case.name).read_bytes())
                archive.writestr(zipfile.ZipInfo(case.name), written, zipfile.ZIP_DEFLATED)
    sys.stdout.write(f"{len(cases())} files, {ARCHIVE.stat().st_size:,} bytes\n")


def _picture(suffix: str) -> bytes:
    buffer = io.BytesIO()
    kind = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}[suffix]
    Image.new("RGB", (8, 8), (200, 30, 30)).save(buffer, kind)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
