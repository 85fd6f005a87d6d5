"""The gallery: all vectors of one space and modality, as one search sees them.

A gallery never changes. It is opened for a snapshot of the catalog's state, and `refresh` makes another one
for a newer snapshot that shares the files both have open, so that searches under way finish on what they
began with.

A search asks the active generation for rows that are still live, scans the live rows it does not cover, and
merges; where its index turns out to be damaged, it scans them all. Which row of an item counts is settled by
the dead rows alone: an item that was embedded anew has its old row among them.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import FairMethod, FairRanking, FairTrial, UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, UsageError
from vasari.retrieval.vectors.exact import Rows, best, merge, products, scan
from vasari.retrieval.vectors.generation import DeadRows, Generation
from vasari.retrieval.vectors.hubs import hubness, hubs_of, read_bank
from vasari.retrieval.vectors.index import NO_ID, HalfRows, Ids, Scores, check_queries, is_among, nothing
from vasari.retrieval.vectors.regions import RegionHits, best_regions, layout_in
from vasari.retrieval.vectors.rescoring import MOST_CANDIDATES, candidates_for, gathered, rescored
from vasari.retrieval.vectors.segments import Segment

Mask = NDArray[np.bool_]

# A filter that leaves no more rows than this is answered by comparing them all.
_FEW_ROWS = 20_000
_FEW_SHARE = 0.05  # … or than this share of the generation
_MOST_ASKED = 16_384  # answers, where more than are kept are looked at; a server's limit
# Where hubs are taken down, an index looks harder, and of estimates more are scored again: the answers lie deeper, and
# in more lists. recall@10 over 100,000 rows, where 17 and 29 % of the answers change by it: 0.976 and 0.967; without
# that 0.939 and 0.904.
_HARDER = 1.25
_DEEPER = 4
_DEPTH_OF_NEAR = 8  # estimates that are scored again for each answer, where it is much nearer than the others
_LEAST_SHARE_NEARBY = 1 / 32  # efSearch or nprobe are raised at most so many times for a filter


@dataclass(frozen=True, slots=True, eq=False)
class GallerySnapshot:
    """Snapshot of which vectors exist by the catalog, read in one transaction."""

    segments: Sequence[int]  # committed segment numbers
    dead: DeadRows = ()  # (segment, row) of deleted and replaced items
    generation: int | None = None  # the active one
    rows: Mapping[int, int] = field(default_factory=dict)  # rows per segment where known: checked on opening
    dim: int | None = None  # of the space: checked on opening
    fair: FairRanking | None = None  # how answers to words are ranked


@dataclass(frozen=True, slots=True)
class _Files:
    """Where a gallery's files lie, and how many threads FAISS may use."""

    segments: Path
    generations: Path
    threads: int | None
    store: str | None  # of a Milvus server, where vectors live in one


