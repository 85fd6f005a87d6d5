"""Removal of items that are not listed any more, guarded: where too much vanished at once, the disk may have.

An empty mount point, a share that answers with half of its folders, a table that was cut short while it was written:
all look like deleted files. So a place that lists nothing, or from which more than half vanished, loses nothing until a
person says that it may.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass

from vasari.indexer.plan import Places, Plan
from vasari.retrieval.catalog.records import KnownFile
from vasari.retrieval.domain import ItemId
from vasari.retrieval.storage.uris import is_url, locate


@dataclass(frozen=True, slots=True)
class Withheld:
    """A place of which items would have become missing, or lost their description, and did not."""

    place: str
    held: int  # items that it had
    vanished: int  # of them
    described: bool = False  # the place is a table, and the items are those that it described

    def __str__(self) -> str:
        if self.vanished < self.held:
            of = f"{self.vanished:,} of its {self.held:,} items are not"
        else:
            of = f"none of its {self.held:,} items is" if self.held > 1 else "its only item is not"
        if self.described:
            return f"{self.place}: {of} described any more; nothing was taken from the library"
        return (
            f"{self.place}: {of} there (a drive that is not mounted?); nothing was removed from the library"
        )


@dataclass(frozen=True, slots=True)
class Removal:
    """Items that are missing from now on, and those that stay though they were not listed."""

    missing: tuple[ItemId, ...] = ()
    silenced: tuple[KnownFile, ...] = ()  # their source does not describe them any more
    withheld: tuple[Withheld, ...] = ()


def judge(plan: Plan, places: Places, allowed: int) -> Removal:
    """Divide what is gone, and what is not described any more; `allowed` is how many items a person lets go."""
    stays = _doubted(plan, places)
    silent: dict[str, list[KnownFile]] = defaultdict(list)
    for file in plan.silenced:
        silent[file.teller or ""].append(file)
    doubted = {teller: files for teller, files in silent.items() if 2 * len(files) > plan.told[teller]}
    if sum(map(len, stays.values())) + sum(map(len, doubted.values())) <= allowed:
        return Removal(tuple(plan.gone), tuple(plan.silenced))
    kept = {item for ids in stays.values() for item in ids}
    return Removal(
        tuple(item for item in plan.gone if item not in kept),
        tuple(file for teller, files in silent.items() if teller not in doubted for file in files),
        (
            *(
                Withheld(place, max(plan.held[place], len(ids)), len(ids))
                for place, ids in sorted(stays.items())
            ),
            *(
                Withheld(teller, plan.told[teller], len(files), described=True)
                for teller, files in sorted(doubted.items())
            ),
        ),
    )


def _doubted(plan: Plan, places: Places) -> dict[str, list[ItemId]]:
    """Gone items that may come back, by the place that looks as if it had not answered."""
    above = {item: places.of(file.uri) for item, file in plan.gone.items()}
    vanished = Counter(place for found in above.values() for place in found)
    left = {place: plan.held[place] - count + plan.come[place] for place, count in vanished.items()}
    doubtful = {place for place, count in left.items() if 2 * count < plan.held[place]}
    empty = _EmptyFolders(places)
    stays: dict[str, list[ItemId]] = defaultdict(list)
    for item, file in plan.gone.items():
        outermost = next((place for place in reversed(above[item]) if place in doubtful), None)
        place = outermost or empty.above(file.uri)
        if place is not None:
            stays[place].append(item)
    return stays


class _EmptyFolders:
    """Folders that are there and hold nothing: where a drive was mounted, it may come back."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known: dict[str, str | None] = {}

    def above(self, uri: str) -> str | None:
        """The empty folder, below the places of a listing, in which a file was; None where there is none."""
        file = locate(uri).file
        return None if is_url(file) else self._standing(os.path.dirname(file))  # noqa: PTH120

    def _standing(self, folder: str) -> str | None:
        if folder not in self._known:
            self._known[folder] = self._look(folder)
        return self._known[folder]

    def _look(self, folder: str) -> str | None:
        try:
            with os.scandir(folder) as entries:
                return None if any(not _of_disk(entry.name) for entry in entries) else folder
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(folder):  # noqa: PTH114 (to a drive that is not mounted)
                return folder
            parent = os.path.dirname(folder)  # noqa: PTH120
            inside = parent != folder and self._places.of(f"{parent}/x")
            return self._standing(parent) if inside else None
        except OSError:
            return None


def _of_disk(name: str) -> bool:
    """Whether this is no one's file: hidden, or what a disk has before anybody put something on it."""
    return name.startswith(".") or name in ("lost+found", "System Volume Information", "$RECYCLE.BIN")
