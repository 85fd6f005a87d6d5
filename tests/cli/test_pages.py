"""The commands that pages of docs show are typed here, and print what is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_documents import ROOT, Shell, matches, shell, transcript

__all__ = ["shell"]  # a fixture


@pytest.mark.parametrize("page", ["operations.md", "duplicates-and-groups.md"])
def test_commands_print_what_is_shown(page: str, shell: Callable[[Path], Shell], tmp_path: Path) -> None:
    """All commands of a page, in order, from an empty folder."""
    here = shell(tmp_path)
    steps = list(transcript(ROOT / "docs" / page))
    assert len(steps) > 5
    for step in steps:
        code, printed, complaints = here.run(step.command)
        assert code == 0, f"{step.command}\n{complaints}"
        assert matches(step.printed, printed), f"$ {step.command}\n{printed}\n--- expected:\n{step.printed}"
