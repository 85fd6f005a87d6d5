"""Stacks by rules: RAW photos and their JPEGs, live photos, edited copies, bursts.

Each picture of a stack is held against the stack's first picture and no other, so that a stack never grows by chaining:
however many frames a series has, each lies within the radius of one. The rules, tried in this order within one folder:

- *raw*: the name of a RAW photo with another ending, taken within two seconds of it where both tell.
- *live*: what phones write of one moment: the same name with another ending (HEIC and JPEG), or with `.MP`, `.COVER`,
  `.PORTRAIT`, `.NIGHT`, `MVIMG_`; with a cosine of 0.8 to the first.
- *edit*: the name with `-edited`, `-Edit-2`, ` - Copy (2)`, `Copy of `, `~2` (in six languages, after what phones add,
  too) or Apple's `IMG_E`; with a cosine of 0.8 to the first, and taken within two seconds of it where both tell. ` (1)`
  asks for 0.9 and for a picture without: `Holiday (1)` to `Holiday (99)` are pictures of their own, `IMG_1-edited(1)`
  is one of `IMG_1(1)`.
- *burst*: by one camera within three seconds of the first, and with a cosine of 0.9 to it. What is a stack by name
  joins as a whole or not at all. The 127 pictures after it are looked at, no more.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.stacks import Shot, Stack, StackRule
from vasari.retrieval.domain import ItemId
from vasari.retrieval.library.near_duplicates import MIN_COSINE, Vectors
from vasari.retrieval.storage.file_names import composed

BURST_SECONDS = 3.0
"""From the first picture of a burst to its last: a phone takes ten a second while its button is held."""
EDIT_COSINE = 0.8
_MOST_FRAMES = 128  # of a burst: where a clock stood still, all of a folder would be held against each other
_AT_ONCE = 1024  # vectors read
_SAME_MOMENT = 2.0  # seconds; a file system's or an editor's rounding
_COPIED = (
    "edited|edit|enhanced(?:-(?:nr|sr|rd))?|effects|hdr|copy|bearbeitet|kopie|editad[oa]|copia|modifié|copie"
    "|編集済み|コピー|已修改|已编辑|已編輯|副本|拷贝|複製"
)
_ADDED = re.compile(
    r"(?:(?P<phone>\.(?:raw|portrait|mp|night|cover|original|motion|long_exposure|action_pan|pano)(?:-\d\d)?)"
    rf"|(?P<edit>(?:[-_ .]+|の)(?:{_COPIED})(?:[-_ ]?\d{{1,2}})?"
    rf"| ?\((?:another )?(?:{_COPIED})(?: \d+)?\)|~\d+)"
    r"|(?P<number> ?\(\d+\)))+$"
)
_BEFORE = re.compile(r"^(?:copy of|kopie von|copia de|copie de) ")
_APPLE = re.compile(r"^img_e(?=\d{4,}$)")


class Store(Protocol):
    """The part of the catalog that remembers stacks."""

    def shots(self) -> list[Shot]: ...  # noqa: D102
    def save(self, found: Sequence[Stack]) -> int: ...  # noqa: D102


def restack(store: Store, vectors: Vectors) -> int:
    """Bring the stacks by rules up to date; says how many are new or others than before."""
    return store.save(stacks_of(store.shots(), vectors))


def stacks_of(shots: Sequence[Shot], vectors: Vectors) -> list[Stack]:
    """The stacks that the rules make of pictures, each of at least two."""
    likeness = _Likeness(vectors)
    folders: dict[str, list[_Named]] = defaultdict(list)
    for shot in shots:
        folders[posixpath.dirname(shot.uri)].append(_named(shot))
    found: list[_Unit] = []
    for named in folders.values():
        if len(named) > 1:
            found += _bursts(list(_by_name(named, likeness)), likeness)
    return [
        Stack(unit.rule, tuple(sorted(member.shot.id for member in unit.members)))
        for unit in found
        if unit.rule is not None
    ]


@dataclass(frozen=True, slots=True)
class _Named:
    """A picture with what its name says: `base` is that of its original."""

    shot: Shot
    base: str
    number: str  # of one of several that would have the same name
    rule: StackRule | None  # None: it is an original
    taken: float | None  # seconds


@dataclass(frozen=True, slots=True)
class _Unit:
    """Pictures that are one by their names, the original first; or one alone."""

    rule: StackRule | None
    members: tuple[_Named, ...]

    @property
    def first(self) -> _Named:
        return self.members[0]


def _named(shot: Shot) -> _Named:
    stem = composed(posixpath.splitext(posixpath.basename(shot.uri))[0]).casefold()
    added = _ADDED.search(stem)
    said = added.groupdict() if added else {}
    bare = stem[: added.start()] if added else stem
    plain = re.sub("^mvimg_", "img_", bare)
    base = _APPLE.sub("img_", _BEFORE.sub("", plain))
    rule = None
    if said.get("edit") or base != plain:
        rule = StackRule.EDIT
    elif said.get("phone") or plain != bare:
        rule = StackRule.LIVE
    return _Named(shot, base or stem, (said.get("number") or "").strip(), rule, _seconds(shot.taken))


def _seconds(taken: str | None) -> float | None:
    """A moment's place on a line; None for a day or a month, and for what is no time."""
    if not isinstance(taken, str) or len(taken) < len("2024-05-01T12:30:00"):
        return None
    try:
        return (datetime.fromisoformat(taken).replace(tzinfo=None) - datetime(1, 1, 1)).total_seconds()
    except ValueError:
        return None


