"""The command itself, killed again and again, leaves a library as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kill import outcome_of
from tests.models import write_model

pytestmark = pytest.mark.long


def test_killing_the_command_itself_leaves_no_trace(tmp_path: Path) -> None:
    """What holds for a job holds for `vasari index` with a real model, here with three kills."""
    model = write_model(tmp_path / "model", "clip")
    outcome = outcome_of("--model", str(model), "--kills", "3", "--pictures", "150", "--seed", "2")
    assert outcome.good, outcome
    assert outcome.killed == 3, outcome
