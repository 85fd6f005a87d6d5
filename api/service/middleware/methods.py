"""HTTP methods as RFC 9110 has them: HEAD as GET without the body, 405 with Allow, OPTIONS."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def as_get(scope: Scope) -> Scope:
    """The scope in which HEAD is routed and answered as GET; ranges are defined for GET only (section 14.2)."""
    if scope["method"] != "HEAD":
        return scope
    headers = [header for header in scope["headers"] if header[0] not in (b"range", b"if-range")]
    return {**scope, "method": "GET", "headers": headers}


def allowed(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """Methods that the routes of this address know, sorted; none where there is no such address."""
    methods: set[str] = set()
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= set(getattr(route, "methods", None) or ())
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"}) if methods else []
