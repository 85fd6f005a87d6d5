"""Planning: a listing against the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.indexer.identity import Puzzle, resolve
from vasari.indexer.plan import Comparison, Plan, Task, make_plan
from vasari.indexer.sources.source import Candidate, FileFacts
from vasari.retrieval.catalog.records import Failure, KnownFile
from vasari.retrieval.domain import Skipped

Files = Mapping[str, tuple[str, int]]  # path -> (content, modification time)

PATHS = st.sampled_from([f"/photos/{name}" for name in "abcdefgh"])
CONTENTS = st.sampled_from(["red", "green", "blue", "yellow"])
FOLDERS = st.dictionaries(PATHS, st.tuples(CONTENTS, st.integers(1, 3)))


def listing(files: Files) -> list[Candidate]:
    return [Candidate(uri, len(content), mtime, 1) for uri, (content, mtime) in sorted(files.items())]


def catalog(files: Files) -> dict[str, KnownFile]:
    return {
        uri: KnownFile(number, uri, len(content), mtime, content, ctime_ns=1)
        for number, (uri, (content, mtime)) in enumerate(sorted(files.items()), start=1)
    }


def everywhere(uri: str) -> bool:
    return True


def carry_out(
    plan: Plan, known: Mapping[str, KnownFile], files: Files
) -> tuple[dict[int, KnownFile], set[int]]:
    """What the pipeline and the committer make of a plan: items by id, and the ids that were newly embedded."""
    items = {file.id: file for file in known.values()}
    embedded: set[int] = set()

    def put(item: int, uri: str) -> None:
        items[item] = KnownFile(item, uri, len(files[uri][0]), files[uri][1], files[uri][0], ctime_ns=1)

    def is_the_same(task: Task) -> bool:
        return task.known is not None and task.known.content_hash == files[task.candidate.uri][0]

    verdict = resolve(
        [Puzzle(task, files[task.candidate.uri][0]) for task in plan.tasks if not is_the_same(task)],
        plan,
        lambda hashes: [file for file in known.values() if file.content_hash in set(hashes)],
        lambda _: True,
    )
    for task in filter(is_the_same, plan.tasks):
        put(task.known.id if task.known else 0, task.candidate.uri)
    for item in [*verdict.displaced, *plan.gone]:
        del items[item]
    for origin, task in verdict.moves:
        put(origin.id, task.candidate.uri)
    for task in verdict.tasks:
        new = (
            task.known.id
            if task.known
            else 1 + max([*items, *(file.id for file in known.values())], default=0)
        )
        put(new, task.candidate.uri)
        embedded.add(new)
    return items, embedded


@given(FOLDERS, FOLDERS, st.sets(st.integers(1, 8)), st.sets(st.integers(1, 8)), st.sets(PATHS))
def test_files_that_a_source_passes_over_leave_the_plan_as_it_is(
    before: Files, after: Files, unembedded: set[int], unread: set[int], failed: set[str]
) -> None:
    """Whether a file that is as it was is told by its facts alone or as a candidate, the plan is the same."""
    known, seen = catalog(before).values(), listing(after)
    about: dict[str, Any] = {
        "unembedded": unembedded,
        "unread": unread,
        "failed": failed,
        "places": ["/photos"],
    }
    every = frozenset((f.uri, f.bytes, f.mtime_ns, f.ctime_ns) for f in known)
    facts = None if unembedded or unread else every
    comparison = Comparison(lambda: known, facts=facts, **about)
    same = comparison.as_they_were([entry[:4] for entry in seen])
    for entry in seen:
        if entry.uri not in same:
            comparison.add(entry)
    assert comparison.finish(everywhere) == make_plan(seen, known, everywhere, **about)
    assert not {uri for uri in same if after[uri] != before.get(uri)}


def test_known_files_are_not_loaded_where_all_are_as_they_were() -> None:
    """The facts of files decide, until the first that is another or was not seen."""
    files: Files = {"/a.jpg": ("red", 1), "/b.jpg": ("blue", 2)}
    known, seen = list(catalog(files).values()), [entry[:4] for entry in listing(files)]
    loads: list[str] = []

    def load() -> list[KnownFile]:
        loads.append("once")
        return known

    def compared(*shown: FileFacts) -> Plan:
        comparison = Comparison(load, facts=frozenset(seen))
        comparison.as_they_were(shown)
        return comparison.finish(everywhere)

    assert compared(*seen).unchanged == 2
    assert not loads
    assert list(compared(seen[0]).gone) == [known[1].id]
    assert loads == ["once"]


@given(FOLDERS, FOLDERS)
def test_carrying_out_a_plan_makes_the_catalog_equal_the_listing(before: Files, after: Files) -> None:
    """Whatever was added, edited, renamed, copied or deleted, each file ends as one item with its content."""
    known = catalog(before)
    items, _ = carry_out(
        make_plan(listing(after), known.values(), everywhere), known, _noticed(before, after)
    )
    found = sorted((item.uri, item.content_hash, item.mtime_ns) for item in items.values())
    assert found == sorted((uri, *facts) for uri, facts in _noticed(before, after).items())


@given(FOLDERS, FOLDERS)
def test_a_second_plan_finds_nothing_to_do(before: Files, after: Files) -> None:
    """Indexing twice is indexing once."""
    known = catalog(before)
    items, _ = carry_out(make_plan(listing(after), known.values(), everywhere), known, after)
    again = make_plan(listing(after), items.values(), everywhere)
    assert (again.tasks, again.gone, again.unchanged) == ([], {}, len(after))


@given(FOLDERS, st.permutations([f"/photos/{name}" for name in "abcdefgh"]))
def test_renaming_to_new_names_embeds_nothing(before: Files, names: list[str]) -> None:
    """Files that moved to paths unknown before keep their ids and their vectors."""
    known = catalog(before)
    after = {f"/elsewhere{new}": before[old] for old, new in zip(sorted(before), names, strict=False)}
    items, embedded = carry_out(make_plan(listing(after), known.values(), everywhere), known, after)
    assert embedded == set()
    assert set(items) == {file.id for file in known.values()}


def _noticed(before: Files, after: Files) -> Files:
    """`after` as it looks to someone who trusts size and modification time."""
    same = {
        uri: before[uri]
        for uri, (content, mtime) in after.items()
        if uri in before and before[uri][1] == mtime and len(before[uri][0]) == len(content)
    }
    return {**after, **same}


def test_an_unchanged_file_is_not_read() -> None:
    """Size and modification time as known: no task."""
    files = {"/a.jpg": ("red", 5)}
    plan = make_plan(listing(files), catalog(files).values(), everywhere)
    assert (plan.tasks, plan.unchanged) == ([], 1)


@pytest.mark.parametrize("now", [("red", 6), ("crimson", 5)])
def test_a_file_of_another_time_or_size_is_read(now: tuple[str, int]) -> None:
    """Either difference is enough to look into the file."""
    known = catalog({"/a.jpg": ("red", 5)})
    plan = make_plan(listing({"/a.jpg": now}), known.values(), everywhere)
    assert [task.known for task in plan.tasks] == [known["/a.jpg"]]


def test_what_the_listing_does_not_cover_stays() -> None:
    """Files below an unreadable folder are neither removed nor taken for moved."""
    known = catalog({"/closed/a.jpg": ("red", 1), "/open/b.jpg": ("red", 1)})
    plan = make_plan([], known.values(), lambda uri: uri.startswith("/open/"))
    assert [file.uri for file in plan.gone.values()] == ["/open/b.jpg"]


def test_a_broken_listing_makes_no_plan() -> None:
    """An error while listing passes through, so nothing is removed on its account."""

    def broken() -> Iterator[Candidate]:
        yield Candidate("/a.jpg", 1, 1)
        raise OSError("the drive was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        make_plan(broken(), catalog({"/b.jpg": ("red", 1)}).values(), everywhere)


def test_an_item_without_a_vector_is_read_again() -> None:
    """A new space, or one whose segment was damaged, is filled from unchanged files too."""
    files = {"/a.jpg": ("red", 5), "/b.jpg": ("blue", 5)}
    known = catalog(files)
    plan = make_plan(listing(files), known.values(), everywhere, unembedded={known["/b.jpg"].id})
    assert [(task.candidate.uri, task.unembedded) for task in plan.tasks] == [("/b.jpg", True)]
    assert plan.unchanged == 1


@given(FOLDERS, st.permutations("abcdefgh"))
def test_names_that_change_places_change_no_item(before: Files, order: list[str]) -> None:
    """Files that were swapped, or renumbered in circles and chains, are the items that they were."""
    known = catalog(before)
    names = dict(zip("abcdefgh", order, strict=True))
    after = {f"/photos/{names[uri[-1]]}": (content, mtime + 5) for uri, (content, mtime) in before.items()}
    items, embedded = carry_out(make_plan(listing(after), known.values(), everywhere), known, after)
    assert embedded == set()
    assert {item: file.content_hash for item, file in items.items()} == {
        file.id: file.content_hash for file in known.values()
    }


SEEN = KnownFile(1, "/a.jpg", 3, 5, "red", ctime_ns=70)


@pytest.mark.parametrize(
    ("now", "unchanged"),
    [
        (Candidate("/a.jpg", 3, 5, 70), True),
        (Candidate("/a.jpg", 3, 5, 71), False),
        (Candidate("/a.jpg", 3, 5, 69), False),
        (Candidate("/a.jpg", 3, 5, 0), True),
    ],
    ids=["same", "later", "earlier", "unknown"],
)
def test_a_change_time_tells_what_size_and_time_do_not(now: Candidate, unchanged: bool) -> None:
    """A file that was replaced with its times put back is read; where no change time is known, the others decide."""
    plan = make_plan([now], [SEEN], everywhere)
    assert (plan.unchanged, len(plan.tasks)) == ((1, 0) if unchanged else (0, 1))


HOUR = 3600 * 10**9


@pytest.mark.parametrize(("changed", "read"), [(100 * HOUR, False), (201 * HOUR, True)])
def test_an_item_of_an_older_library_is_read_only_if_it_may_have_changed(changed: int, read: bool) -> None:
    """Where no change time was kept, one from before the file was indexed proves that it is the same."""
    before = KnownFile(1, "/a.jpg", 3, 5_000_123, "red", ctime_ns=-200 * HOUR)
    plan = make_plan([Candidate("/a.jpg", 3, 5_000_999, changed)], [before], everywhere)
    assert [task.same for task in plan.tasks] == [not read]


def test_another_description_is_listened_to_without_reading_the_picture() -> None:
    """A source that may say something else than before is asked; one that says nothing leaves another's words."""
    by_table = KnownFile(1, "/a.jpg", 3, 5, "red", teller="/t.csv", stamp=8)
    for entry, asked in (
        (Candidate("/a.jpg", 3, 5, teller="/t.csv", stamp=8), False),
        (Candidate("/a.jpg", 3, 5, teller="/t.csv", stamp=9), True),
        (Candidate("/a.jpg", 3, 5, teller="/t.csv"), True),
        (Candidate("/a.jpg", 3, 5, teller="", stamp=9), True),
        (Candidate("/a.jpg", 3, 5, teller=""), False),
        (Candidate("/a.jpg", 3, 5), False),
    ):
        assert [task.same for task in make_plan([entry], [by_table], everywhere).tasks] == [True] * asked