class Gallery:
    """Exact or indexed search over segments minus dead rows; safe for concurrent readers.

    Every live item id occurs once. All rows are numbered through, segment after segment in rising order.
    """

    def __init__(
        self,
        files: _Files,
        segments: Sequence[Segment],
        generation: Generation | None,
        dead: DeadRows,
        dim: int,
        fair: FairRanking | None = None,
        damage: str = "",
        hubs: Mapping[tuple[str, int], Scores] | None = None,
    ) -> None:
        self._files = files
        self.fair = fair  # how answers to words are to be ranked, see `fairly`
        self._hubs = {  # that are open, by bank and segment
            key: found for key, found in (hubs or {}).items() if fair is not None and key[0] == fair.bank
        }
        self.trial: FairTrial | None = None  # what `fair` is then
        self._tried: Gallery | None = None  # the last one, for the searches of a comparison
        self._taken_off: Scores | None = None  # (rows,), off the scores of each row
        self._segments = segments
        self._generation = generation
        self._dim = dim
        self._damage = damage  # why there is no generation though the catalog names one: searches are exact
        self._starts = np.cumsum([0, *(len(segment) for segment in segments)])  # (segments + 1,)
        self._ids: Ids = np.concatenate([np.empty(0, np.int64), *(segment.ids for segment in segments)])
        self._live = self._mask_without(dead)
        self._covered = np.zeros(len(self._ids), np.bool_)
        if generation is not None:
            self._covered = self._rows_of(generation.manifest.segments) & self._mask_without(generation.dead)
        self._fresh = self._live & ~self._covered

    @classmethod
    def open(
        cls,
        segments_directory: Path,
        generations_directory: Path,
        snapshot: GallerySnapshot,
        *,
        threads: int | None = None,
        store: str | None = None,
    ) -> Self:
        """Map the snapshot's segments and its generation; LibraryCorruptError names a file that is damaged."""
        return cls._opened(
            _Files(segments_directory, generations_directory, threads, store), snapshot, {}, None, {}
        )

    def refresh(self, snapshot: GallerySnapshot) -> Self:
        """A gallery for a newer snapshot, sharing open files with this one, which stays usable."""
        known = {segment.number: segment for segment in self._segments}
        return self._opened(self._files, snapshot, known, self._generation, self._hubs)

    @classmethod
    def _opened(
        cls,
        files: _Files,
        snapshot: GallerySnapshot,
        known: Mapping[int, Segment],
        generation: Generation | None,
        hubs: Mapping[tuple[str, int], Scores],
    ) -> Self:
        segments = [
            known.get(number)
            or Segment.open(files.segments, number, rows=snapshot.rows.get(number), dim=snapshot.dim)
            for number in sorted(snapshot.segments)
        ]
        dim, damage = snapshot.dim or (segments[0].vectors.shape[1] if segments else 0), ""
        _check_dimensions(segments, dim)
        if snapshot.generation is None:
            generation = None
        elif generation is None or generation.manifest.number != snapshot.generation:
            generation, damage = _open_generation(files, snapshot.generation, dim)
        return cls(files, segments, generation, snapshot.dead, dim, snapshot.fair, damage, hubs)

    def __len__(self) -> int:
        return int(np.count_nonzero(self._live))

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self._dim

    @property
    def generation(self) -> Generation | None:
        """The generation in use."""
        return self._generation

    @property
    def fresh_rows(self) -> int:
        """The delta: live rows that no generation covers, which every search scans; rebuild when it is large."""
        return int(np.count_nonzero(self._fresh))

    def ids(self) -> Ids:
        """The ids of all items that can be found, sorted."""
        return self._lookup[0]

    def tried(self, trial: FairTrial) -> Gallery:
        """These vectors as if their space ranked fairly by `trial`, whose numbers are made at the first search."""
        known = self._tried
        if known is None or known.trial is not trial:
            _ = self._lookup  # both know it then
            known = copy.copy(self)
            for computed in ("fairly", "bank_mean"):
                known.__dict__.pop(computed, None)
            known.trial, known.fair, known._hubs = trial, trial.ranking, {}
            self._tried = known
        return known

    @functools.cached_property
    def fairly(self) -> Gallery:
        """These vectors with hubs taken down: scores are cosines less what `taken_off` says.

        Only where `fair` is nearest neighbour normalization: from the score of a picture α times as much is taken as
        its hub number lies above the gate. Raises LibraryCorruptError where numbers and bank are lost.
        """
        if self.fair is None or self.fair.method is not FairMethod.NNN:
            return self
        hubs = [self._hubs_of(segment, self.fair.bank) for segment in self._segments]
        excess = np.concatenate([np.empty(0, np.float32), *hubs]) - np.float32(self.fair.gate)
        _ = self._lookup  # both know it then
        taken_down = copy.copy(self)
        taken_down._taken_off = np.float32(self.fair.weight) * np.maximum(excess, 0)
        return taken_down

    def _hubs_of(self, segment: Segment, bank: str) -> Scores:
        if (found := self._hubs.get((bank, segment.number))) is None:
            if self.trial is None:
                found = hubs_of(self._files.segments, segment, bank)
            else:
                found = hubness(segment.vectors, self.trial.bank)
            self._hubs[bank, segment.number] = found
        return found

    def taken_off(self, ids: Sequence[int] | Ids) -> Scores:
        """What is taken off the cosines (n,) of live items, in the order asked."""
        if self._taken_off is None:
            return np.zeros(len(ids), np.float32)
        known, rows = self._lookup
        return self._taken_off[rows[np.searchsorted(known, np.asarray(ids, np.int64))]]

    @functools.cached_property
    def bank_mean(self) -> NDArray[np.float32]:
        """The mean (dim,) of the texts that `fair` ranks by; LibraryCorruptError where the bank is lost."""
        if self.fair is None:
            return np.zeros(self._dim, np.float32)
        bank = read_bank(self._files.segments, self.fair.bank) if self.trial is None else self.trial.bank
        mean: NDArray[np.float32] = bank.mean(axis=0)
        return mean

    def search(
        self, queries: UnitVectors, k: int, allowed_ids: Ids | None = None, *, near: bool = False
    ) -> tuple[Ids, Scores, str]:
        """The `k` nearest live items of each query (n, dim), and how they were found.

        Returns ids (n, k) int64 and cosines (n, k) float32, best first, padded with -1 and -inf, and the
        strategy in words. `allowed_ids` is sorted and without repetition; where k items match, k come back.
        `near`: only what is much nearer than all else is looked for, as copies of a picture are, and so in fewer lists
        than the index was tuned to look through for texts, whose answers lie in many.
        """
        if not len(self._ids):
            return *nothing(len(queries), k), "exact"
        check_queries(queries, k, self._dim)
        wanted = None if allowed_ids is None else self._rows_with(allowed_ids)
        generation, damage = self._usable(wanted)
        if generation is None:
            rows = np.flatnonzero(self._live) if wanted is None else wanted
            strategy = "exact" if wanted is None else f"exact over {len(rows)} matching rows"
            if damage:
                strategy += f", for {damage}"
            return *scan(self._parts(rows), queries, k), strategy
        if allowed_ids is None or wanted is None:
            ids, scores = self._indexed(generation, queries, k, near=near)
            strategy = "index"
        else:
            # Where local selectivity is low, an index finds k others, and wrong ones: of an
            # IVF index's answers to a filter that kept the farther half, two in three were.
            share = float(generation.index.share_nearby(queries, allowed_ids).min(initial=1))
            if share < _LEAST_SHARE_NEARBY:
                return *scan(self._parts(wanted), queries, k), f"exact over {len(wanted)} matching rows"
            ids, scores = self._indexed(generation, queries, k, allowed_ids, share, near=near)
            strategy = "index with a selector"
        fresh = np.flatnonzero(self._fresh) if wanted is None else wanted[self._fresh[wanted]]
        if len(fresh):
            ids, scores = merge((ids, scores), scan(self._parts(fresh), queries, k))
            strategy += f" and exact over {len(fresh)} newer rows"
        return ids, scores, strategy

    def best_regions(self, query: UnitVectors, k: int, allowed_ids: Ids | None = None) -> RegionHits:
        """The k live items of which a region is nearest to the query (1, dim), among those that are allowed.

        Items whose regions were not embedded are no answers; UsageError where that is all of them.
        """
        check_queries(query, k, self._dim)
        if layout_in(self._files.segments) is None:
            raise UsageError(
                "no regions of pictures were embedded in this space: vasari index --regions 5 does"
            )
        rows = np.flatnonzero(self._live) if allowed_ids is None else self._rows_with(allowed_ids)
        bounds = np.searchsorted(rows, self._starts)
        parts = [
            (segment, rows[bounds[home] : bounds[home + 1]] - self._starts[home])
            for home, segment in enumerate(self._segments)
        ]
        return best_regions(self._files.segments, parts, query, k)

    def _usable(self, wanted: NDArray[np.int64] | None) -> tuple[Generation | None, str]:
        """The generation, unless few rows are wanted or it is damaged; and what is wrong with it."""
        if self._generation is None or (wanted is not None and self._are_few(wanted)):
            return None, self._damage
        damage = self._generation.damage
        return None if damage else self._generation, damage

    def _indexed(
        self,
        generation: Generation,
        queries: UnitVectors,
        k: int,
        allowed_ids: Ids | None = None,
        share: float | None = None,
        *,
        near: bool = False,
    ) -> tuple[Ids, Scores]:
        """The answer of the generation's index; where its scores are estimates, more is asked for and scored again."""
        if self._taken_off is None:
            return self._nearest(generation, queries, k, k, allowed_ids, share, near=near)
        wide = _wide(2 * k, k)
        while True:
            ids, cosines = self._nearest(generation, queries, k, wide, allowed_ids, share)
            found, brought = self._taken_down(ids, cosines, k), cosines.shape[1]
            wide = _wide(4 * brought, k)
            # What the index has not brought lies below its last answer, and nothing is ever raised.
            if wide <= brought or (found[1][:, -1] >= cosines[:, -1]).all():
                return found

    def _nearest(
        self,
        generation: Generation,
        queries: UnitVectors,
        k: int,
        wide: int,
        allowed_ids: Ids | None,
        share: float | None,
        *,
        near: bool = False,
    ) -> tuple[Ids, Scores]:
        """The `wide` nearest of the index, of which k will be kept: more than k to take hubs down among them.

        All that an index of estimates brings for that, having been scored again anyway.
        """
        index, asked, effort = generation.index, wide, None
        depth = generation.manifest.depth
        if near:
            depth, effort = min(depth, _DEPTH_OF_NEAR), index.near_effort
        if index.estimates:
            asked = candidates_for(k, depth)
        if wide > k:
            deeper = min(_DEEPER * asked, MOST_CANDIDATES) if index.estimates else wide
            wide = asked = max(asked, wide, deeper)
            effort = math.ceil(_HARDER * index.effort)
        search = functools.partial(
            index.search,
            queries,
            allowed_ids=allowed_ids,
            excluded_ids=self._hidden_ids,
            effort=effort,
            share=share,
        )
        if not index.estimates:
            return _first_of_equals(functools.partial(search, least=k), asked)
        ids, _ = search(asked, least=k)
        return rescored(ids, queries, wide, self._halves_of)

    def _taken_down(self, ids: Ids, cosines: Scores, k: int) -> tuple[Ids, Scores]:
        """The best k (n, k) of answers (n, m) once hubs are taken down."""
        there = ids != NO_ID
        scores = cosines.copy()
        scores[there] -= self.taken_off(ids[there])
        return best(ids, scores, k)

    def vectors_of(self, ids: Sequence[int] | Ids) -> UnitVectors:
        """The vectors (n, dim) of items, in the order asked; an item without one raises NotFoundError."""
        wanted = np.asarray(ids, np.int64)
        missing = wanted[~is_among(wanted, self._lookup[0])]
        if len(missing):
            raise NotFoundError(
                f"item {missing[0]} has no vector in this space: index it, or choose another item"
            )
        return unit_vectors(self._halves_of(wanted))

    def products(self, ids: Sequence[int] | Ids, vector: NDArray[np.float32]) -> Scores:
        """The products (n,) of the stored rows of items with a vector (dim,), in the order asked."""
        return products(self._halves_of(np.asarray(ids, np.int64)), vector)

    def _halves_of(self, ids: Ids) -> HalfRows:
        """The stored rows (n, dim) of live items, in the order asked."""
        known, rows = self._lookup
        return gathered(self._all_rows, self._starts, rows[np.searchsorted(known, ids)])

    @functools.cached_property
    def _all_rows(self) -> list[Rows]:
        return [Rows(segment.ids, segment.vectors) for segment in self._segments]

    @functools.cached_property
    def _lookup(self) -> tuple[Ids, NDArray[np.int64]]:
        """The live ids, sorted, and the row of each."""
        rows = np.flatnonzero(self._live)
        order = np.argsort(self._ids[rows], kind="stable")
        return self._ids[rows[order]], rows[order]

    @functools.cached_property
    def _hidden_ids(self) -> Ids | None:
        """Ids that the generation finds under rows which have died since; sorted."""
        hidden = self._ids[self._covered & ~self._live]
        return np.unique(hidden) if len(hidden) else None

    def _are_few(self, wanted: NDArray[np.int64]) -> bool:
        return len(wanted) <= max(_FEW_ROWS, int(_FEW_SHARE * np.count_nonzero(self._covered)))

    def _rows_with(self, ids: Ids) -> NDArray[np.int64]:
        """The live rows of these ids, ascending; ids without one are passed over."""
        known, rows = self._lookup
        found = ids[is_among(ids, known)]
        return np.sort(rows[np.searchsorted(known, found)])

    def _parts(self, rows: NDArray[np.int64]) -> list[Rows]:
        """Ascending row numbers, as what to scan in each segment."""
        bounds = np.searchsorted(rows, self._starts)
        parts = []
        for home in np.flatnonzero(np.diff(bounds)).tolist():
            segment = self._segments[home]
            mine = rows[bounds[home] : bounds[home + 1]]
            whole = len(mine) == len(segment)
            start, end = self._starts[home : home + 2]
            off = None if self._taken_off is None else self._taken_off[start:end]
            parts.append(Rows(segment.ids, segment.vectors, None if whole else mine - start, off))
        return parts

    def _rows_of(self, numbers: Sequence[int]) -> Mask:
        """All rows of these segments; those that are not part of the gallery are passed over."""
        inside = np.isin([segment.number for segment in self._segments], numbers)
        return np.repeat(inside, np.diff(self._starts))

    def _mask_without(self, dead: DeadRows) -> Mask:
        """True for every row but the dead ones; dead rows of segments outside the gallery are passed over."""
        mask = np.ones(len(self._ids), np.bool_)
        pairs = np.asarray(dead, np.int64).reshape(-1, 2)
        numbers = np.asarray([segment.number for segment in self._segments], np.int64)
        pairs = pairs[is_among(pairs[:, 0], numbers)]
        homes = np.searchsorted(numbers, pairs[:, 0])
        rows = self._starts[homes] + pairs[:, 1]
        if (pairs[:, 1] < 0).any() or (rows >= self._starts[homes + 1]).any():
            raise LibraryCorruptError(
                "the catalog names a row beyond its segment: run `vasari doctor --repair`"
            )
        mask[rows] = False
        return mask


