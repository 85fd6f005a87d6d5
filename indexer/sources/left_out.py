"""Files that a listing leaves out, by kind: videos, RAW photos without their decoder, documents, hidden pictures, …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from vasari.retrieval.storage.local_files import RAW_SUFFIXES


class LeftOut(StrEnum):
    """What a file is that is not taken for a picture."""

    RAW = "raw"
    VIDEO = "video"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    TABLE = "table"
    DRAWING = "drawing"
    LAYERED = "layered"
    OTHER_PICTURE = "other_picture"
    HIDDEN = "hidden"
    IGNORED = "ignored"
    OTHER = "other"


class _Words(NamedTuple):
    one: str
    many: str
    remedy: str = ""


_WORDS = {
    LeftOut.RAW: _Words("RAW", "RAW", "pip install 'vasari[raw]'"),
    LeftOut.VIDEO: _Words("video", "videos"),
    LeftOut.DOCUMENT: _Words("document", "documents"),
    LeftOut.ARCHIVE: _Words("archive", "archives", "index it by its own path"),
    LeftOut.TABLE: _Words("table", "tables", "index it by its own path"),
    LeftOut.DRAWING: _Words("vector drawing", "vector drawings"),
    LeftOut.LAYERED: _Words("layered picture", "layered pictures", "export it as PNG"),
    LeftOut.OTHER_PICTURE: _Words("picture of another format", "pictures of other formats"),
    LeftOut.HIDDEN: _Words("hidden", "hidden", "--hidden takes them"),
    LeftOut.IGNORED: _Words("ignored", "ignored", "by .vasariignore, .nomedia or --exclude"),
    LeftOut.OTHER: _Words("other file", "other files"),
}
# fmt: off
_SUFFIXES: dict[LeftOut, str] = {
    LeftOut.VIDEO: "mp4 mov avi mkv webm m4v mpg mpeg 3gp mts m2ts wmv flv ogv",
    LeftOut.DOCUMENT: "pdf doc docx odt rtf ppt pptx odp xls xlsx ods epub key pages",
    LeftOut.ARCHIVE: "zip tar gz tgz bz2 tbz2 xz txz zst tzst 7z rar cbz cbr",
    LeftOut.TABLE: "csv tsv jsonl ndjson parquet arrow",
    LeftOut.DRAWING: "svg svgz ai eps emf wmf dxf",
    LeftOut.LAYERED: "psd psb xcf kra afphoto clip",
    LeftOut.OTHER_PICTURE: "jxl jp2 j2k jpf ico icns exr hdr tga pcx ppm pgm pbm pnm dds fits djvu",
}
# fmt: on
_KINDS = {f".{suffix}": kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_KINDS |= dict.fromkeys(RAW_SUFFIXES, LeftOut.RAW)


def kind_of_file(suffix: str) -> LeftOut:
    """What a file with this ending (with its dot, in small letters) is, where it is not taken."""
    return _KINDS.get(suffix, LeftOut.OTHER)


def in_words(counts: Mapping[str, int], *, all_kinds: bool = False) -> str:
    """`2 files skipped: 1 RAW (pip install 'vasari[raw]'), 1 video`; empty where there is nothing to say.

    Files that nobody takes for pictures (texts, programs) are told of with `all_kinds` only.
    """
    told = {kind: counts.get(kind, 0) for kind in LeftOut if all_kinds or kind is not LeftOut.OTHER}
    parts = list(_parts(told))
    total = sum(told.values())
    return f"{total:,} file{'s' if total > 1 else ''} skipped: {', '.join(parts)}" if parts else ""


def _parts(counts: Mapping[LeftOut, int]) -> Iterator[str]:
    for kind, count in counts.items():
        if count:
            words = _WORDS[kind]
            remedy = f" ({words.remedy})" if words.remedy else ""
            yield f"{count:,} {words.one if count == 1 else words.many}{remedy}"
