"""FastAPI dependencies of routes: the service, and an authenticated caller with the right scope."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from vasari.api.service.problems import ProblemError
from vasari.api.service.security.auth import COOKIE, Caller, Scope
from vasari.api.service.service import Service
from vasari.api.service.sight import Sight

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
_NOT_IN_A_PART = {
    "add_item": "and adds nothing to it: the same picture sent twice is one item, with all that others wrote about it,"
    " so that the answer would tell what lies elsewhere; let a key without a filter send it, with the tag that this"
    " key's filter asks for",
}
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
    key = credentials.credentials if credentials is not None else _other_key(request)
    address = request.client.host if request.client is not None else ""
    found = await service.doorkeeper.admit(key, address, forwarded=was_forwarded(request))
    request.state.caller = found.name
    request.state.key = found.key
    if found.within is not None and not _is_decided(request.scope["route"].dependant):
        why = _NOT_IN_A_PART.get(request.scope["route"].operation_id, "and this is about the whole")
        raise ProblemError(403, "narrow", f"this key sees a part of the library, {why}")
    return found


def _other_key(request: Request) -> str | None:
    """The key as the password of HTTP Basic (RFC 7617), or in the page's cookie.

    Clients that take a URL and no headers send what stands in it: http://vasari:KEY@host/knn-service.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.cookies.get(COOKIE)
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")[2]
    except ValueError:
        return ""  # no key of anybody


def _is_decided(dependant: Dependant) -> bool:
    """Whether a route says what a key that sees a part is told: see `vasari.api.service.sight`."""
    return dependant.call in (sight_of, of_no_items) or any(map(_is_decided, dependant.dependencies))


def _known_once(request: Request) -> None:
    """Refuse a query parameter that this address has not, or that is given twice."""
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    given: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known or name in given:
            why = "is given twice" if name in given else f"is none of {', '.join(sorted(known))}"
            raise ProblemError(422, "schema", f"the parameter {name[:40]!r} {why}")
        given.add(name)


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


async def sight_of(service: ServiceDep, found: Anyone) -> Sight:
    """What the caller may see, for routes that look through it."""
    return Sight(service, found.within)


async def of_no_items() -> None:
    """Marks a route whose answers do not depend on what items there are."""


SightDep = Annotated[Sight, Depends(sight_of)]
OF_NO_ITEMS = Depends(of_no_items)
SEARCHER = Depends(_needs(Scope.SEARCH))
WRITER = Depends(_needs(Scope.WRITE))
EXACT = Depends(_known_once)  # where a parameter that is misspelt would take more away
ADMIN = Depends(_needs(Scope.ADMIN))
