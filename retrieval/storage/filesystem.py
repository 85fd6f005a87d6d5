"""Files wherever they are: local ones directly, all others over fsspec."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from typing import IO, Any, NamedTuple

from vasari.retrieval.errors import ImageError, MissingExtraError, NotFoundError, UsageError, VasariError
from vasari.retrieval.storage.local_files import Roots, check_inside, open_local, roots_in_force
from vasari.retrieval.storage.network_addresses import check_url, guarded_socket, refusal_in
from vasari.retrieval.storage.uris import is_url, uri_of

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}
_PACKAGES = {"s3": "s3fs", "gcs": "gcsfs", "http": "aiohttp"}
_MODIFIED = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified", "created")
_VERSIONS = ("ETag", "etag", "md5Hash", "Content-MD5", "Digest")
_CONNECT_SECONDS = 10.0
_WHOLE_SECONDS = 60.0
_one_at_a_time = threading.RLock()
UNKNOWN_SIZE = -1  # where a listing does not tell
# The whole seconds in 63 bits, 292 years around 1970: what databases can keep.
_END_OF_TIME_NS = 9_223_372_036 * 10**9


class Stat(NamedTuple):
    """What a file system says of a file without opening it."""

    bytes: int  # or UNKNOWN_SIZE
    mtime_ns: int  # where only a version tag is known, a number made of it; 0 where nothing is
    ctime_ns: int = 0  # when content or permissions last changed; 0 where unknown


def kept_time(moment_ns: int) -> int:
    """A file's time in nanoseconds since 1970, or the nearest that a library can keep (1677 to 2262)."""
    if -_END_OF_TIME_NS <= moment_ns <= _END_OF_TIME_NS:  # nearly every one, and a listing asks twice a file
        return moment_ns
    return max(-_END_OF_TIME_NS, min(moment_ns, _END_OF_TIME_NS))


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it; raises MissingExtraError and UsageError."""
    import fsspec  # most commands read local files only

    url = uri_of(url)
    scheme = url.partition("://")[0]
    extra = _EXTRAS.get(scheme)
    try:
        if scheme in fsspec.available_protocols():  # before some of them connect when they are made
            check_url(url)
        if extra == "http":
            return fsspec.filesystem(scheme, get_client=_guarded_session), url  # not url_to_fs: it knows a::b
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        if extra is None:
            raise UsageError(f"{url} needs a package that is not installed: {error}") from error
        raise MissingExtraError(_PACKAGES[extra], extra) from error
    except ValueError as error:
        raise UsageError(f"{url} is no URL that can be read: {error}") from error
    return system, path


async def _guarded_session(**options: Any) -> Any:
    """The HTTP client of fsspec: it gives up in time, and connects where it may."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=guarded_socket),
        timeout=aiohttp.ClientTimeout(total=_WHOLE_SECONDS, sock_connect=_CONNECT_SECONDS),
        **options,
    )


class State(NamedTuple):
    """A file in its present state: another one is what it holds when it was changed."""

    file: str
    bytes: int
    mtime_ns: int
    roots: Roots | None = None  # what was loaded below some roots is kept apart


def state_of(file: str) -> State:
    """Remote files are taken to stay the same while a program runs."""
    if is_url(file):
        return State(file, 0, 0)
    check_inside(file)
    facts = os.stat(file)  # noqa: PTH116 (once a picture)
    return State(file, facts.st_size, facts.st_mtime_ns, roots_in_force())


@contextlib.contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """A file open for reading, seekable; raises OSError, or NotFoundError where a URL leads nowhere."""
    if not is_url(file):
        with os.fdopen(open_local(file), "rb") as local:
            yield local
        return
    system, path = file_system(file)
    try:
        remote = system.open(path, "rb")
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file: {file}") from error
    with remote:
        yield remote


def turn(file: str) -> contextlib.AbstractContextManager[object]:
    """Held while a file is read: fsspec's blocking file systems may share one handle among threads."""
    if not is_url(file) or file_system(file)[0].async_impl:
        return contextlib.nullcontext()
    return _one_at_a_time


def read_range(file: str, start: int, end: int) -> bytes:
    """Bytes from `start` up to, not including, `end`; fewer where the file is shorter. Raises ImageError."""
    with readable():
        if is_url(file):
            system, path = file_system(file)
            with turn(file):
                data: bytes = system.cat_file(path, start=start, end=end)
            # A server that knows no ranges sends everything.
            return data if len(data) <= end - start else data[start:end]
        with os.fdopen(open_local(file), "rb", buffering=0) as local:
            local.seek(start)
            return _all_of(local, end - start)


def read_url(url: str, most: int) -> bytes:
    """The whole file at a URL; raises ImageError, stage "read", or "limit" for more than `most` bytes."""
    data = read_range(url, 0, most + 1)
    if len(data) > most:
        raise ImageError(f"more than {most:,} bytes (VASARI_MAX_IMAGE_BYTES)", stage="limit")
    return data


def stat_of(file: str) -> Stat:
    """Size and modification time; raises OSError or NotFoundError, and ImageError outside the roots in force."""
    if not is_url(file):
        check_inside(file)
        facts = os.stat(file)  # noqa: PTH116 (once a row of a table)
        return Stat(facts.st_size, kept_time(facts.st_mtime_ns), kept_time(facts.st_ctime_ns))
    system, path = file_system(file)
    try:
        return stat_from(system.info(path))
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file: {file}") from error


def stat_from(info: dict[str, Any]) -> Stat:
    """What fsspec's `info` says, whichever file system it is from."""
    size = info.get("size")
    modified = next((moment for key in _MODIFIED if (moment := _nanoseconds(info.get(key)))), 0)
    if not modified:
        version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "")
        modified = int.from_bytes(blake2b(version.encode(), digest_size=7).digest()) if version else 0
    return Stat(UNKNOWN_SIZE if size is None else int(size), kept_time(modified))


@contextlib.contextmanager
def readable(*passing: type[VasariError]) -> Iterator[None]:
    """Whatever goes wrong while a file is read becomes an ImageError of stage "read", but for what is `passing`."""
    untouched: tuple[type[VasariError], ...] = (ImageError, *passing)
    try:
        yield
    except untouched:
        raise
    except (FileNotFoundError, NotFoundError) as error:
        refused = refusal_in(error)
        raise ImageError("no such file" if refused is None else _words(refused), "read") from error
    except VasariError as error:  # a scheme that is not known, a package that is not installed
        raise ImageError(str(error), "read") from error
    except Exception as error:  # each file system has its own kinds of errors
        raise ImageError(f"cannot be read: {_words(error)}", "read") from error


def _words(error: Exception) -> str:
    error = refusal_in(error) or error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())[:200] or type(error).__name__


def _all_of(file: IO[bytes], count: int) -> bytes:
    parts = []
    while count > 0 and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _nanoseconds(moment: object) -> int:
    """A file system's word for when, in nanoseconds since 1970; 0 where it cannot be read."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            try:
                moment = parsedate_to_datetime(str(moment))
            except ValueError:
                return 0
    try:
        if isinstance(moment, datetime):
            return int(moment.timestamp() * 1e6) * 1000
        return int(moment * 1e9) if isinstance(moment, int | float) else 0
    except (ValueError, OverflowError):  # the year 1, an infinity
        return 0
