"""A job that is killed again and again leaves a library as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.faults.kill import outcome_of

pytestmark = pytest.mark.long


@pytest.mark.timeout(1200)  # half a minute on a quiet machine
def test_thirty_kills_at_random_moments_leave_no_trace() -> None:
    """Items and vectors are those of one quiet run, and the doctor finds nothing."""
    outcome = outcome_of("--kills", "30", "--pictures", "150", "--seed", "1")
    assert outcome.good, outcome
    assert outcome.killed == 30, outcome
    assert outcome.commits >= 5, outcome  # else the moments were badly chosen, and little was tested
