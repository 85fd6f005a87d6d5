"""Quarantine: where a repair moves what it takes out of use, so that nothing is deleted.

    quarantine/2026-11-28T17-45-00Z/segments/<space>/image/00000042.vectors.npy

Files keep their place below the library's folder. Whoever has looked at them may delete the folder.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "quarantine"


class Quarantine:
    """One repair's folder; it is made when the first thing is moved there."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"

    def take(self, path: Path) -> Path:
        """Move a file or folder of the library out of use; where it is now."""
        target = self._folder / path.relative_to(self._root)
        number = 0
        while target.exists():  # of another repair in the same second
            number += 1
            target = target.with_name(f"{path.name}.{number}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)  # a folder of the library may be a link to another disk
        return target

    def take_all(self, *paths: Path) -> str:
        """Move those that are there; a clause that says where."""
        taken = [self.take(path) for path in paths if path.exists()]
        return f"; moved to {taken[0].parent}" if taken else ""
