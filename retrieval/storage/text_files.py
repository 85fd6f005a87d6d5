"""Text files as programs and people write them: encodings, compression, and what is no text at all.

A byte order mark decides; UTF-16 without one is known by its zeros. Anything else is UTF-8, and bytes that are not
survive as they do in file names (surrogate escapes), so that a name still leads to its file; `plain` turns what is
for reading into what Windows meant by it.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, TextIO

from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.images.headers import sniff
from vasari.retrieval.storage.filesystem import opened

_HEAD = 4096
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PACKED = (".gz", ".bz2", ".xz")  # suffixes of files that are unpacked
_UNPACKING: tuple[tuple[re.Pattern[bytes], Callable[[IO[bytes]], Any]], ...] = (
    (re.compile(rb"\x1f\x8b"), gzip.open),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.open),  # the latter where there is nothing in it
    (re.compile(rb"\xfd7zXZ\0"), lzma.open),
)
_NO_TEXT = (
    (b"PK\x03\x04", "a ZIP archive (a workbook? save it as CSV)"),
    (b"PAR1", "a Parquet file: give it the suffix .parquet"),
    (b"ARROW1", "an Arrow file: give it the suffix .arrow"),
    (b"FEA1", "a Feather file: give it the suffix .feather"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard: unpack it, or pack it by gzip, bzip2 or xz"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save it as CSV"),
    (b"SQLite format 3\0", "a database"),
)
_SURROGATE = re.compile("[\udc80-\udcff]+")
_DEEPEST = 32  # levels of a JSON value: SQLite refuses to search in 1,000, and Python to write them


@contextmanager
def opened_text(file: str) -> Iterator[TextIO]:
    """A text file or URL open for reading, lines as they are; gzip, bzip2 and xz are unpacked, whatever it is called.

    Raises OSError and NotFoundError for one that cannot be opened, UsageError for bytes that are no text.
    """
    with opened(file) as handle, ExitStack() as stack:
        data: Any = handle
        head = head_of(data)
        if unpacked := next((unpack for magic, unpack in _UNPACKING if magic.match(head)), None):
            data = stack.enter_context(unpacked(handle))
            head = head_of(data)
        if what := _no_text(head):
            raise UsageError(f"{file} is no text: it is {what}")
        encoding = _encoding(head)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        yield io.TextIOWrapper(data, encoding=encoding, errors=errors, newline="")


def as_text(data: bytes) -> str:
    """The text in these bytes, as `opened_text` reads it, with what is no UTF-8 as Windows meant it."""
    encoding = _encoding(data[:_HEAD])
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return plain(data.decode(encoding, errors))


def head_of(handle: IO[bytes]) -> bytes:
    """The first bytes of an open file, which stays at its beginning."""
    if isinstance(handle, io.BufferedReader | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile):
        return handle.peek(_HEAD)[:_HEAD]
    head = handle.read(_HEAD)
    handle.seek(0)
    return head


def plain(text: str) -> str:
    """Text for reading: bytes that were no UTF-8 as Windows-1252, which Excel writes."""
    if text.isascii():
        return text
    return _SURROGATE.sub(
        lambda found: found[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace"), text
    )


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError says what is wrong, also with what is nested too deeply."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not valid JSON ({error})") from error
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    if not is_shallow(value, _DEEPEST):
        raise ValueError(f"its JSON is nested more than {_DEEPEST} levels deep")
    return value


def is_shallow(value: object, levels: int = _DEEPEST) -> bool:
    """Whether lists and objects are nested at most so deep."""
    if not isinstance(value, dict | list):
        return True
    below = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(is_shallow(entry, levels - 1) for entry in below)


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) // 6 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) // 6 and not odd else "utf-8"


def _no_text(head: bytes) -> str:
    for magic, what in _NO_TEXT:
        if head.startswith(magic):
            return what
    if head[:2] == b"BM":  # a bitmap, or a word
        return ""
    try:
        return f"a {sniff(head).upper()} picture"
    except ImageError:
        return ""
