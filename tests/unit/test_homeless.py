"""A user without a home directory."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from vasari.retrieval.errors import UsageError
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.caches import user_cache


def _unknown(*_: object) -> str:
    raise RuntimeError("could not determine the home directory")


def test_a_library_is_then_named_by_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line says how; with a name, nothing is missing, and caches are not kept."""
    monkeypatch.setattr(platformdirs, "user_data_dir", _unknown)
    monkeypatch.setattr(platformdirs, "user_cache_dir", _unknown)
    monkeypatch.delenv("VASARI_LIBRARY", raising=False)
    with pytest.raises(UsageError, match="no home directory: name the library by --library"):
        Settings()
    assert Settings(library=tmp_path).library == tmp_path
    assert not user_cache().exists()