def _by_name(named: Sequence[_Named], likeness: _Likeness) -> Iterator[_Unit]:
    """The pictures of a folder, those together that are one by their names."""
    bases: dict[str, list[_Named]] = defaultdict(list)
    for one in named:
        bases[one.base].append(one)
    for same in bases.values():
        unit, others = _together(same, likeness)
        yield unit
        numbered: dict[str, list[_Named]] = defaultdict(list)
        for other in others:
            numbered[other.number].append(other)
        for again in numbered.values():
            unit, alone = _together(again, likeness)
            yield unit
            yield from (_Unit(None, (other,)) for other in alone)


def _together(same: Sequence[_Named], likeness: _Likeness) -> tuple[_Unit, list[_Named]]:
    """Of pictures of one base the original with what belongs to it, and the others."""
    # The original first: nothing in its name says that it was made of another, and it is no RAW photo.
    first, *others = sorted(
        same, key=lambda one: (one.number != "", one.rule is not None, one.shot.format == "raw", one.shot.id)
    )
    joined, rules, alone = [first], set(), []
    for other in others:
        rule = _rule(first, other, likeness)
        if rule is None:
            alone.append(other)
        else:
            joined.append(other)
            rules.add(rule)
    return _Unit(next((rule for rule in StackRule if rule in rules), None), tuple(joined)), alone


def _rule(first: _Named, other: _Named, likeness: _Likeness) -> StackRule | None:
    """By which rule another picture of this name belongs to the first; None: by none."""
    apart = None if first.taken is None or other.taken is None else abs(first.taken - other.taken)
    numbered = first.number != other.number
    if (apart is not None and apart > _SAME_MOMENT) or (numbered and first.number):
        return None
    edit = numbered or StackRule.EDIT in (first.rule, other.rule)
    if not edit and "raw" in (first.shot.format, other.shot.format):
        return StackRule.RAW
    if likeness.of(first.shot.id, other.shot.id) < (MIN_COSINE if numbered else EDIT_COSINE):
        return None
    return StackRule.EDIT if edit else StackRule.LIVE


def _bursts(units: Sequence[_Unit], likeness: _Likeness) -> Iterator[_Unit]:
    """Units of a folder, those together that are bursts."""
    timed = [unit for unit in units if unit.first.taken is not None]
    yield from (unit for unit in units if unit.first.taken is None)
    timed.sort(key=lambda unit: (unit.first.shot.camera or "", unit.first.taken or 0, unit.first.shot.id))
    for _, run in groupby(timed, key=lambda unit: unit.first.shot.camera or ""):
        yield from _bursts_of(list(run), likeness)


def _bursts_of(units: Sequence[_Unit], likeness: _Likeness) -> Iterator[_Unit]:
    """Units of one camera in order of time, those together that are bursts."""
    times = np.array([unit.first.taken or 0.0 for unit in units])
    ends = np.searchsorted(times, times + BURST_SECONDS, "right")
    ends = np.minimum(ends, np.arange(len(units)) + _MOST_FRAMES)
    ids = [unit.first.shot.id for unit in units]
    joined = np.zeros(len(units), np.bool_)
    for place, first in enumerate(units):
        if joined[place]:
            continue
        members = list(first.members)
        end = int(ends[place])
        if end > place + 1:
            alike = likeness.of_next(ids, place, end) >= MIN_COSINE
            for other in (np.flatnonzero(alike & ~joined[place + 1 : end]) + place + 1).tolist():
                if _all_alike(first, units[other].members[1:], likeness):
                    joined[other] = True
                    members += units[other].members
        grown = len(members) > len(first.members)
        yield _Unit(StackRule.BURST, tuple(members)) if grown else first


def _all_alike(first: _Unit, others: Sequence[_Named], likeness: _Likeness) -> bool:
    return all(likeness.of(first.first.shot.id, other.shot.id) >= MIN_COSINE for other in others)


class _Likeness:
    """Cosines of pictures, each vector read once; -1 where one has none."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._there = set(vectors.ids().tolist())
        self._read: dict[ItemId, NDArray[np.float32]] = {}
        self._block: tuple[Sequence[ItemId], int, NDArray[np.float32]] = ((), 0, np.empty((0, 0), np.float32))

    def of_next(self, ids: Sequence[ItemId], place: int, end: int) -> NDArray[np.float32]:
        """Cosines of a picture with those after it in a list, up to `end`; 0 where one has no vector.

        What lies in the list is read a block at a time: windows overlap, and reading rows one by one takes longer.
        """
        known, start, rows = self._block
        if known is not ids or not start <= place <= end <= start + len(rows):
            start, rows = place, self._rows(ids[place : place + _MOST_FRAMES + _AT_ONCE])
            self._block = ids, start, rows
        found: NDArray[np.float32] = rows[place + 1 - start : end - start] @ rows[place - start]
        return found

    def _rows(self, ids: Sequence[ItemId]) -> NDArray[np.float32]:
        there = [row for row, item in enumerate(ids) if item in self._there]
        if not there:
            return np.zeros((len(ids), 1), np.float32)
        vectors = self._vectors.vectors_of([ids[row] for row in there])
        rows = np.zeros((len(ids), vectors.shape[1]), np.float32)
        rows[there] = vectors
        return rows

    def of(self, one: ItemId, other: ItemId) -> float:
        if one not in self._there or other not in self._there:
            return -1.0
        return float(self._of(one) @ self._of(other))

    def _of(self, item: ItemId) -> NDArray[np.float32]:
        if item not in self._read:
            if len(self._read) >= 4096:
                self._read.clear()
            self._read[item] = self._vectors.vectors_of([item])[0]
        return self._read[item]
