"""Where the data lies that comes with Vasari: `models`, `phrases`, `places`, `photos`, `recall`."""

from __future__ import annotations

from pathlib import Path


def builtin_data(name: str) -> Path:
    """A folder of it: below `vasari/retrieval` in an installed package, beside it in the source tree."""
    package = Path(__file__).resolve().parent
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / "data" / name
