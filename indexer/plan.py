"""What there is to do: a source's listing against what the catalog knows. Pure, no files are opened here.

Three steps tell a file's fate, each cheaper than the next: its path (known or new), its size and modification
time (unchanged), its content hash (touched, moved, changed). The first two are decided here; the third when
the pipeline has read the bytes, which happens once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from indexer.sources.source import UNKNOWN_SIZE, Candidate
from retrieval.domain import ItemId, Skipped


class Known(Protocol):
    """What the catalog remembers of a file that is not deleted."""

    @property
    def id(self) -> ItemId: ...  # noqa: D102
    @property
    def uri(self) -> str: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102
    @property
    def mtime_ns(self) -> int: ...  # noqa: D102
    @property
    def content_hash(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Task:
    """A file to read: a new one, a changed one (`known`), or one without a vector (`known`, `unembedded`)."""

    candidate: Candidate
    known: Known | None = None
    unembedded: bool = False


class Gone:
    """Known files that the finished listing did not show: claimed by a move, or removed at the end."""

    def __init__(self, files: Iterable[Known]) -> None:
        self._by_hash: dict[str, deque[Known]] = {}
        for file in sorted(files, key=lambda file: file.uri):
            self._by_hash.setdefault(file.content_hash, deque()).append(file)

    def __contains__(self, content_hash: object) -> bool:
        return content_hash in self._by_hash

    def __iter__(self) -> Iterator[Known]:
        for files in self._by_hash.values():
            yield from files

    def claim(self, content_hash: str) -> Known | None:
        """Take one gone file with this content: the new path is where it went. None if there is none left."""
        files = self._by_hash.get(content_hash)
        if files is None:
            return None
        file = files.popleft()
        if not files:
            del self._by_hash[content_hash]
        return file


@dataclass(slots=True)
class Plan:
    """Files to read, in listing order, and the fate of all others."""

    tasks: list[Task] = field(default_factory=list)
    gone: Gone = field(default_factory=lambda: Gone(()))
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)  # what the listing itself could not use
    still_failed: int = 0  # failed before, unchanged since: not tried again
    settled: list[str] = field(
        default_factory=list
    )  # uris of failures whose file or folder is no longer a trouble


def make_plan(
    listing: Iterable[Candidate | Skipped],
    known: Iterable[Known],
    covers: Callable[[str], bool],
    *,
    failed_at: Mapping[str, int] | None = None,
    hopeless: Container[str] = frozenset(),
    unembedded: Container[ItemId] = frozenset(),
) -> Plan:
    """Compare. Whatever `listing` raises passes through, so that a broken listing removes nothing.

    Args:
        listing: what there is now.
        known: the files of the catalog below the source's roots.
        covers: asked after the listing: whether it would have shown this uri.
        failed_at: when a uri last failed (nanoseconds since 1970).
        hopeless: those of them that would fail again if the file is the same: bytes that are no picture.
        unembedded: items that have no vector in the space to be filled.
    """
    failed_at = failed_at or {}
    plan = Plan()
    unseen = {file.uri: file for file in known}
    unseen_failures = set(failed_at)
    for entry in listing:
        before = unseen.pop(entry.uri, None)
        unseen_failures.discard(entry.uri)
        if isinstance(entry, Skipped):
            plan.skipped.append(entry)
            continue
        bare = before is not None and before.id in unembedded
        if before is not None and _same(entry, before) and not bare:
            plan.unchanged += 1
        elif entry.uri in hopeless and _unchanged_since(entry, failed_at[entry.uri]):
            plan.still_failed += 1
        else:
            plan.tasks.append(Task(entry, before, bare))
    plan.gone = Gone(file for uri, file in unseen.items() if covers(uri))
    plan.settled = [uri for uri in failed_at if uri in unseen_failures and covers(uri)]
    return plan


def _same(candidate: Candidate, known: Known) -> bool:
    return candidate.mtime_ns == known.mtime_ns and candidate.bytes in (known.bytes, UNKNOWN_SIZE)


def _unchanged_since(candidate: Candidate, moment_ns: int) -> bool:
    """Whether neither content nor permissions changed since; unlike mtime, ctime cannot be set back."""
    return 0 < candidate.ctime_ns < moment_ns
