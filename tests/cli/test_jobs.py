"""What surrounds a job that a command runs."""

from __future__ import annotations

import gc

from vasari.api.cli.indexing import imports_kept


def test_the_collector_sees_everything_again_after_a_job() -> None:
    """What was imported is left alone during the job only: at the end of the process it has to be taken down."""
    with imports_kept():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0