@pytest.mark.parametrize(
    ("seen", "tried"),
    [
        (Candidate("/a.jpg", 3, 5, 7), False),
        (Candidate("/a.jpg", 4, 5, 7), True),
        (Candidate("/a.jpg", 3, 6, 7), True),
        (Candidate("/a.jpg", 3, 5, 8), True),
        (Candidate("/a.jpg", 3, 0, 0), True),
    ],
    ids=["same", "size", "time", "change time", "unknown"],
)
def test_a_hopeless_file_is_tried_again_once_it_is_another(seen: Candidate, tried: bool) -> None:
    """A file that is no picture costs one look, whatever clocks say; it is compared with what it was."""
    failed = Failure("/a.jpg", "decode", "broken", 1, datetime.now(UTC), bytes=3, mtime_ns=5, ctime_ns=7)
    plan = make_plan([seen], [], everywhere, failed=["/a.jpg"], hopeless={"/a.jpg": failed})
    assert plan.tasks == ([Task(seen)] if tried else [])
    assert plan.still_failed == (0 if tried else 1)


def test_failures_of_vanished_files_are_settled() -> None:
    """A bad file that was deleted, and a folder that became readable, leave the ledger."""
    skipped = Skipped("/closed", "list", "permission denied")
    plan = make_plan(
        [skipped, Candidate("/bad.jpg", 3, 5, 1)],
        [],
        lambda uri: uri != "/far/away.jpg",
        failed=["/closed", "/bad.jpg", "/deleted.jpg", "/far/away.jpg"],
    )
    assert plan.skipped == [skipped]
    assert plan.settled == ["/deleted.jpg"]


