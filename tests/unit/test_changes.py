"""When changes below folders are due to be looked at."""

from __future__ import annotations

from pathlib import Path

from watchfiles import Change

from vasari.indexer.changes import Settling

PICTURE = (Change.added, "/photos/a.png")


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_changes_are_due_once_when_they_have_settled() -> None:
    """Each change puts it off; nothing is due before there was one, or again without another."""
    clock = Clock()
    settling = Settling(2.0, clock)
    due = []
    for seconds, changes in (
        (0, []),
        (1, [PICTURE]),
        (1.9, []),
        (0, [PICTURE]),
        (1.9, []),
        (0.2, []),
        (9, []),
    ):
        clock.now += seconds
        due.append(settling.is_due(changes))
    assert due == [False, False, False, False, False, True, False]


def test_a_copy_that_never_pauses_is_due_in_between() -> None:
    """After a minute, though something changes all the time."""
    clock = Clock()
    settling = Settling(2.0, clock)
    due = []
    for _ in range(125):
        due.append(settling.is_due([PICTURE]))
        clock.now += 1
    assert [second for second, is_due in enumerate(due) if is_due] == [60, 121]


def test_the_watch_begins_anew_after_a_folder_came(tmp_path: Path) -> None:
    """What is put into a folder before that is watched itself is told by nobody; a folder that goes is no matter."""
    settling = Settling(2.0)
    settling.is_due([PICTURE, (Change.deleted, str(tmp_path))])
    assert not settling.anew
    settling.is_due([(Change.added, str(tmp_path))])
    assert settling.anew
