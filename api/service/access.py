"""What routes ask for in their signatures: the service, and a caller with the right scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.service.auth import COOKIE, Caller, Scope
from api.service.problems import ProblemError
from api.service.service import Service

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `vasari keys create`, once the library has one.",
)
_FORWARDING = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


def service_of(request: Request) -> Service:
    """The service of this application."""
    return cast("Service", request.app.state.service)


ServiceDep = Annotated[Service, Depends(service_of)]


async def caller(
    request: Request,
    service: ServiceDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Who asks, by the key in the Authorization header or in the page's cookie."""
    key = credentials.credentials if credentials is not None else request.cookies.get(COOKIE)
    address = request.client.host if request.client is not None else ""
    forwarded = any(name in request.headers for name in _FORWARDING)
    found = await service.doorkeeper.admit(key, address, forwarded=forwarded)
    request.state.caller = found.name
    return found


def _needs(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(found: Annotated[Caller, Depends(caller)]) -> Caller:
        if not found.may(scope):
            raise ProblemError(403, "scope", f"this key has no scope {scope.value!r}")
        return found

    return check


Anyone = Annotated[Caller, Depends(caller)]
SEARCHER = Depends(_needs(Scope.SEARCH))
WRITER = Depends(_needs(Scope.WRITE))
ADMIN = Depends(_needs(Scope.ADMIN))
