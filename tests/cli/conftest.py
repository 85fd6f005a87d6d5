"""Commands as typed, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vasari.api.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command in this process on a library of its own: exit code, stdout, stderr."""
    monkeypatch.setenv("VASARI_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("VASARI_OFFLINE", "1")
    monkeypatch.setenv("VASARI_THREADS", "1")

    def command(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        code = ended.value.code
        printed = capsys.readouterr()
        return (code if isinstance(code, int) else 0), printed.out, printed.err

    return command
