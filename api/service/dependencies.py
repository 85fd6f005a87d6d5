"""FastAPI dependencies of routes: the service, and an authenticated caller with the right scope."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from vasari.api.service.problems import ProblemError
from vasari.api.service.security.auth import COOKIE, Caller, Scope
from vasari.api.service.service import Service

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `vasari keys create`, once the library has one.",
)
# What proxies, tunnels, CDNs and load balancers add to a request that they pass on.
_FORWARDING = re.compile(
    r"(.*-)?via|.*forwarded.*|cdn-loop|max-forwards|tailscale-.*|x-varnish|x-scheme|x-host|x-https|x-ssl.*|x-rewrite-url"
    r"|front-end-https|x-request-start|(cf|fly|fastly|akamai|ngrok|incap|wl-proxy|x-amz|x-amzn|x-cloud)-.*"
    r"|x-(arr|original|originating|proxy|envoy|appengine|azure|vercel|nf|ngrok|traefik|haproxy|akamai|lb)-.*"
    r"|(.*-)?(client|real|remote|connecting|proxyuser|cluster|source|user|peer)-?(ip|addr|address|host|port)"
    r"|x-forward(er)?-for|x-nginx-proxy|x-coming-from|x-cdn|surrogate-capability|proxy-connection|(cdn-src|from)-ip"
    r"|(x-)?(remote|authenticated|webauth|auth-request|goog-authenticated|goog-iap|ms-client-principal|pomerium)(-.*)?"
)
_NAMING_A_SCHEME = re.compile(r"(.*-)?(proto|protocol|scheme|forwarded|origin)|cf-visitor")
_TLS = re.compile(r"(?<![\w/.-])(https|ssl|tls)(?![\w/.-])")  # and no part of a host's name
_SWITCHED = re.compile(r"(.*-)?(ssl|https)")


def was_forwarded(request: Request) -> bool:
    """Whether a proxy passed the request on: by any header that one adds, or HTTP/1.0, which no browser speaks."""
    return request.scope.get("http_version") == "1.0" or any(
        _FORWARDING.fullmatch(name.replace("_", "-")) for name in request.headers
    )


def came_by_tls(request: Request) -> bool:
    """Whether the caller speaks TLS, to a proxy at least, by X-Forwarded-Proto and the like, or by the browser's word.

    It may be believed of anybody: all that follows is that the caller's own cookie is kept to TLS.
    """
    return request.url.scheme == "https" or any(
        _tells_of_tls(name.replace("_", "-"), value.strip().lower())
        for name, value in request.headers.items()
    )


def _tells_of_tls(name: str, value: str) -> bool:
    if _SWITCHED.fullmatch(name):
        return value not in ("", "0", "off", "false", "no")
    if name == "x-forwarded-port":
        return value == "443"
    return _NAMING_A_SCHEME.fullmatch(name) is not None and _TLS.search(value) is not None


def service_of(request: Request) -> Service:
    """The service of this application."""
    return cast("Service", request.app.state.service)


ServiceDep = Annotated[Service, Depends(service_of)]


async def caller(
    request: Request,
    service: ServiceDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Authenticate the caller by the key in the Authorization header or in the page's cookie."""
    key = credentials.credentials if credentials is not None else request.cookies.get(COOKIE)
    address = request.client.host if request.client is not None else ""
    found = await service.doorkeeper.admit(key, address, forwarded=was_forwarded(request))
    request.state.caller = found.name
    request.state.key = found.key
    return found


def charge(request: Request, cost: int) -> None:
    """Charge the key's rate limit what a request costs beyond 1, which every request costs; OverloadedError."""
    service_of(request).doorkeeper.charge(getattr(request.state, "key", None), cost)


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
