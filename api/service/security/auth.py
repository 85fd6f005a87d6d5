"""Authentication and authorisation by API keys with scopes.

A key is `vasari_` and 43 random letters (256 bits). The catalog keeps its SHA-256 only; a slow hash would protect
guessable passwords, which these are not. While a library has no keys, its service answers programs on this machine
only, and them without a key; once it has one, everybody needs one.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from vasari.api.service.problems import ProblemError
from vasari.api.service.security.key_quotas import KeyQuotas
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import ApiKeyRecord, KeyLimits, KeyUsage
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import OverloadedError, UsageError

PREFIX = "vasari_"
_MADE_ELSEWHERE = re.compile(PREFIX + r"[A-Za-z0-9_-]{32,200}")
COOKIE = "vasari_key"
_FRESH = 2.0  # seconds that the list of keys is trusted: a revoked key ends this soon in every worker


class Scope(StrEnum):
    """What a key is good for; `admin` includes the others."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or (while there are no keys) somebody on this machine."""

    name: str
    key: int | None
    scopes: frozenset[Scope]
    within: str | None = None  # the filter of a key that sees a part of the library

    def may(self, scope: Scope) -> bool:
        """Whether the caller has this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


ANYBODY_HERE = Caller("local", None, frozenset(Scope))


def new_key() -> str:
    """A key nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    """SHA-256 of a key, which is all that the catalog keeps of it."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def create_key(
    catalog: Catalog,
    name: str,
    scopes: Sequence[str],
    limits: KeyLimits | None = None,
    key: str | None = None,
) -> tuple[int, str]:
    """Make a key, or enter one that was made elsewhere: its id, and the key itself, which is shown this once.

    Raises UsageError without name or known scopes, QueryError for a filter that cannot be read.
    """
    known = [scope.value for scope in Scope]
    for scope in scopes:
        if scope not in known:
            raise UsageError(f"no scope {scope!r}: there are {', '.join(known)}")
    if not scopes:
        raise UsageError(f"a key needs a scope: {', '.join(known)}")
    if not name.strip():
        raise UsageError("a key needs a name: say what it is for")
    limits = limits or KeyLimits()
    _check_limits(catalog, scopes, limits)
    key = key or new_key()
    return catalog.keys.add(name, key_hash(key), list(dict.fromkeys(scopes)), limits), key


def known_key(text: str) -> str:
    """A key that was made elsewhere, as a file has it; UsageError for one that could be guessed."""
    key = text.strip()
    if _MADE_ELSEWHERE.fullmatch(key) is None:
        raise UsageError(
            f"a key is {PREFIX} and 32 letters, digits, - or _ at least: echo {PREFIX}$(openssl rand -hex 32)"
        )
    return key


def rotate_key(catalog: Catalog, key: int, overlap: timedelta | None = None) -> tuple[int, str]:
    """Make a key that may what another may, which ends now or after `overlap`: its id, and the key itself.

    Raises NotFoundError where no such key is in use.
    """
    new = new_key()
    ends = None if overlap is None else datetime.now(UTC) + overlap
    return catalog.keys.rotate(key, key_hash(new), ends).id, new


def _check_limits(catalog: Catalog, scopes: Sequence[str], limits: KeyLimits) -> None:
    if limits.filter is not None:
        if Scope.ADMIN in scopes:
            raise UsageError("a key with the scope admin sees the whole library: give it no filter")
        catalog.filters.matching(limits.filter, Modality.IMAGE)
    if limits.expires_at is not None and limits.expires_at <= datetime.now(UTC):
        raise UsageError("a key expires in the future")
    for most in (limits.requests_a_day, limits.upload_bytes_a_day, limits.upload_pictures_a_day):
        if most is not None and most < 0:
            raise UsageError("a quota is 0 or more a day")


class Authenticator:
    """Authenticates API keys, and limits rates and guesses."""

    def __init__(
        self,
        settings: ServiceSettings,
        read_keys: Callable[[], Awaitable[Sequence[ApiKeyRecord]]],
        quotas: KeyQuotas,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quotas = quotas
        self._open_to_this_machine = settings.loopback
        self._read_keys = read_keys
        self._clock = clock
        self._keys: list[ApiKeyRecord] = []
        self._read_at = float("-inf")
        self._rates = (
            RateLimiter(settings.rate_per_second, settings.rate_burst, clock)
            if settings.rate_per_second
            else None
        )
        self._guesses = RateLimiter(0.2, 10, clock)  # wrong keys by address

    async def admit(self, key: str | None, address: str, *, forwarded: bool) -> Caller:
        """The caller behind a key; `forwarded` says that a proxy passed the request on.

        Raises ProblemError 401 or 403, and OverloadedError beyond the rate.
        """
        keys = await self._current()
        if not keys:
            return self._without_keys(address, forwarded=forwarded)
        if key is None:
            raise ProblemError(401, "no-key", "send a key: Authorization: Bearer vasari_…", _CHALLENGE)
        found = _match(keys, key)
        if found is not None and not found.opens(datetime.now(UTC)):
            raise ProblemError(401, "expired-key", "this key has expired: ask for another", _CHALLENGE)
        if found is None:
            if wait := self._guesses.take(address):
                raise OverloadedError("too many wrong keys from this address; wait a little", wait)
            raise ProblemError(401, "wrong-key", "this key is not known here, or was revoked", _CHALLENGE)
        if self._rates is not None and (wait := self._rates.take(str(found.id))):
            raise OverloadedError("this key asks too often; slow down", wait)
        self._quotas.take(found, KeyUsage(requests=1))
        scopes = frozenset(Scope(scope) for scope in found.scopes)
        return Caller(found.name, found.id, scopes, found.limits.filter)

    def admit_upload(self, key: int | None, size: int) -> None:
        """Count a picture of `size` bytes for its key; OverloadedError when it has sent enough for a day."""
        for record in self._keys:
            if record.id == key:
                self._quotas.take(record, KeyUsage(upload_bytes=size, upload_pictures=1))

    def charge(self, key: int | None, cost: int) -> None:
        """Take `cost` off the rate of a key; OverloadedError when it has spent too much lately.

        Whoever is served without a key is not limited.
        """
        if self._rates is None or key is None or cost <= 0:
            return
        if wait := self._rates.take(str(key), cost):
            raise OverloadedError("this key asks for too much at once; slow down", wait)

    def forget(self) -> None:
        """Read the keys again before the next caller is admitted."""
        self._read_at = float("-inf")

    def _without_keys(self, address: str, *, forwarded: bool) -> Caller:
        if not self._open_to_this_machine or forwarded or not _is_this_machine(address):
            raise ProblemError(
                403,
                "keys-needed",
                "this library has no keys, so only programs on its own machine are served, and none through a proxy:"
                " make a key with `vasari keys create NAME`",
            )
        return ANYBODY_HERE

    async def _current(self) -> list[ApiKeyRecord]:
        if self._clock() - self._read_at > _FRESH:
            self._keys = [key for key in await self._read_keys() if key.revoked_at is None]
            self._read_at = self._clock()
        return self._keys


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="vasari"'}


def _match(keys: Sequence[ApiKeyRecord], key: str) -> ApiKeyRecord | None:
    """The record of `key`. Each is compared in constant time, and all are, wherever the match is."""
    given = key_hash(key)
    found = None
    for record in keys:
        if hmac.compare_digest(record.key_hash, given):
            found = record
    return found


def _is_this_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return not address  # a Unix socket has none
