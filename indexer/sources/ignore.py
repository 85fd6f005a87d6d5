"""Ignore files: what a listing of folders leaves out because a person said so, in the syntax of .gitignore.

`.vasariignore` in a folder is for that folder and all below, a line a pattern (`*.png`, `raw/`, `/scans/*.tif`,
`!keep.png`); of two that match, the one in the inner folder, or later in the file, decides. `--exclude` has the same
patterns, below each path given, and the last word. A folder with a file `.nomedia`, as Android has them, is left out
with all below. What lies in a folder that is left out cannot be taken back by a pattern (as in Git).
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Self

from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.file_names import composed

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".vasariignore"
NO_MEDIA = ".nomedia"
_LARGEST = 1024 * 1024  # bytes of an ignore file

_Layer = tuple[str, "GitIgnoreSpec"]  # the folder that the patterns are for, and these


class IgnoreFileError(ValueError):
    """An ignore file that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns that hold in a folder: those of a person's options, then of its ignore files, the inner first."""

    given: tuple[_Layer, ...] = ()
    files: tuple[_Layer, ...] = ()

    @classmethod
    def at(cls, root: str, patterns: Sequence[str]) -> Self:
        """Those of a path that was given: `patterns`, and the ignore files in the folders above it.

        Raises OSError and IgnoreFileError for an ignore file.
        """
        rules = cls(given=((root, compiled(patterns)),)) if patterns else cls()
        for folder in reversed(_above(root)):
            if os.path.lexists(f"{folder}/{IGNORE_FILE}"):
                rules = rules.with_file(folder)
        return rules

    def within(self, folder: str, entries: Sequence[os.DirEntry[str]]) -> Self:
        """Those inside a folder with these entries, which are sorted by name; raises what `at` raises."""
        return self.with_file(folder) if has(entries, IGNORE_FILE) else self

    def with_file(self, folder: str) -> Self:
        """Those with the folder's ignore file added."""
        return replace(self, files=((folder, _read(f"{folder}/{IGNORE_FILE}")), *self.files))

    def __bool__(self) -> bool:
        return bool(self.given or self.files)

    def leave_out(self, path: str, *, folder: bool) -> bool:
        """Whether the first pattern to match a path, the last one of its layer, says so."""
        for base, spec in (*self.given, *self.files):
            inside = composed(path[len(base.rstrip("/")) + 1 :])
            verdict = spec.check_file(f"{inside}/" if folder else inside).include
            if verdict is not None:
                return verdict
        return False


def has(entries: Sequence[os.DirEntry[str]], name: str) -> bool:
    """Whether one of the entries, which are sorted by name, has this name."""
    place = bisect_left(entries, name, key=attrgetter("name"))
    return place < len(entries) and entries[place].name == name


def compiled(patterns: Sequence[str]) -> GitIgnoreSpec:
    """Patterns, at least one, as a person gave them; raises UsageError for what is none."""
    try:
        return _spec(patterns)
    except IgnoreFileError as error:
        raise UsageError(f"--exclude: {error}") from None


def _read(file: str) -> GitIgnoreSpec:
    with open(file, "rb") as opened:  # noqa: PTH123 (a name as the folder's listing has it)
        data = opened.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise IgnoreFileError(f"{IGNORE_FILE} is larger than {_LARGEST:,} bytes")
    return _spec(os.fsdecode(data).removeprefix("\ufeff").splitlines())


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # 27 ms, which a folder without patterns does not wait for

    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            raise IgnoreFileError(f"{line!r} is no pattern as .gitignore has them") from None
    return GitIgnoreSpec.from_lines(map(composed, lines))


def _above(path: str) -> list[str]:
    """The folders above a path, the nearest first."""
    folders = []
    while (folder := path.rpartition("/")[0]) != path and path:
        folders.append(folder)
        path = folder
    return folders
