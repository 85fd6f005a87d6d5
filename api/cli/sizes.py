"""Sizes for people."""

from __future__ import annotations


def readable(count: float) -> str:
    """Bytes as people say them: 1.4 MB."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
