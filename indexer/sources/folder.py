"""Pictures in folders, listed with one `scandir` a folder and one `stat` a picture."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import translate
from operator import attrgetter
from pathlib import Path

from vasari.indexer.sources.left_out import LeftOut, kind_of_file
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.confinement import read_local
from vasari.retrieval.storage.filesystem import kept_time
from vasari.retrieval.storage.normalization import composed
from vasari.retrieval.storage.reading import indexable_suffixes
from vasari.retrieval.storage.uris import is_local_file

EXCLUDED_FOLDERS = ("@eaDir", "node_modules", ".git")
"""Folder names left out by default, the same as rclip's: a NAS's previews, packages, version control."""


class FolderSource:
    """Pictures below `paths`: folders are walked, single files are taken whatever their suffix.

    Left out are names that begin with a dot (unless `hidden`), folders whose name matches a pattern of
    `excludes` (shell wildcards), and folders that are libraries; a path given in `paths` is always taken.

    Links are followed. Each folder is listed once, under its real place if that lies below a root, so loops
    end and a link beside its target adds nothing. A uri is the absolute path as seen, links not resolved.
    A name that is not UTF-8 is carried as Python does (`os.fsdecode`).
    """

    modality = Modality.IMAGE

    def __init__(
        self,
        paths: Sequence[str | Path],
        excludes: Sequence[str] = EXCLUDED_FOLDERS,
        *,
        hidden: bool = False,
        suffixes: frozenset[str] | None = None,
        limits: ImageLimits | None = None,
        may_be_gone: bool = False,
    ) -> None:
        """Raise NotFoundError for a path that is not there, unless it `may_be_gone` (its items go)."""
        self._roots = list(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100
        for root in self._roots:
            if not may_be_gone and not os.path.lexists(root):
                raise NotFoundError(f"no such file or folder: {root}")
        self._excluded = re.compile("|".join(translate(composed(name)) for name in excludes) or r"(?!)")
        self._hidden = hidden
        self._suffixes = indexable_suffixes() if suffixes is None else suffixes
        self._limits = limits or ImageLimits()
        self._complete: set[str] = set()
        self._unreadable: set[str] = set()
        self._visited: set[tuple[int, int]] = set()
        self.left_out: Counter[str] = Counter()

    @property
    def roots(self) -> Sequence[str]:
        """The absolute paths given."""
        return tuple(self._roots)

    @property
    def places(self) -> Sequence[str]:
        """The same."""
        return self.roots

    @property
    def complete_roots(self) -> frozenset[str]:
        """Roots whose listing was finished; below, only what lies under an unreadable folder is unknown."""
        return frozenset(self._complete)

    def read(self, candidate: Candidate) -> bytes:
        """The file's bytes, within the limits."""
        return read_local(candidate.uri, self._limits)

    def covers(self, uri: str) -> bool:
        """Whether `uri` would have been listed: a root above was finished, and no folder between failed."""
        if not is_local_file(uri):  # a member of an archive below: other sources speak for it
            return False
        proven = False
        place = uri
        while True:
            if place in self._unreadable:
                return False
            proven = proven or place in self._complete
            parent = os.path.dirname(place)  # noqa: PTH120 (Path is 20 times slower, and this runs per missing file)
            if parent == place:
                return proven
            place = parent

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Single files, then each folder's files by name before its subfolders; linked folders come last."""
        self._complete.clear()
        self._unreadable.clear()
        self._visited.clear()
        self.left_out.clear()
        files = {root for root in self._roots if not os.path.isdir(root)}  # noqa: PTH112
        for file in sorted(files):
            yield from self._single(file)
            self._complete.add(file)
        links: list[str] = []
        # Of two paths to one folder the one without links is its name.
        for folder in sorted(
            set(self._roots) - files, key=lambda root: (os.path.realpath(root) != root, root)
        ):
            yield from self._walk(folder, files, links)
        for link in links:  # grows while links inside linked folders are found
            yield from self._walk(link, files, links)
        self._complete.update(self._roots)

    def _single(self, file: str) -> Iterator[Candidate | Skipped]:
        try:
            facts = os.stat(file)  # noqa: PTH116
        except FileNotFoundError:
            if os.path.islink(file):  # noqa: PTH114
                yield self._fail(file, "a link to a file that is not there")
        except OSError as error:
            yield self._fail(file, f"cannot be read: {_words(error)}")
        else:
            yield _candidate(file, facts)

    def _walk(self, top: str, files: set[str], links: list[str]) -> Iterator[Candidate | Skipped]:
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                facts = os.stat(folder)  # noqa: PTH116
                if (facts.st_dev, facts.st_ino) in self._visited:
                    continue
                self._visited.add((facts.st_dev, facts.st_ino))
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=attrgetter("name"))
            except OSError as error:
                if isinstance(error, FileNotFoundError) and folder != top:
                    continue  # removed while we were walking
                yield self._fail(folder, f"the folder cannot be read: {_words(error)}")
                continue
            if folder != top and _is_library(entries):
                continue
            self._look_at(entries)
            below: list[str] = []
            for entry in entries:
                if (found := self._entry(entry, files, below, links)) is not None:
                    yield found
            folders.extend(reversed(below))

    def _look_at(self, entries: Sequence[os.DirEntry[str]]) -> None:
        """Told of each folder before its pictures are."""

    def _entry(
        self, entry: os.DirEntry[str], files: set[str], below: list[str], links: list[str]
    ) -> Candidate | Skipped | None:
        """What a name stands for; None for a folder, which goes to `below` or `links`, and for no picture."""
        name = entry.name
        if name.startswith(".") and not self._hidden:
            if _suffix(name) in self._suffixes:
                self.left_out[LeftOut.HIDDEN] += 1
            return None
        try:
            if entry.is_dir():
                if not self._excluded.match(composed(name)):
                    (links if entry.is_symlink() else below).append(entry.path)
                return None
            suffix = _suffix(name)
            if suffix not in self._suffixes:
                self.left_out[kind_of_file(suffix)] += 1
                return None
            if entry.path in files:
                return None
            return _candidate(entry.path, entry.stat())
        except FileNotFoundError:
            if entry.is_symlink():
                return self._fail(entry.path, "a link to a file that is not there")
            return None  # removed while we were walking
        except OSError as error:
            return self._fail(entry.path, f"cannot be read: {_words(error)}")

    def _fail(self, path: str, reason: str) -> Skipped:
        self._unreadable.add(path)
        return Skipped(path, "list", reason)


def _is_library(entries: Sequence[os.DirEntry[str]]) -> bool:
    """Whether these are the contents of a library, whose thumbnails are no pictures of yours."""
    names = {entry.name for entry in entries}
    return "catalog.sqlite3" in names or {"segments", "generations", "thumbnails"} <= names


def _suffix(name: str) -> str:
    """As `os.path.splitext` has it, in lower case, at a third of the cost."""
    stem, dot, ending = name.rpartition(".")
    return dot + ending.lower() if stem.strip(".") else ""


def _candidate(path: str, facts: os.stat_result) -> Candidate:
    size = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return Candidate(path, size, kept_time(facts.st_mtime_ns), kept_time(facts.st_ctime_ns))


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
