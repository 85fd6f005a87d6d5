"""What a uri names.

| uri | what it is |
|---|---|
| `/photos/a.jpg` | a local file |
| `s3://bucket/a.jpg`, `https://host/a.jpg`, … | a file on any system that fsspec knows |
| `/data/00000.tar#00001.jpg`, `s3://bucket/a.zip#trip/b.png` | a member of an archive |
| `/data/train.parquet#image/17`, `/data/data.arrow#image/17` | column `image` of row 17, the first being 1 |
| `/data/pictures.csv#row/17` | a row of a table, when it could not be used |

A file whose own name looks like a member (`a.tar#b.jpg`) is that file, and an archive of such a name that archive.
What people and programs write is turned into such a uri by `uri_of`: a `file:` URI (RFC 8089) is the path it means, and
a scheme is the same in capitals (RFC 3986).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.file_names import on_disk

ARCHIVE_SUFFIXES = (
    ".tar", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tb2", ".tar.xz", ".txz", ".tar.zst", ".tzst",
)  # fmt: skip
ARROW_SUFFIXES = (".arrow", ".feather", ".ipc", ".arrows")
UNREAD = "unread-"  # begins the content hash of an item that was imported without its original being read
_CONTAINER = re.compile(
    r"\.(?:tar|zip|gz|tgz|bz2|tbz2?|tb2|xz|txz|zst|tzst|parquet|arrows?|feather|ipc|csv|tsv|jsonl|ndjson|json|token|txt)#",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FILE = re.compile(r"file:(?://(?P<host>[^/]*))?(?=/|$)", re.IGNORECASE)
_HERE = ("", "localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an original lies: a file, and what it is called inside that file, if it is a member of it."""

    file: str  # absolute local path, or a URL
    member: str | None = None

    @property
    def path(self) -> Path | None:
        """The local file that has to be opened; None for one at a URL."""
        return None if is_url(self.file) else Path(self.file)


def is_url(text: str) -> bool:
    """Whether this is a URL, and not a path."""
    return _SCHEME.match(text) is not None


def absolute(given: str | os.PathLike[str]) -> str:
    """What a person gave, as the uri of that file or folder: a URL as it is, a path absolute, file: as a path.

    Raises UsageError for an empty name: it would be the working directory (`vasari remove "$UNSET"`).
    """
    text = _named(given)
    return text.rstrip("/") if is_url(text) else on_disk(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111


def uri_of(name: str) -> str:
    """A name as it is written, as a uri: `file:` URIs (RFC 8089) as paths, the schemes of others in small letters.

    Paths, also relative ones, are left as they are. Raises UsageError for a file on another machine.
    """
    if found := _FILE.match(name):
        if (host := (found["host"] or "").lower()) not in _HERE:
            raise UsageError(f"{name} names a file on another machine, {host}: give a path on this one")
        return os.fsdecode(unquote_to_bytes(os.fsencode(name[found.end() :])))
    scheme = _SCHEME.match(name)
    return name[: scheme.end()].lower() + name[scheme.end() :] if scheme else name


def local_path(given: str | os.PathLike[str]) -> Path:
    """The path of a file that a person named on a command line: `~` and `file:` URIs are understood."""
    return Path(on_disk(os.path.expanduser(_named(given))))  # noqa: PTH111 (Path raises where there is no home)


def _named(given: str | os.PathLike[str]) -> str:
    if text := uri_of(os.fspath(given)):
        return text
    raise UsageError(f"{os.fspath(given)!r} names no file or folder")


def locate(uri: str) -> Place:
    """Read a uri."""
    ends = [found.end() for found in _CONTAINER.finditer(uri)] if "#" in uri else []
    if not ends or (not is_url(uri) and _is_there(uri)):
        return Place(uri)
    end = ends[0]
    if len(ends) > 1 and not is_url(uri):  # one of the names has such an ending in its middle
        end = next((end for end in ends if _is_there(uri[: end - 1])), end)
    return Place(uri[: end - 1], uri[end:])


def _is_there(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL
        return False


def is_local_file(uri: str) -> bool:
    """Whether the uri is the path of a file of its own: neither a URL nor a member of another file."""
    return uri.startswith("/") and locate(uri).member is None


def beginnings(place: str) -> tuple[str, ...]:
    """What the uris of all begin with that lies in a place: `/a/b/`, and `/a/b.tar#` where it may hold members.

    The folder `/a/b` holds neither `/a/b#2.jpg` nor what lies in `/a/b#2`.
    """
    marked = f"{place}#"
    held = any(found.end() == len(marked) for found in _CONTAINER.finditer(marked))
    return (f"{place}/", marked) if held else (f"{place}/",)


def member_uri(file: str, member: str) -> str:
    """The uri of a member of a file."""
    return f"{file}#{member}"
