"""What the engine tells while it works: nothing, unless somebody asks."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run


def test_records_are_shown_to_who_asks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, by `--debug` before or after the command, or from the level on that the environment names."""
    assert run("keys", "create", "page")[0] == 0
    for words, shown in ((["--debug", "doctor"], True), (["doctor"], False), (["doctor", "--debug"], True)):
        ended, out, err = run(*words)
        assert (ended, out) == (0, "all is well\n")
        assert ("vasari.retrieval.catalog.lease: lease" in err) is shown
    for level, shown in (("DEBUG", True), ("warning", False)):
        monkeypatch.setenv("VASARI_LOG_LEVEL", level)
        assert (" is taken for vasari doctor" in run("doctor")[2]) is shown


def test_a_level_that_is_none_is_refused_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other setting is."""
    monkeypatch.setenv("VASARI_LOG_LEVEL", "loud")
    ended, out, err = run("status")
    assert (ended, out) == (2, "")
    assert err.startswith("vasari: VASARI_LOG_LEVEL is 'loud', which is none of debug")