def test_of_equal_files_each_goes_to_the_likest_path() -> None:
    """Equal pictures that moved together keep their places among each other; one that is too many is a copy."""
    known = catalog({f"/old/{name}": ("red", 1) for name in ("1/x.jpg", "2/x.jpg", "2/y.jpg")})
    after = {f"/new/{name}": ("red", 1) for name in ("1/x.jpg", "2/x.jpg", "2/y.jpg", "3/z.jpg")}
    items, embedded = carry_out(make_plan(listing(after), known.values(), everywhere), known, after)
    assert [items[number].uri for number in (1, 2, 3)] == ["/new/1/x.jpg", "/new/2/x.jpg", "/new/2/y.jpg"]
    assert embedded == {4}


def test_a_copy_over_a_known_file_is_no_edit() -> None:
    """What people said of the picture that was overwritten is not said of the copy."""
    known = catalog({"/a.jpg": ("red", 1), "/b.jpg": ("blue", 1)})
    after = {"/a.jpg": ("blue", 9), "/b.jpg": ("blue", 1)}
    items, _ = carry_out(make_plan(listing(after), known.values(), everywhere), known, after)
    assert {number: file.uri for number, file in items.items()} == {2: "/b.jpg", 3: "/a.jpg"}


def test_an_edit_stays_its_item_unless_the_old_content_is_elsewhere() -> None:
    """A file that was saved again keeps its item; where the original was renamed first, the item went along."""
    known = catalog({"/a.jpg": ("red", 1)})
    for after, expected in (
        ({"/a.jpg": ("green", 9)}, {1: "/a.jpg"}),
        ({"/a.jpg": ("green", 9), "/b.jpg": ("red", 1)}, {1: "/b.jpg", 2: "/a.jpg"}),
    ):
        items, _ = carry_out(make_plan(listing(after), known.values(), everywhere), known, after)
        assert {number: file.uri for number, file in items.items()} == expected


def test_a_missing_item_comes_back_wherever_its_content_is_seen() -> None:
    """An item of this very path is preferred to one that is missing from elsewhere."""
    missing = [KnownFile(number, f"/old/{number}.jpg", 3, 1, "red", missing=True) for number in (1, 2)]
    puzzles = [Puzzle(Task(Candidate("/old/2.jpg", 3, 9)), "red")]
    verdict = resolve(puzzles, Plan(), lambda _: missing, lambda _: False)
    assert [item.id for item, _ in verdict.moves] == [2]


def test_an_item_of_another_folder_is_moved_only_if_it_is_not_there_any_more() -> None:
    """A copy of a picture in a folder that was not listed is an item of its own."""
    other = KnownFile(1, "/other/a.jpg", 3, 1, "red")
    puzzles = [Puzzle(Task(Candidate("/here/a.jpg", 3, 1)), "red")]
    moved = resolve(puzzles, Plan(), lambda _: [other], lambda _: False)
    copied = resolve(puzzles, Plan(), lambda _: [other], lambda _: True)
    assert ([item.id for item, _ in moved.moves], moved.tasks) == ([1], [])
    assert (copied.moves, [task.known for task in copied.tasks]) == ([], [None])
