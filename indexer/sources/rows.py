"""Pictures named by the rows of files: what tables, COCO annotations and saved datasets have in common.

Rows of one picture are one candidate with all their captions. Local pictures are looked at; a URL is not asked for
anything until its turn comes, and is taken to be unchanged for as long as its row is. What is wrong with a row goes
to the ledger of failures under `FILE#row/17`, the first row being 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.sources.source import UNKNOWN_SIZE, Candidate, stamped
from retrieval.domain import Caption, Skipped
from retrieval.errors import ImageError, NotFoundError, UsageError
from retrieval.imaging.limits import ImageLimits
from retrieval.originals.files import Stat, readable, stat_of
from retrieval.originals.opening import open_original
from retrieval.originals.uris import is_url, locate, member_uri


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


@dataclass(slots=True)
class _Named:
    """A picture as far as the rows were read."""

    row: Row
    captions: dict[Caption, None]
    attributes: dict[str, Any]


class RowSource:
    """Lists the pictures of `files` (paths or URLs); what a row is, the reader of each kind of file says."""

    noun = "row"

    def __init__(self, files: Sequence[str], *, limits: ImageLimits | None = None) -> None:
        self._files = list(dict.fromkeys(files))
        self._limits = limits or ImageLimits()
        self._complete: set[str] = set()

    @property
    def roots(self) -> None:
        """Rows may name pictures anywhere."""
        return

    def rows(self, file: str) -> Iterator[Row]:
        """The rows of a file; raises UsageError where it cannot be understood at all."""
        raise UsageError(f"{file} has no rows")  # for the readers of each kind of file to say otherwise

    def folders(self, file: str) -> Sequence[str]:
        """Where pictures named by relative paths are looked for."""
        return (parent(file),)

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """File by file, in the order in which pictures are first named; UsageError where no file can be understood."""
        self._complete.clear()
        seen: set[str] = set()
        useless: UsageError | None = None
        for file in self._files:
            try:
                with readable():
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
        named: dict[str, _Named] = {}
        folders = self.folders(file)
        for row in self.rows(file):
            if row.trouble is not None:
                yield Skipped(
                    member_uri(file, f"row/{row.number}"), "list", f"{self._origin(file, row)}: {row.trouble}"
                )
                continue
            uri = (
                member_uri(file, f"{row.column}/{row.number}") if row.column else resolve(row.image, folders)
            )
            entry = named.setdefault(uri, _Named(row, {}, {}))
            entry.captions.update(dict.fromkeys(row.captions))
            entry.attributes.update(row.attributes)
        for uri, entry in named.items():
            if uri not in seen:  # a file before this one named it
                seen.add(uri)
                yield self._candidate(file, facts, uri, entry)

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
            except (OSError, ValueError, NotFoundError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                return Skipped(uri, "read", f"cannot be read: {reason.lower()} ({origin})")
            if locate(uri).member is not None:
                found = found._replace(bytes=UNKNOWN_SIZE)
        stamp = stamped(
            found.mtime_ns, (captions, sorted(entry.attributes.items(), key=lambda pair: pair[0]))
        )
        return Candidate(uri, found.bytes, stamp, found.ctime_ns, captions, entry.attributes, origin=origin)

    def _origin(self, file: str, row: Row) -> str:
        return f"{self.noun} {row.number} of {file.rpartition('/')[2]}"


def resolve(image: str | None, folders: Sequence[str]) -> str:
    """The uri of a picture as a row names it: a URL or absolute path, or the first of `folders` that has it."""
    name = (image or "").removeprefix("file://")
    if is_url(name) or name.startswith("/"):
        return name
    found = [_joined(folder, name) for folder in folders]
    if len(found) > 1:
        found = [path for path in found if not is_url(path) and os.path.exists(locate(path).file)] or found  # noqa: PTH110
    return found[0]


def parent(file: str) -> str:
    """The folder, or URL of the folder, that a file lies in."""
    return file.rpartition("/")[0]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if is_url(folder) else os.path.normpath(f"{folder}/{name}")
