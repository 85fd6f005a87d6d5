"""Base of row sources: pictures named by the rows of tables, COCO annotations and saved datasets.

Rows of one picture are one candidate with all their captions. Local pictures are looked at; a URL is not asked for
anything until its turn comes, and is taken to be unchanged for as long as its row is. What is wrong with a row goes
to the ledger of failures under `FILE#row/17`, the first row being 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from unicodedata import normalize

from vasari.indexer.sources.source import UNKNOWN_SIZE, Candidate, stamp_of
from vasari.retrieval.domain import Caption, Modality, Skipped
from vasari.retrieval.errors import ImageError, NotFoundError, UsageError, VasariError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.file_names import on_disk
from vasari.retrieval.storage.filesystem import Stat, readable, stat_of
from vasari.retrieval.storage.local_files import check_inside, printable
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.text_files import is_shallow, plain
from vasari.retrieval.storage.uris import is_url, locate, member_uri, uri_of

_LONGEST_NAME = 4096  # bytes: no system has longer paths, and few servers longer URLs
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+[;,]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a picture with what is said about it, or the reason why it cannot be used.

    `image` is a URL or path as written; without one, `column` is the file's own column that holds the picture.
    """

    number: int  # the first is 1
    image: str | None = None
    column: str | None = None
    captions: tuple[Caption, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    trouble: str | None = None
    noun: str | None = None  # where it is no row: "annotation"
    part: int | None = None  # the picture's place, from 1, where a row has several


@dataclass(slots=True)
class _Named:
    """A picture as far as the rows were read."""

    row: Row
    captions: dict[Caption, None]
    attributes: dict[str, Any]


class RowSource:
    """Lists the pictures of `files` (paths or URLs); what a row is, the reader of each kind of file says."""

    modality = Modality.IMAGE

    noun = "row"
    left_out: Mapping[str, int] = MappingProxyType({})  # rows name pictures, or are failures

    def __init__(self, files: Sequence[str], *, limits: ImageLimits | None = None) -> None:
        self._files = list(dict.fromkeys(files))
        self._limits = limits or ImageLimits()
        self._complete: set[str] = set()

    @property
    def roots(self) -> None:
        """Rows may name pictures anywhere."""
        return

    @property
    def places(self) -> Sequence[str]:
        """The files."""
        return tuple(self._files)

    def rows(self, file: str) -> Iterator[Row]:
        """The rows of a file; raises UsageError where it cannot be understood at all.

        What makes it end early (ImageError, OSError) costs the rows that were not read, and no others.
        """
        raise UsageError(f"{file} has no rows")  # for the readers of each kind of file to say otherwise

    def folders(self, file: str) -> Sequence[str]:
        """Where pictures named by relative paths are looked for."""
        return (parent(file),)

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """File by file, in the order in which pictures are first named; UsageError where no file can be understood."""
        self._complete.clear()
        seen: set[str] = set()
        useless: VasariError | None = None
        for file in self._files:
            try:
                with readable(UsageError):
                    facts = stat_of(file)
                    yield from self._of_file(file, facts, seen)
                self._complete.add(file)
            except ImageError as error:
                yield Skipped(file, "list", str(error))
            except UsageError as error:
                useless = error
                yield Skipped(file, "list", str(error))
        if useless is not None and len(self._files) == 1:
            raise useless

    def covers(self, uri: str) -> bool:
        """Rows speak for what their own file holds, and for nothing else: other pictures stay when a row goes."""
        return locate(uri).file in self._complete

    def read(self, candidate: Candidate) -> bytes:
        """The picture's bytes."""
        return open_original(candidate.uri, self._limits)

    def _of_file(self, file: str, facts: Stat, seen: set[str]) -> Iterator[Candidate | Skipped]:
        """Troubles as they are met, then the pictures; what ended the reading early is raised after these."""
        named: dict[str, _Named] = {}
        early: ImageError | None = None
        try:
            with readable(UsageError):
                yield from self._gathered(file, named)
        except ImageError as error:
            early = error
        for uri, entry in named.items():
            if uri not in seen:  # a file before this one named it
                seen.add(uri)
                yield self._candidate(file, facts, uri, entry)
        if early is not None:
            raise early

    def _gathered(self, file: str, named: dict[str, _Named]) -> Iterator[Skipped]:
        """Put the file's pictures into `named`."""
        folders = self.folders(file)
        for row in self.rows(file):
            if row.trouble is not None:
                yield self._trouble(file, row, row.trouble)
                continue
            try:
                uri = self._uri(file, row, folders)
            except UsageError as error:
                yield self._trouble(file, row, str(error))
                continue
            entry = named.setdefault(uri, _Named(row, {}, {}))
            entry.captions.update(dict.fromkeys(row.captions))
            entry.attributes.update(row.attributes)

    def _uri(self, file: str, row: Row, folders: Sequence[str]) -> str:
        if deep := next((name for name, value in row.attributes.items() if not is_shallow(value)), None):
            raise UsageError(f"{deep} is nested too deeply")
        if row.column is not None:
            part = f"/{row.part}" if row.part is not None else ""
            return member_uri(file, f"{row.column}/{row.number}{part}")
        return resolve(row.image, folders)

    def _trouble(self, file: str, row: Row, reason: str) -> Skipped:
        place = f"{row.noun or 'row'}/{row.number}"
        return Skipped(member_uri(file, place), "list", f"{self._origin(file, row)}: {reason}")

    def _candidate(self, file: str, facts: Stat, uri: str, entry: _Named) -> Candidate | Skipped:
        origin = self._origin(file, entry.row)
        captions = tuple(entry.captions)
        if entry.row.column is not None:
            found = Stat(UNKNOWN_SIZE, facts.mtime_ns)
        elif is_url(uri):
            found = Stat(UNKNOWN_SIZE, 0)
        else:
            try:
                found = stat_of(locate(uri).file)
            except (OSError, ValueError, NotFoundError, ImageError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                return Skipped(uri, "read", f"cannot be read: {reason.lower()} ({origin})")
            if locate(uri).member is not None:
                found = found._replace(bytes=UNKNOWN_SIZE)
        stamp = 0
        if captions or entry.attributes:
            stamp = stamp_of((captions, sorted(entry.attributes.items(), key=lambda pair: pair[0])))
        return Candidate(
            uri,
            found.bytes,
            found.mtime_ns,
            found.ctime_ns,
            captions,
            entry.attributes,
            origin=origin,
            teller=file,
            stamp=stamp,
        )

    def _origin(self, file: str, row: Row) -> str:
        return f"{row.noun or self.noun} {row.number} of {file.rpartition('/')[2]}"


def resolve(image: str | None, folders: Sequence[str]) -> str:
    """The uri of a picture as a row names it: a URL or absolute path, or the first of `folders` that has it.

    Where nothing has that very name, it is looked for without the spaces around it, with Windows' separators as ours,
    with bytes that are no UTF-8 as Windows-1252, and with accented letters composed and decomposed (as on Macs).
    Raises UsageError for what names no file here.
    """
    written = image or ""
    if _DATA.match(written):
        raise UsageError("a data: URI holds the picture itself: give its path, or write the table as Parquet")
    if len(written) > _LONGEST_NAME:
        raise UsageError(f"{printable(written[:40])}… is no path: it has {len(written):,} characters")
    name = uri_of(written.strip())
    if is_url(name):
        return name
    places = [_joined(folder, spelled) for spelled in _spellings(written, name) for folder in folders]
    if len(places) > 1:
        found = next((path for path in places if _is_there(path)), None) or _in_accented_folder(places)
        return found or _joined(folders[0], name)
    return places[0]


def parent(file: str) -> str:
    """The folder, or URL of the folder, that a file lies in."""
    return file.rpartition("/")[0]


def _spellings(written: str, name: str) -> list[str]:
    if name != written.strip():  # a file: URI says exactly what it means
        return [name]
    slashed = name.replace("\\", "/")
    spelled = (written, name, slashed, plain(name), plain(slashed))
    if name.isascii():
        return list(dict.fromkeys(spelled))
    accented = (normalize(form, text) for text in spelled for form in ("NFC", "NFD"))
    return list(dict.fromkeys((*spelled, *accented)))


def _in_accented_folder(places: Sequence[str]) -> str | None:
    """The first that is there when folders may be spelled in other letters than the file in them."""
    for path in places:
        folder, _, file = path.rpartition("/")
        if not (folder.isascii() or is_url(path)) and _is_there(other := f"{on_disk(folder)}/{file}"):
            return other
    return None


def _is_there(path: str) -> bool:
    try:
        if is_url(path):
            return False
        file = locate(path).file
        check_inside(file)
        return os.path.lexists(file)
    except (ValueError, ImageError):  # a NUL; a place of which nothing is told
        return False


def _joined(folder: str, name: str) -> str:
    if name.startswith("/"):
        return name
    return f"{folder}/{name}" if is_url(folder) else os.path.normpath(f"{folder}/{name}")
