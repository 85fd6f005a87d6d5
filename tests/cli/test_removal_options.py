"""How many items a person lets go, and for how long they have to be missing."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from vasari.api.cli.indexing import removable, with_consent
from vasari.api.cli.options import duration
from vasari.indexer.progress import IndexReport
from vasari.indexer.removal import Withheld
from vasari.retrieval.errors import UsageError


def test_a_length_of_time_is_a_number_and_a_unit() -> None:
    """As people write it; nothing negative, broken or endless is one."""
    assert duration("30d") == timedelta(days=30)
    assert duration("8w") == timedelta(weeks=8)
    assert duration("90m") == timedelta(minutes=90)
    for wrong in ("", "d", "30", "-1d", "nan", "nand", "1e3d", "1.5d", "99999w", "٣d", "3 d"):
        with pytest.raises(UsageError, match="no length of time"):
            duration(wrong)


def test_removal_is_allowed_by_a_number_or_all() -> None:
    """Without the option nothing doubtful is removed."""
    assert (removable(None), removable("12"), removable("all")) == (0, 12, sys.maxsize)
    for wrong in ("-1", "some", "1.5", "٣", ""):
        with pytest.raises(UsageError, match="takes a number"):
            removable(wrong)


def test_who_is_no_terminal_is_told_and_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """The job runs once; a line says what was kept, and how to go on."""
    asked: list[int] = []

    def run(allowed: int) -> IndexReport:
        asked.append(allowed)
        return IndexReport(withheld=(Withheld("/drive", 5, 5),))

    with_consent(run, 3, ask=True)
    assert asked == [3]
    assert "--allow-removal 5" in capsys.readouterr().err
