"""Resumable downloads into the hub's local cache, each file compared with its checksum.

huggingface_hub begins a file anew after every restart, compares nothing but lengths, and waits minutes for a hub that
went silent (2.4). Here a partial file is gone on with, whatever ended the download, and the content has to be what the
hub names it by: its ETag is the SHA-256 of a large file and git's SHA-1 of a small one, and the cache names it so.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils._fixes import WeakFileLock
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils.tqdm import tqdm

from vasari.retrieval import cancellation

_TRIES = 2  # in a row that bring no byte
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_GIT_LENGTH = 40
_BLOCK = 1 << 20


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that are trusted, read once: 70 ms."""
    return httpx.create_ssl_context()


class WrongContentError(OSError):
    """What a hub sent is not what it announced."""


def fetch(repository: str, name: str, timeout: float, *, anew: bool = False) -> Path:
    """Download a file of a repository, or the rest of it (`anew`: although it is here); its place in the cache.

    Raises the errors of huggingface_hub and httpx, and WrongContentError for a file of another checksum.
    """
    url = hf_hub_url(repository, name)
    try:
        about = get_hf_file_metadata(url, timeout=timeout)
    except EntryNotFoundError:
        hf_hub_download(repository, name, etag_timeout=timeout)  # notes in the cache that there is none
        raise
    if about.etag is None:
        raise WrongContentError(f"it names no checksum of {name}")
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model")
    blob = folder / "blobs" / about.etag
    lock = Path(constants.HF_HUB_CACHE) / ".locks" / folder.name / f"{about.etag}.vasari.lock"
    for path in (blob, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if anew or not (blob.exists() and is_intact(blob)):
            _forget_copies(folder, name)
            _complete(url, blob, about.size, timeout)
    return Path(hf_hub_download(repository, name, etag_timeout=timeout))


def is_intact(path: Path) -> bool:
    """Whether a file of the cache has the checksum by which the cache names it; True where it is named otherwise."""
    path = path.resolve()  # names are links to content
    checksum = path.name.removesuffix(".incomplete")
    if not _CHECKSUM.fullmatch(checksum):
        return True
    of_git = len(checksum) == _GIT_LENGTH
    digest = hashlib.sha1(usedforsecurity=False) if of_git else hashlib.sha256()
    if of_git:
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            cancellation.check()
            digest.update(block)
    return digest.hexdigest() == checksum


def _forget_copies(folder: Path, name: str) -> None:
    """Where there are no links, the cache holds copies, which would be taken for the file."""
    for place in folder.glob(f"snapshots/*/{name}"):
        if not place.is_symlink():
            place.unlink()


def _complete(url: str, blob: Path, size: int | None, timeout: float) -> None:
    """Put the content at `blob`: what lies there of an earlier download, and the rest."""
    partial = blob.with_name(f"{blob.name}.incomplete")
    begun = partial.exists()
    _receive(url, partial, size, timeout)
    if begun and not is_intact(partial):  # the part that lay here was wrong
        partial.unlink()
        _receive(url, partial, size, timeout)
    if not is_intact(partial):
        partial.unlink()
        raise WrongContentError("the content has another checksum than the hub names")
    partial.replace(blob)


def _receive(url: str, partial: Path, size: int | None, timeout: float) -> None:
    """Append to the partial file until it has all bytes; a connection that breaks is taken up again."""
    partial.touch()
    have = partial.stat().st_size
    if size is not None and have > size:
        partial.write_bytes(b"")
        have = 0
    fruitless = 0
    with (
        httpx.Client(timeout=timeout, follow_redirects=True, verify=trusted()) as client,
        _bar(url, size, have) as bar,
    ):
        while size is None or have < size:
            before = have
            try:
                for have in _appended(client, url, partial, before):
                    bar.n = have
                    bar.update(0)
                if size is None:
                    return
                broken: Exception = WrongContentError(f"it ends after {have:,} of {size:,} bytes")
            except httpx.TransportError as error:
                broken = error
            fruitless = 0 if have > before else fruitless + 1
            if fruitless == _TRIES:
                raise broken
    if have > size:
        raise WrongContentError(f"{have:,} bytes came instead of {size:,}")


def _bar(url: str, size: int | None, have: int) -> Any:
    """The hub's own progress bar, which its settings switch off."""
    return tqdm(  # type: ignore[no-untyped-call]
        total=size,
        initial=have,
        unit="B",
        unit_scale=True,
        desc=url.rpartition("/")[2],
        name="huggingface_hub.http_get",
    )


def _appended(client: httpx.Client, url: str, partial: Path, have: int) -> Iterator[int]:
    """Ask for the bytes from `have` on and write them; how many there are after each part."""
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as answer:
        answer.raise_for_status()
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
        have = have if goes_on else 0
        with partial.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_bytes():
                cancellation.check()
                file.write(chunk)
                have += len(chunk)
                yield have
