"""Where this user's caches lie."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def user_cache() -> Path:
    """The folder of Vasari's caches; for a user without a home, one that nobody can write: nothing is kept then."""
    try:
        return Path(platformdirs.user_cache_dir("vasari"))
    except RuntimeError:
        return Path(os.devnull) / "vasari"
