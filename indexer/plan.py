"""Plan (diff) of a job: a source's listing against what the catalog knows. Pure, no files are opened here.

Three steps tell a file's fate, each cheaper than the next: its path (known or new), its size and times (unchanged),
its content hash (touched, moved, changed). The first two are decided here; the third when the pipeline has read the
bytes (`vasari.indexer.identity`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

from vasari.indexer.sources.source import UNKNOWN_SIZE, Candidate
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
    same: bool = False  # only what its source says is another: it need not be read
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
    held: Counter[str] = field(default_factory=Counter)  # known files by place, before the job
    come: Counter[str] = field(default_factory=Counter)  # new texts by place: lines in the stead of others
    told: Counter[str] = field(default_factory=Counter)  # known files by the source that describes them
    unread: list[Unread] = field(default_factory=list)  # counted among the others, too
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)  # what the listing itself could not use
    still_failed: int = 0  # failed before, unchanged since: not tried again
    troubled: set[str] = field(
        default_factory=set
    )  # texts beside unchanged pictures that could not be used before either
    settled: list[str] = field(
        default_factory=list
    )  # uris of failures whose file or folder is no longer a trouble

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


def make_plan(
    listing: Iterable[Candidate | Skipped],
    known: Iterable[KnownFile],
    covers: Callable[[str], bool],
    *,
    hopeless: Mapping[str, Seen] | None = None,
    failed: Iterable[str] = (),
    unembedded: Container[ItemId] = frozenset(),
    unread: Collection[ItemId] = (),
    places: Sequence[str] = (),
) -> Plan:
    """Compare. Whatever `listing` raises passes through, so that a broken listing removes nothing.

    Args:
        listing: what there is now.
        known: the files of the catalog below the source's roots.
        covers: asked after the listing: whether it would have shown this uri.
        hopeless: files that failed, and would fail again if they are the same: bytes that are no picture.
        failed: uris in the ledger of failures.
        unembedded: items that have no vector in the space to be filled.
        unread: items whose files were not asked yet for all that they say.
        places: of the source.
    """
    hopeless = hopeless or {}
    plan = Plan()
    within = Places(places)
    unseen: dict[str, KnownFile] = {}
    for file in known:
        unseen[file.uri] = file
        if file.teller and file.stamp:
            plan.told[file.teller] += 1
    plan.held = within.count(unseen)
    failures = frozenset(failed)
    unseen_failures = set(failures)
    for entry in listing:
        before = unseen.pop(entry.uri, None)
        if unseen_failures:
            unseen_failures.discard(entry.uri)
        if unread and before is not None and before.id in unread and _is_same_picture(entry, before):
            plan.unread.append(Unread(entry, before.id))
        if before is not None and before.id not in unembedded and _is_as_it_was(entry, before):
            plan.unchanged += 1
            continue
        if isinstance(entry, Skipped):
            plan.skipped.append(entry)
            continue
        if before is None and entry.text is not None:
            plan.come.update(within.of(entry.uri))
        bare = before is not None and before.id in unembedded
        if before is not None and not bare and (entry.text is not None or is_same(entry, before)):
            unknown = before.ctime_ns < 0 or before.ctime_ns == 0 < entry.ctime_ns
            if unknown or _is_told_anew(entry, before):
                plan.tasks.append(Task(entry, before, same=True))
            else:
                plan.unchanged += 1
                plan.troubled |= failures.intersection(entry.texts)
        elif entry.uri in hopeless and _failed_alike(entry, hopeless[entry.uri]):
            plan.still_failed += 1
        else:
            plan.tasks.append(Task(entry, before, bare))
    unseen_failures -= plan.troubled
    for task in plan.tasks if unseen_failures else ():  # their texts are read again
        unseen_failures.difference_update(task.candidate.texts)
    for uri, file in unseen.items():
        if covers(uri):
            plan.gone[file.id] = file
        elif file.teller and file.stamp and covers(file.teller):
            plan.silenced.append(file)
    plan.settled = [uri for uri in unseen_failures if covers(uri)]
    return plan


def _is_same_picture(entry: Candidate | Skipped, before: KnownFile) -> TypeGuard[Candidate]:
    """Whether it is a picture that lies there as it was read."""
    return isinstance(entry, Candidate) and entry.text is None and is_same(entry, before)


def _is_as_it_was(entry: Candidate | Skipped, before: KnownFile) -> bool:
    """Whether nothing at all is to be asked about a file: nearly every one, a million times."""
    return (
        entry.mtime_ns == before.mtime_ns
        and 0 < entry.ctime_ns == before.ctime_ns
        and entry.bytes == before.bytes
        and isinstance(entry, Candidate)
        and 0 == entry.stamp == before.stamp
        and not entry.texts
    )


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
