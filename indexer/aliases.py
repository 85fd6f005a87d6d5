"""Path aliases: one folder by two paths, through a link, a bind mount, `/tmp` and `/private/tmp`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vasari.retrieval.storage.uris import is_local_file


@dataclass(frozen=True, slots=True)
class Alias:
    """A folder of which the library has the pictures already, under another path."""

    folder: str
    known_as: str
    items: int

    def __str__(self) -> str:
        return f"{self.folder} is the same folder as {self.known_as}, which is in the library already"


class SameFolders:
    """Tells whether two paths lead to one file, by the folders that they lie in. Hard links are files of their own."""

    def __init__(self) -> None:
        self._same: dict[tuple[str, str], bool] = {}

    def same(self, one: str, other: str) -> bool:
        """Whether both are the same name in the same folder."""
        (here, name), (there, other_name) = os.path.split(one), os.path.split(other)
        if here == there or name != other_name or not (is_local_file(one) and is_local_file(other)):
            return False
        return self._folder(here, there)

    def summed(self, files: Iterable[tuple[str, str]]) -> tuple[Alias, ...]:
        """The outermost folders that are the same, and how many of these files lie in each."""
        counts = Counter(
            self._outermost(os.path.dirname(one), os.path.dirname(other))  # noqa: PTH120
            for one, other in files
        )
        return tuple(Alias(*folders, items) for folders, items in sorted(counts.items()))

    def _outermost(self, here: str, there: str) -> tuple[str, str]:
        (up, name), (other_up, other_name) = os.path.split(here), os.path.split(there)
        if up != other_up and name == other_name and self._folder(up, other_up):
            return self._outermost(up, other_up)
        return here, there

    def _folder(self, here: str, there: str) -> bool:
        if (here, there) not in self._same:
            try:
                self._same[here, there] = os.path.samefile(here, there)  # noqa: PTH121
            except OSError:
                self._same[here, there] = False
        return self._same[here, there]
