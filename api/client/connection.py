"""What both clients share: addresses, keys, and errors as the library itself would raise them."""

from __future__ import annotations

import re
from typing import TypeVar

import httpx

from vasari.api.client.requests import Call
from vasari.api.contract.problems import read_problem
from vasari.retrieval.errors import ImageError, UsageError, VasariError

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:7600"


class ServiceError(VasariError):
    """The service refused or failed in a way that no error of the library stands for."""

    def __init__(self, message: str, status: int, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind  # the last part of the problem's type, e.g. "scope"


def error_of(answer: httpx.Response) -> VasariError:
    """The error that a problem document tells, as the library itself would raise it where it has one."""
    status = answer.status_code
    try:
        body = answer.json()
        known = read_problem(body, float(answer.headers.get("retry-after", 1)))
        return known or ServiceError(str(body["detail"]), status, str(body["type"]).rpartition(":")[2])
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"the server answered {status}: is this Vasari?", status)


def service_url(given: str) -> str:
    """The address of a service; http:// where no scheme is said. UsageError for what is none."""
    url = given.strip()
    url = url if "://" in url else f"http://{url}"
    try:
        parsed = httpx.URL(url)
        usable = parsed.scheme in ("http", "https") and not parsed.query
        usable = usable and re.fullmatch(r"[\w.:-]+", parsed.host) is not None
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise UsageError(f"{given[:200]!r} is no address of a service: give one such as {DEFAULT_URL}")
    return url


def headers_of(key: str | None) -> dict[str, str]:
    """What each request carries; UsageError for what is no key."""
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UsageError("this is no key of a service: it has other signs than keys have")
    return {"User-Agent": "vasari-client"} | ({"Authorization": f"Bearer {key}"} if key else {})


def result_of(call: Call[T], answer: httpx.Response) -> T:
    """What an answer means; raises the error that it tells."""
    if answer.is_success:
        try:
            return call.read(answer)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ServiceError(
                f"what answers at {answer.request.url.copy_with(path='/', query=None)} is no Vasari, or another version"
                " of it: is this the right address?",
                answer.status_code,
            ) from error
    problem = error_of(answer)
    if isinstance(problem, ImageError) and call.file is not None:
        raise ImageError(f"{call.file}: {problem}", problem.stage)
    raise problem


def unreachable(url: str, error: httpx.TransportError) -> ServiceError:
    """Nobody listens there, or the connection broke."""
    return ServiceError(
        f"no service answers at {url} ({type(error).__name__}): is `vasari serve` running?", 0
    )