def _wide(asked: int, k: int) -> int:
    """How many answers are asked for where k are kept: to take hubs down among them, to see where equals end."""
    return min(asked, max(k, _MOST_ASKED))


def _first_of_equals(search: Callable[[int], tuple[Ids, Scores]], k: int) -> tuple[Ids, Scores]:
    """The k best of an index, equal scores by ascending id, where an index brings any of them.

    Copies of a picture are equal: else one page of answers repeats a copy, and no page has the other. It is searched
    as deep as it takes to see where the equals of the last answer end.
    """
    asked = _wide(k + 1, k)
    while True:
        ids, scores = search(asked)
        ended = (scores[:, k - 1] > scores[:, -1]) | (ids[:, -1] == NO_ID)
        deeper = _wide(4 * asked, k)
        if ended.all() or deeper <= asked:
            return best(ids, scores, k)
        asked = deeper


def _open_generation(files: _Files, number: int, dim: int) -> tuple[Generation | None, str]:
    """The generation, or what is wrong with it."""
    try:
        found = Generation.open(files.generations, number, threads=files.threads, store=files.store)
    except LibraryCorruptError as error:
        return None, str(error)
    if dim and found.manifest.dim != dim:
        return None, f"{found.directory} has vectors of another length: run `vasari rebuild`"
    return found, ""


def _check_dimensions(segments: Sequence[Segment], dim: int) -> None:
    odd = next((segment for segment in segments if segment.vectors.shape[1] != dim), None)
    if odd is not None:
        raise LibraryCorruptError(f"segment {odd.number} has vectors of another length than {dim}")
