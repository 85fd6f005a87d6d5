"""Pictures in folders, listed with one `scandir` a folder and one `stat` a picture, and the texts beside them.

`a.jpg` may have captions in `a.txt`, facts in `a.json` (sidecars, pairs), or metadata in `a.xmp` or `a.jpg.xmp`.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import translate
from functools import partial
from operator import attrgetter
from pathlib import Path

from vasari.indexer.sources.ignore import IGNORE_FILE, NO_MEDIA, IgnoreFileError, Rules, compiled, has
from vasari.indexer.sources.left_out import LeftOut, kind_of_file
from vasari.indexer.sources.samples import TEXT_SUFFIXES, described
from vasari.indexer.sources.source import AsTheyWere, Candidate, Description, stamp_of
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.file_names import composed
from vasari.retrieval.storage.filesystem import kept_time, opened
from vasari.retrieval.storage.local_files import indexable_suffixes, read_local
from vasari.retrieval.storage.uris import is_local_file

_CHUNK = 1000  # files of a folder that are compared at once

EXCLUDED_FOLDERS = ("@eaDir", "node_modules", ".git")
"""Folder names left out by default, the same as rclip's: a NAS's previews, packages, version control."""


class FolderSource:
    """Pictures below `paths`: folders are walked, single files are taken whatever their suffix.

    Left out are names that begin with a dot (unless `hidden`), folders whose name matches a pattern of
    `excludes` (shell wildcards), what `ignored` patterns and ignore files say (see `ignore`), and folders that are
    libraries; a path given in `paths` is always taken.

    Links are followed. Each folder is listed once, under its real place if that lies below a root, so loops
    end and a link beside its target adds nothing. A uri is the absolute path as seen, links not resolved.
    A name that is not UTF-8 is carried as Python does (`os.fsdecode`).
    """

    modality = Modality.IMAGE
    _teller: str | None = None  # who describes its pictures

    def __init__(
        self,
        paths: Sequence[str | Path],
        excludes: Sequence[str] = EXCLUDED_FOLDERS,
        *,
        ignored: Sequence[str] = (),
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
        if ignored:
            compiled(ignored)  # a wrong pattern is told before anything is listed
        self._ignored = ignored
        self._hidden = hidden
        self._suffixes = indexable_suffixes() if suffixes is None else suffixes
        self._limits = limits or ImageLimits()
        self._rest = Candidate("", 0, 0, teller=self._teller)[4:]  # all that pictures have in common
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
        return self.differing(lambda _files: ())

    def differing(self, as_they_were: AsTheyWere) -> Iterator[Candidate | Skipped]:
        """As `Differing`, in the order of `candidates`."""
        self._complete.clear()
        self._unreadable.clear()
        self._visited.clear()
        self.left_out.clear()
        files = {root for root in self._roots if not os.path.isdir(root)}  # noqa: PTH112
        for file in sorted(files):
            yield from self._single(file)
            self._complete.add(file)
        links: list[tuple[str, Rules]] = []
        # Of two paths to one folder the one without links is its name.
        for folder in sorted(
            set(self._roots) - files, key=lambda root: (os.path.realpath(root) != root, root)
        ):
            try:
                rules = Rules.at(folder, self._ignored)
            except (OSError, IgnoreFileError) as error:
                yield self._fail(folder, f"an ignore file above cannot be used: {error}")
                continue
            yield from self._walk(folder, rules, files, links, as_they_were)
        for link, rules in links:  # grows while links inside linked folders are found
            yield from self._walk(link, rules, files, links, as_they_were)
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
            yield _candidate(file, facts, self._teller)

    def _walk(
        self,
        top: str,
        above: Rules,
        files: set[str],
        links: list[tuple[str, Rules]],
        as_they_were: AsTheyWere,
    ) -> Iterator[Candidate | Skipped]:
        folders = [(top, above)]
        while folders:
            folder, above = folders.pop()
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
            if folder not in self._roots and (_is_library(entries) or self._is_no_media(entries)):
                continue
            try:
                rules = above.within(folder, entries)
            except (OSError, IgnoreFileError) as error:
                yield self._fail(folder, f"its {IGNORE_FILE} cannot be used: {error}")
                continue
            if rules:
                entries = [entry for entry in entries if not self._is_ignored(entry, rules)]
            quiet = self._look_at(entries)
            below: list[str] = []
            linked: list[str] = []
            for entry in self._differing(entries, files, as_they_were) if quiet else entries:
                found = self._plain(entry, files) or self._entry(entry, files, below, linked)
                if found is not None:
                    yield found
            folders.extend((each, rules) for each in reversed(below))
            links.extend((each, rules) for each in linked)

    def _is_no_media(self, entries: Sequence[os.DirEntry[str]]) -> bool:
        """Whether the folder says that nothing in it is to be shown; its pictures are counted."""
        if not has(entries, NO_MEDIA):
            return False
        self.left_out[LeftOut.IGNORED] += sum(_suffix(entry.name) in self._suffixes for entry in entries)
        return True

    def _is_ignored(self, entry: os.DirEntry[str], rules: Rules) -> bool:
        try:
            folder = entry.is_dir()
        except OSError:  # a link that leads round in circles
            folder = False
        if not rules.leave_out(entry.path, folder=folder):
            return False
        self.left_out[LeftOut.IGNORED] += _suffix(entry.name) in self._suffixes
        return True

    def _look_at(self, entries: Sequence[os.DirEntry[str]]) -> bool:  # noqa: ARG002 (others do)
        """Told of each folder before its pictures are; whether nothing beside them speaks of them."""
        return True

    def _differing(
        self, entries: Sequence[os.DirEntry[str]], files: set[str], as_they_were: AsTheyWere
    ) -> Iterator[os.DirEntry[str]]:
        """Those that are no ordinary pictures, or not as they were. Nearly all are: a line here is felt."""
        suffixes = self._suffixes
        for start in range(0, len(entries), _CHUNK):
            chunk, facts = entries[start : start + _CHUNK], []
            for entry in chunk:
                name = entry.name
                if name[-4:] not in suffixes or name[0] == ".":
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # said where it is asked again
                if stat.S_ISREG(found.st_mode):
                    facts.append((entry.path, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
            same = as_they_were([file for file in facts if file[0] not in files] if files else facts)
            if len(same) < len(chunk):
                yield from (entry for entry in chunk if entry.path not in same)

    def _plain(self, entry: os.DirEntry[str], files: set[str]) -> Candidate | None:
        """The candidate of an ordinary picture, as nearly all are; None where more has to be asked."""
        name, path = entry.name, entry.path
        if name[-4:] not in self._suffixes or name[0] == "." or path in files:
            return None
        try:
            if not entry.is_file(follow_symlinks=False):
                return None
            facts = entry.stat()
        except OSError:
            return None
        times = kept_time(facts.st_mtime_ns), kept_time(facts.st_ctime_ns)
        return tuple.__new__(Candidate, (path, facts.st_size, *times, *self._rest))

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
            path = entry.path
            return None if path in files else _candidate(path, entry.stat(), self._teller)
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


def _candidate(path: str, facts: os.stat_result, teller: str | None) -> Candidate:
    size = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    times = kept_time(facts.st_mtime_ns), kept_time(facts.st_ctime_ns)
    return Candidate(path, size, *times, teller=teller)


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


_CAPTIONS, _XMP = ".txt", ".xmp"
_Facts = tuple[int, int, int]


class PairsSource(FolderSource):
    """A folder's pictures with their texts, each line of a .txt a caption.

    Texts are only looked at here, as the listing of the folder has them, and read when they are new or have changed. A
    .json without a .txt beside it is taken if `facts_alone`: other programs keep such files for themselves. What other
    programs wrote into `a.xmp` or `a.jpg.xmp` is always taken.
    """

    facts_alone = True
    _teller = ""

    def differing(self, as_they_were: AsTheyWere) -> Iterator[Candidate | Skipped]:
        """As the folder's, with the texts."""
        self._texts: dict[str, dict[str, str]] = {}
        for entry in super().differing(as_they_were):
            if not self._texts or isinstance(entry, Skipped):
                yield entry
                continue
            stem = os.path.splitext(entry.uri)[0]  # noqa: PTH122 (once a picture)
            files = {**self._texts.get(stem, {}), **self._sidecar(entry.uri)}
            texts = {suffix: facts for suffix, file in files.items() if (facts := _facts(file))}
            if _CAPTIONS not in texts and not self.facts_alone:
                texts.pop(".json", None)
            if not texts:
                yield entry
                continue
            beside = {suffix: files[suffix] for suffix in texts}
            yield entry._replace(
                stamp=stamp_of(sorted(texts.items())),
                describe=partial(read_texts, beside),
                texts=tuple(beside.values()),
            )

    def _single(self, file: str) -> Iterator[Candidate | Skipped]:
        stem = os.path.splitext(file)[0]  # noqa: PTH122
        self._texts = {stem: {suffix: stem + suffix for suffix in TEXT_SUFFIXES}}
        self._texts[file] = {_XMP: file + _XMP}
        return super()._single(file)

    def _sidecar(self, uri: str) -> dict[str, str]:
        """`a.jpg.xmp`, which belongs to this file alone, where `a.xmp` belongs to `a.cr3` too."""
        xmp = self._texts.get(uri, {}).get(_XMP)
        return {} if xmp is None else {_XMP: xmp}

    def _look_at(self, entries: Sequence[os.DirEntry[str]]) -> bool:
        texts: dict[str, dict[str, str]] = defaultdict(dict)
        for entry in entries:
            if not entry.name.lower().endswith(TEXT_SUFFIXES):
                continue
            stem, suffix = os.path.splitext(entry.path)  # noqa: PTH122
            if suffix.lower() in TEXT_SUFFIXES:
                texts[stem].setdefault(suffix.lower(), entry.path)
        self._texts = texts
        return not texts


class FolderWithTexts(PairsSource):
    """A folder of pictures, a few of which may have captions beside them."""

    facts_alone = False


def _facts(text: str) -> _Facts | None:
    try:
        found = os.stat(text)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ctime_ns


def _read_bytes(file: str) -> bytes:
    with opened(file) as text:
        return text.read()


def read_texts(files: Mapping[str, str]) -> Description:
    """What texts beside a picture say, by their suffixes; it is not known where one is there and cannot be read."""
    found = described(files, _read_bytes)
    return replace(found, unread=any(trouble.stage == "read" for trouble in found.troubles))
