"""Scalars of the contract: moments, and shares of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Fields = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, with Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_moment(text: str | None) -> datetime | None:
    """The inverse."""
    return None if text is None else datetime.fromisoformat(text)


def clamped(share: float) -> float:
    """A share or probability, which rounding may have put just outside [0, 1]."""
    return min(max(float(share), 0.0), 1.0)
