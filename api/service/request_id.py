"""Correlation id of a request: the caller's if harmless, else made; in the answer, log lines and problem documents."""

from __future__ import annotations

import re
from contextvars import ContextVar
from uuid import uuid4

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """The id of the request that is being answered; "-" outside of one."""
    return _current.get()


def begin_request(offered: str | None) -> str:
    """Make the offered id, or a new one, the current id. Nothing that could break a log line is taken."""
    chosen = offered if offered and _HARMLESS.fullmatch(offered) else uuid4().hex
    _current.set(chosen)
    return chosen
