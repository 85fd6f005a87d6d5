"""Validation of uris that may become items, wherever a name comes from another's file, a request or a program."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.layout import is_own_file, is_upload
from vasari.retrieval.storage.uris import is_url, locate, uri_of

LONGEST_URI = 8192  # characters; file systems end at 4096 bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HERE = frozenset({"file", "local", "memory", "dir"})  # fsspec's other names for this machine


def admitted(uri: str, root: Path, *, folder: str | None = None, content_hash: str = "") -> str:
    """The uri under which a picture may be an item of the library at `root`; UsageError says why it may not.

    A relative path is seen from `folder`; without one it is refused. Local paths must not climb (`..`), nor lead to
    what the library keeps for itself, links followed; an upload is its own content's only. File names may hold
    any character but NUL, URLs no control characters.
    """
    if not uri or len(uri) > LONGEST_URI:
        raise UsageError(f"a uri has 1 to {LONGEST_URI:,} characters, and this one {len(uri):,}")
    name = uri_of(uri)
    if is_url(name):
        return _url(name)
    if "\0" in name:
        raise UsageError("a NUL character is part of no name")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{name!r} is no name of a file: half a character (a lone surrogate) is in it"
        ) from error
    if ".." in name.split("/"):
        raise UsageError(f"{name!r} climbs by `..`: give the path without it")
    if not name.startswith("/"):
        if folder is None:
            raise UsageError(f"{name!r} is a relative path: give an absolute one, or a URL")
        name = f"{folder.rstrip('/')}/{name}"
    _check_outside(name, root, content_hash)
    return name


def _url(url: str) -> str:
    if _CONTROL.search(url):
        raise UsageError(f"{url!r} has control characters or halves of characters, which no URL has")
    if url.partition("://")[0] in _HERE:
        raise UsageError(f"{url!r} is not read: name a file by its path")
    return url


def _check_outside(path: str, root: Path, content_hash: str) -> None:
    real_root, real = os.path.realpath(root), os.path.realpath(locate(path).file)
    if not f"{real}/".startswith(f"{real_root.rstrip('/')}/"):
        return
    own = Path(real_root)
    in_uploads = Path(real).is_relative_to(own / "uploads")
    if is_own_file(own, real) or (in_uploads and not is_upload(own, real, content_hash)):
        raise UsageError(f"{path!r} is one of the library's own files")
