"""The soak in short: some kills, some drawn requests, a moment of load. `make soak` is the long form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.soak_service import leaks

pytestmark = pytest.mark.long


def soaked(*options: str) -> dict[str, Any]:
    """What comes of the program."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", *options], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_library_that_is_cut_off_loses_nothing(tmp_path: Path) -> None:
    """Whatever was at work when it was killed; a campaign that was stopped goes on with its next step."""
    first = soaked(
        "--kills", "1", "--requests", "0", "--minutes", "0", "--folder", str(tmp_path), "--seed", "3"
    )
    told = soaked("--kills", "2", "--requests", "0", "--minutes", "0", "--folder", str(tmp_path))
    assert told["seed"] == first["seed"] == 3
    assert told["steps"] > first["steps"]
    assert told["faults"]["kill"] == sum(told["kills"].values()) == 2
    assert told["failures"] == []


def test_a_service_under_load_loses_nothing() -> None:
    """Drawn requests fail nowhere; what was uploaded is there, what was removed is not, the doctor finds nothing."""
    service = soaked("--kills", "0", "--requests", "120", "--minutes", "0.05")["service"]
    assert service["failures"] == []
    assert sum(service["answers"].values()) > 120
    assert service["most"]["threads"] > 1


def test_what_grows_is_told() -> None:
    """The last third of the samples is compared with the one before it; the first is for warming up."""
    level = {"megabytes": 100.0, "handles": 30.0, "threads": 9.0}
    more = level | {"handles": 90.0}
    assert leaks([level] * 9) == {"megabytes": 0, "handles": 0, "threads": 0}
    assert leaks([level] * 6 + [more] * 3)["handles"] == 60
    assert leaks([level] * 3 + [more] * 6)["handles"] == 0
    assert leaks([]) == {}
