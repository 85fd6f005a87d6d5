"""Identity of files (rename and move detection): content decides which item a file is, not the name.

A file whose content belongs to an item that is not where it was, be it renamed, swapped with another, carried to
another disk, or missing for a year, is that item. One whose content is that of an item which is still in its place is
a copy, and a new item. One with content that nobody has seen, under a known name, was edited: it stays its item,
unless that item's own content turned up elsewhere.

So nothing of this can be decided before all files were read. The pipeline puts aside what depends on it, as a name and
a hash, and asks at the end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vasari.indexer.plan import Plan, Task
from vasari.retrieval.catalog.records import KnownFile
from vasari.retrieval.domain import ItemId

_DEEPEST = 6  # parts of a path that tell equal pictures apart
_Files = Callable[[Iterable[str]], Sequence[KnownFile]]


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A file that was read, and need not be decoded, for now or for ever: whose item it is depends on the others."""

    task: Task
    content_hash: str

    @property
    def touched(self) -> KnownFile | None:
        """The item under its name, if that has this content already."""
        known = self.task.known
        return known if known is not None and known.content_hash == self.content_hash else None


@dataclass(slots=True)
class Verdict:
    """What became of the puzzles."""

    # Items under the path where they are now.
    moves: list[tuple[KnownFile, Task]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)  # edited and new files, which need a vector
    displaced: list[ItemId] = field(default_factory=list)  # another content lies under their name
    aliases: list[tuple[str, str]] = field(default_factory=list)  # files that are known by another path


def resolve(
    puzzles: Sequence[Puzzle],
    plan: Plan,
    of_content: _Files,
    in_place: Callable[[KnownFile], bool],
    same_file: Callable[[str, str], bool] = lambda _one, _other: False,
) -> Verdict:
    """Decide all puzzles. Items that were found again are taken out of `plan.gone`.

    `of_content` gives the items, live or missing, of some content hashes; `in_place` looks whether an item that this
    listing says nothing about is still where it was, `same_file` whether two paths lead to one file.
    """
    changed = {puzzle.task.known.id for puzzle in puzzles if puzzle.task.known is not None}

    def is_loose(item: KnownFile) -> bool:
        return item.missing or item.id in plan.gone or item.id in changed or not in_place(item)

    known: dict[str, list[KnownFile]] = defaultdict(list)
    for item in of_content({puzzle.content_hash for puzzle in puzzles}):
        known[item.content_hash].append(item)
    files: dict[str, list[Task]] = defaultdict(list)
    for puzzle in puzzles:
        files[puzzle.content_hash].append(puzzle.task)
    origins: dict[str, KnownFile] = {}  # by the uri of the file
    for content, tasks in files.items():
        loose = [item for item in known[content] if is_loose(item)]
        origins |= pair([task.candidate.uri for task in tasks], loose)
    for item in origins.values():
        plan.gone.pop(item.id, None)
    return _verdict(puzzles, origins, known, same_file)


def inherit(lost: Sequence[KnownFile], copies: Sequence[KnownFile]) -> list[tuple[KnownFile, KnownFile]]:
    """For each item whose file is gone a copy of it, as far as there are any, whose file is its own from now on.

    A folder that was copied to another disk, looked at, and then deleted where it was, has been moved.
    """
    gone: dict[str, list[KnownFile]] = defaultdict(list)
    for item in lost:
        gone[item.content_hash].append(item)
    there: dict[str, dict[str, KnownFile]] = defaultdict(dict)
    for copy in copies:
        there[copy.content_hash][copy.uri] = copy
    return [
        (item, files[uri])
        for content, files in there.items()
        for uri, item in pair(list(files), gone[content]).items()
    ]


def _verdict(
    puzzles: Sequence[Puzzle],
    origins: Mapping[str, KnownFile],
    known: Mapping[str, Sequence[KnownFile]],
    same_file: Callable[[str, str], bool],
) -> Verdict:
    verdict = Verdict()
    claimed = {item.id for item in origins.values()}
    for puzzle in puzzles:
        task, uri = puzzle.task, puzzle.task.candidate.uri
        before = task.known if task.known is not None and task.known.id not in claimed else None
        origin = origins.get(uri)
        other = next((item.uri for item in known[puzzle.content_hash] if same_file(uri, item.uri)), None)
        edited = origin is None and not known.get(puzzle.content_hash)
        if origin is not None:
            verdict.moves.append((origin, task))
        elif other is not None and task.known is None:
            verdict.aliases.append((uri, other))
        else:
            verdict.tasks.append(replace(task, known=before if edited else None, settled=True))
        if before is not None and not edited:
            verdict.displaced.append(before.id)
    return verdict


def pair(uris: Sequence[str], items: Sequence[KnownFile]) -> dict[str, KnownFile]:
    """Give each uri an item, as far as there are any: the likest paths first, and those that are not missing."""
    found: dict[str, KnownFile] = {}
    waiting = sorted(items, key=lambda item: (item.missing, item.uri, item.id))
    for parts in range(_DEEPEST, -1, -1):
        if not waiting or len(found) == len(uris):
            break
        by_end: dict[str, deque[KnownFile]] = defaultdict(deque)
        for item in waiting:
            by_end[_end(item.uri, parts)].append(item)
        for uri in uris:
            if uri not in found and (same := by_end.get(_end(uri, parts))):
                found[uri] = same.popleft()
        taken = {item.id for item in found.values()}
        waiting = [item for item in waiting if item.id not in taken]
    return found


def _end(uri: str, parts: int) -> str:
    """The last parts of a path; the whole of it where as many are asked for as are compared."""
    if parts == _DEEPEST:
        return uri
    return "/".join(uri.rsplit("/", parts)[-parts:]) if parts else ""
