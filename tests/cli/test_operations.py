"""docs/operations.md shows what an operator types: it is typed here, and prints what is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cli.test_documents import ROOT, Shell, matches, shell, transcript

__all__ = ["shell"]  # a fixture


def test_the_operators_commands_print_what_is_shown(shell: Callable[[Path], Shell], tmp_path: Path) -> None:
    """All commands of docs/operations.md, in order, from an empty folder."""
    here = shell(tmp_path)
    steps = list(transcript(ROOT / "docs" / "operations.md"))
    assert len(steps) > 5
    for step in steps:
        code, printed, complaints = here.run(step.command)
        assert code == 0, f"{step.command}\n{complaints}"
        assert matches(step.printed, printed), f"$ {step.command}\n{printed}\n--- expected:\n{step.printed}"
