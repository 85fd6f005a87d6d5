"""Planning: a listing against the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.plan import Gone, Plan, Task, make_plan
from indexer.sources.source import Candidate
from retrieval.catalog.records import KnownFile
from retrieval.domain import Skipped

Files = Mapping[str, tuple[str, int]]  # path -> (content, modification time)

PATHS = st.sampled_from([f"/photos/{name}" for name in "abcdefgh"])
CONTENTS = st.sampled_from(["red", "green", "blue", "yellow"])
FOLDERS = st.dictionaries(PATHS, st.tuples(CONTENTS, st.integers(1, 3)))


def listing(files: Files) -> list[Candidate]:
    return [Candidate(uri, len(content), mtime, 1) for uri, (content, mtime) in sorted(files.items())]


def catalog(files: Files) -> dict[str, KnownFile]:
    return {
        uri: KnownFile(number, uri, len(content), mtime, content)
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
    for task in plan.tasks:
        uri = task.candidate.uri
        content, mtime = files[uri]
        if task.known is not None:
            item = task.known.id
            if task.known.content_hash != content:
                embedded.add(item)
        elif (origin := plan.gone.claim(content)) is not None:
            item = origin.id
        else:
            item = max(items, default=0) + 1
            embedded.add(item)
        items[item] = KnownFile(item, uri, len(content), mtime, content)
    for file in plan.gone:
        del items[file.id]
    return items, embedded


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
    assert (again.tasks, list(again.gone), again.unchanged) == ([], [], len(after))


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
    assert [file.uri for file in plan.gone] == ["/open/b.jpg"]


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


@pytest.mark.parametrize(
    ("changed_at", "tried"), [(99, False), (101, True), (0, True)], ids=["before", "after", "unknown"]
)
def test_a_hopeless_file_is_tried_again_once_it_changed(changed_at: int, tried: bool) -> None:
    """A file that is no picture costs one look at its change time, not one decode a run."""
    file = Candidate("/a.jpg", 3, 5, changed_at)
    plan = make_plan([file], [], everywhere, failed_at={"/a.jpg": 100}, hopeless={"/a.jpg"})
    assert plan.tasks == ([Task(file)] if tried else [])
    assert plan.still_failed == (0 if tried else 1)


def test_failures_of_vanished_files_are_settled() -> None:
    """A bad file that was deleted, and a folder that became readable, leave the ledger."""
    skipped = Skipped("/closed", "list", "permission denied")
    plan = make_plan(
        [skipped, Candidate("/bad.jpg", 3, 5, 1)],
        [],
        lambda uri: uri != "/far/away.jpg",
        failed_at={"/closed": 100, "/bad.jpg": 100, "/deleted.jpg": 100, "/far/away.jpg": 100},
        hopeless={"/bad.jpg"},
    )
    assert plan.skipped == [skipped]
    assert plan.settled == ["/deleted.jpg"]


def test_each_gone_file_is_claimed_once() -> None:
    """Of two new copies of a vanished file, one is the moved file and the other a new one."""
    known = catalog({"/a.jpg": ("red", 1), "/b.jpg": ("red", 1)})
    gone = Gone(known.values())
    assert [gone.claim("red"), gone.claim("red"), gone.claim("red")] == [
        known["/a.jpg"],
        known["/b.jpg"],
        None,
    ]
    assert "red" not in gone
