"""Plan (diff) of a job: a source's listing against what the catalog knows. Pure, no files are opened here.

Three steps tell a file's fate, each cheaper than the next: its path (known or new), its size and times (unchanged),
its content hash (touched, moved, changed). The first two are decided here; the third when the pipeline has read the
bytes (`vasari.indexer.identity`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from vasari.indexer.sources.source import UNKNOWN_SIZE, Candidate, FileFacts
from vasari.retrieval.catalog.records import KnownFile
from vasari.retrieval.domain import ItemId, Skipped
from vasari.retrieval.storage.uris import locate

_MILLISECOND = 10**6
_SETTLING_NS = 600 * 10**9  # largest clock skew between a file server and this machine


class Seen(Protocol):
    """Size and times of a file when it was listed before."""

    @property
    def bytes(self) -> int: ...  # noqa: D102
    @property
    def mtime_ns(self) -> int: ...  # noqa: D102
    @property
    def ctime_ns(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Task:
    """A file to deal with: a new one, a changed one (`known`), or one without a vector (`known`, `unembedded`)."""

    candidate: Candidate
    known: KnownFile | None = None
    unembedded: bool = False
    same: bool = False  # it need not be read: its content is what it was
    told_anew: bool = False  # its source may say something else of it
    settled: bool = False  # whose item it is was decided by its content: it needs a vector


@dataclass(frozen=True, slots=True)
class Unread:
    """An unchanged picture whose file is to be asked for what it says, and nothing more."""

    candidate: Candidate
    item: ItemId


@dataclass(slots=True)
class Plan:
    """Files to deal with, in listing order, and the fate of all others."""

    tasks: list[Task] = field(default_factory=list)
    gone: dict[ItemId, KnownFile] = field(default_factory=dict)  # the finished listing did not show them
    silenced: list[KnownFile] = field(default_factory=list)  # their source does not speak of them any more
    # Known files by place, before the job, where any are gone.
    held: Counter[str] = field(default_factory=Counter)
    come: Counter[str] = field(default_factory=Counter)  # new texts by place: lines in the stead of others
    # Known files by the source that describes them, likewise.
    told: Counter[str] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)  # counted among the others, too
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)  # what the listing itself could not use
    still_failed: int = 0  # failed before, unchanged since: not tried again
    # Texts beside unchanged pictures that could not be used before either.
    troubled: set[str] = field(default_factory=set)
    # Uris of failures whose file or folder is no longer a trouble.
    settled: list[str] = field(default_factory=list)

    @property
    def has_work(self) -> bool:
        """Whether anything is to be done or noted."""
        return bool(self.tasks or self.unread or self.gone or self.silenced or self.skipped or self.settled)


class Places:
    """The places that a listing was asked for: folders, and files that hold members."""

    def __init__(self, places: Sequence[str]) -> None:
        self._roots = frozenset(place.rstrip("/") or "/" for place in places)
        self._above: dict[str, tuple[str, ...]] = {}

    def of(self, uri: str) -> tuple[str, ...]:
        """All places that hold a uri, the innermost first; a text lies in its file."""
        uri = uri.removeprefix("text:")
        if "#" not in uri and uri not in self._roots:  # nearly every one, a million times
            return self._folders(uri.rpartition("/")[0])
        place = locate(uri)
        own = (place.file,) if place.file in self._roots else ()
        return own + self._folders(place.file.rpartition("/")[0])

    def count(self, uris: Iterable[str]) -> Counter[str]:
        """How many of the uris each place holds."""
        found: Counter[str] = Counter()
        folders: defaultdict[str, int] = defaultdict(int)
        for uri in uris:
            if "#" in uri or uri in self._roots or uri.startswith("text:"):
                found.update(self.of(uri))
            else:
                folders[uri.rpartition("/")[0]] += 1
        for folder, count in folders.items():
            found.update(dict.fromkeys(self._folders(folder), count))
        return found

    def _folders(self, folder: str) -> tuple[str, ...]:
        if folder not in self._above:
            own = ((folder or "/"),) if (folder or "/") in self._roots else ()
            self._above[folder] = own + (self._folders(folder.rpartition("/")[0]) if folder else ())
        return self._above[folder]


class Comparison:
    """A listing being compared with the catalog, entry by entry."""

    def __init__(
        self,
        known: Callable[[], Iterable[KnownFile]],
        *,
        facts: frozenset[FileFacts] | None = None,
        hopeless: Mapping[str, Seen] | None = None,
        failed: Iterable[str] = (),
        unembedded: Container[ItemId] = frozenset(),
        unread: Collection[ItemId] = (),
        places: Sequence[str] = (),
    ) -> None:
        """Begin.

        Args:
            known: gives the files of the catalog below the source's roots.
            facts: of all of these, where they are read sooner and none is described, unembedded or unread: then
                `known` is asked for the first file that is not as it was.
            hopeless: files that failed, and would fail again if they are the same: bytes that are no picture.
            failed: uris in the ledger of failures.
            unembedded: items that have no vector in the space to be filled.
            unread: items whose files were not asked yet for all that they say.
            places: of the source.
        """
        self._load = known
        self._facts = facts
        self._as_they_were: set[str] = set()
        self._hopeless = hopeless or {}
        self._failures = frozenset(failed)
        self._unseen_failures = set(self._failures)
        self._unembedded = unembedded
        self._unread = unread
        self._within = Places(places)
        self._plan = Plan()

    def as_they_were(self, files: Iterable[FileFacts]) -> set[str]:
        """The uris of files of which nothing is to be asked, as of nearly all; that is noted then."""
        if self._facts is not None:
            same = {file[0] for file in self._facts.intersection(files)}
        else:
            same = {file[0] for file in files if self._is_as_it_was(*file)}
        self._as_they_were |= same
        self._unseen_failures -= same
        self._plan.unchanged += len(same)
        return same

    def _is_as_it_was(self, uri: str, size: int, mtime_ns: int, ctime_ns: int) -> bool:
        before = self._unseen.get(uri)
        return (
            before is not None
            and mtime_ns == before.mtime_ns
            and 0 < ctime_ns == before.ctime_ns
            and size == before.bytes
            and not before.stamp
            and before.id not in self._unembedded
            and before.id not in self._unread
        )

    @cached_property
    def _known(self) -> tuple[KnownFile, ...]:
        return tuple(self._load())

    @cached_property
    def _unseen(self) -> dict[str, KnownFile]:
        """By uri, those that were not seen yet, and those that are as they were."""
        return {file.uri: file for file in self._known}

    def add(self, entry: Candidate | Skipped) -> None:
        """Compare one entry of the listing with what was there."""
        plan, uri = self._plan, entry.uri
        if isinstance(entry, Skipped):
            self._forget(uri)
            plan.skipped.append(entry)
            return
        before = self._forget(uri)
        if before is None:
            if entry.text is not None:
                plan.come.update(self._within.of(uri))
            self._try(entry)
            return
        if before.id in self._unread and entry.text is None and is_same(entry, before):
            plan.unread.append(Unread(entry, before.id))
        if before.id in self._unembedded:
            self._try(entry, before, unembedded=True)
        elif entry.text is not None or is_same(entry, before):
            unknown = before.ctime_ns < 0 or before.ctime_ns == 0 < entry.ctime_ns
            told_anew = _is_told_anew(entry, before)
            if unknown or told_anew:
                plan.tasks.append(Task(entry, before, same=True, told_anew=told_anew))
            else:
                plan.unchanged += 1
                plan.troubled |= self._failures.intersection(entry.texts)
        else:
            self._try(entry, before)

    def finish(self, covers: Callable[[str], bool]) -> Plan:
        """The plan of the whole listing; `covers` says whether it would have shown a uri."""
        plan = self._plan
        self._unseen_failures -= plan.troubled
        for task in plan.tasks if self._unseen_failures else ():  # their texts are read again
            self._unseen_failures.difference_update(task.candidate.texts)
        for uri, file in self._not_seen():
            if covers(uri):
                plan.gone[file.id] = file
            elif file.teller and file.stamp and covers(file.teller):
                plan.silenced.append(file)
        if plan.gone or plan.silenced:
            plan.held = self._within.count(file.uri for file in self._known)
            plan.told.update(file.teller for file in self._known if file.teller and file.stamp)
        plan.settled = [uri for uri in self._unseen_failures if covers(uri)]
        return plan

    def _not_seen(self) -> list[tuple[str, KnownFile]]:
        """What the listing did not show."""
        if self._facts is not None and len(self._facts) == len(self._as_they_were):
            return []
        return [(uri, file) for uri, file in self._unseen.items() if uri not in self._as_they_were]

    def _forget(self, uri: str) -> KnownFile | None:
        """What was there, which is seen now."""
        self._unseen_failures.discard(uri)
        return self._unseen.pop(uri, None)

    def _try(self, entry: Candidate, before: KnownFile | None = None, *, unembedded: bool = False) -> None:
        """A file is to be read, unless it failed before and would again."""
        failed = self._hopeless.get(entry.uri)
        if failed is not None and _failed_alike(entry, failed):
            self._plan.still_failed += 1
        else:
            self._plan.tasks.append(Task(entry, before, unembedded))


def make_plan(
    listing: Iterable[Candidate | Skipped],
    known: Iterable[KnownFile],
    covers: Callable[[str], bool],
    **about: Any,
) -> Plan:
    """Compare a whole listing; `about` is what `Comparison` is told. What `listing` raises passes through."""
    comparison = Comparison(lambda: known, **about)
    for entry in listing:
        comparison.add(entry)
    return comparison.finish(covers)


def is_same(seen: Seen, before: Seen) -> bool:
    """Whether a file looks as it did when it was read: by size, modification time and change time, where known.

    The change time tells what the others do not: that files of one size and time changed names, or that one was
    replaced and its time put back.
    """
    if UNKNOWN_SIZE not in (seen.bytes, before.bytes) and seen.bytes != before.bytes:
        return False
    if before.ctime_ns < 0:  # of a library of before, whose times below a millisecond are no times
        changed_after = seen.ctime_ns > -before.ctime_ns - _SETTLING_NS
        return not changed_after and seen.mtime_ns // _MILLISECOND == before.mtime_ns // _MILLISECOND
    known = seen.ctime_ns and before.ctime_ns
    return seen.mtime_ns == before.mtime_ns and (not known or seen.ctime_ns == before.ctime_ns)


def _is_told_anew(candidate: Candidate, known: KnownFile) -> bool:
    """Whether the source may say something else than before. One that says nothing leaves what another says."""
    if candidate.teller is None:
        return False
    if candidate.teller == (known.teller or ""):
        return candidate.stamp != known.stamp
    return candidate.stamp != 0


def _failed_alike(candidate: Candidate, failed: Seen) -> bool:
    """Whether a file that failed looks as it did; one of which nothing is known may be another."""
    return bool(candidate.mtime_ns or candidate.ctime_ns) and is_same(candidate, failed)
