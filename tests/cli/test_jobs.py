"""What surrounds a job that a command runs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from vasari.api.cli import understanding, watching
from vasari.api.cli.indexing import imports_kept
from vasari.indexer.captions import CaptionReport
from vasari.indexer.progress import IndexReport


def test_the_collector_sees_everything_again_after_a_job() -> None:
    """What was imported is left alone during the job only: at the end of the process it has to be taken down."""
    with imports_kept():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_a_watch_tells_what_it_does(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it has begun; and each job that did something, if only a caption beside a picture was read."""

    def jobs(_library: Any, _source: Any, report: Callable[[IndexReport], None], *_: Any, **__: Any) -> None:
        for done in (IndexReport(added=2), IndexReport(unchanged=2), IndexReport(described=1, unchanged=1)):
            report(done)

    monkeypatch.setattr(watching, "changes", jobs)
    photos = tmp_path / "photos"
    photos.mkdir()
    assert run("index", photos, "--model", "scenes")[0] == 0
    code, told, noted = run("watch", photos)
    assert code == 0
    assert [line.partition(" in ")[0] for line in told.splitlines()] == [
        "2 added",
        "0 added, 1 described anew, 1 unchanged",
    ]
    assert noted == f"watching {photos} (Ctrl-C stops)\n"


def test_captioning_tells_where_failures_are_listed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `vasari index` does."""
    photos = tmp_path / "photos"
    photos.mkdir()
    assert run("index", photos, "--model", "scenes")[0] == 0
    monkeypatch.setattr(
        understanding, "caption_library", lambda *_, **__: CaptionReport(captioned=2, failed=1)
    )
    assert run("caption", "--all") == (
        0,
        "2 captioned, 0 had one, 1 failed\n",
        "see `vasari failures` for what could not be captioned, and why\n",
    )
