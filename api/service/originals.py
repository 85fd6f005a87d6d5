"""The files behind items, and small WebP pictures of them.

A file is served only if it is, byte for byte, what was indexed: whatever took its place since (another picture, a
link to somewhere else) has another content hash and is refused. Where originals at URLs may be read, web addresses pass
the checks of `fetching`, buckets are read with the credentials of the process, and no other kind of URL is opened: a
table that was indexed may name anything.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import anyio

from api.service.fetching import Fetcher
from api.service.jail import Jail
from api.service.problems import ProblemError
from retrieval.domain import Item, Modality
from retrieval.errors import ImageError, StorageError
from retrieval.imaging.files import content_hash
from retrieval.library import Library
from retrieval.originals.opening import open_original
from retrieval.originals.uris import UNREAD, locate
from retrieval.storage.atomic import write_bytes

SIDES = (160, 320, 480, 640, 1280, 2560)  # pixels; few, so that the cache stays small
_WEB = frozenset({"http", "https"})
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "hf"})
TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
    "bmp": "image/bmp",
}


class Originals:
    """Reads the originals of one library's items: files from `jail` only if there is one, URLs only with a `web`."""

    def __init__(self, library: Library, jail: Jail | None, web: Fetcher | None = None) -> None:
        self._library = library
        self._jail = jail
        self._web = web

    def read(self, item: Item) -> bytes:
        """The bytes that were indexed. To be called in a thread of its own: it waits for disks and networks.

        Raises ProblemError 403 outside the roots, 404 for an item without a file, 409 when the file has changed.
        """
        self._require_inside(item)
        try:
            if self._web is not None and _scheme(item.uri) in _WEB:
                data = anyio.run(self._web.fetch, item.uri)
            else:
                data = open_original(item.uri, self._library.image_limits, remote=self._web is not None)
        except ImageError as error:
            raise ProblemError(
                404, "file-gone", f"the file of item {item.id} cannot be read: {error}"
            ) from error
        if not item.content_hash.startswith(UNREAD) and content_hash(data) != item.content_hash:
            raise ProblemError(
                409, "file-changed", f"the file of item {item.id} changed since it was indexed"
            )
        return data

    def thumbnail(self, item: Item, side: int) -> bytes:
        """WebP bytes of the item's picture in a square of `side` pixels; made once and kept."""
        from retrieval import images

        self._require_inside(item)
        kept = self._path(item.content_hash, side)
        try:
            return kept.read_bytes()
        except FileNotFoundError:
            pass
        decoded = images.decode(self.read(item), self._library.image_limits, target=side)
        data = images.thumbnail(decoded.picture, side)
        if not self._library.settings.read_only:
            keep(kept, data)
        return data

    def forget(self, item: Item) -> None:
        """Remove the item's thumbnails."""
        for side in SIDES:
            self._path(item.content_hash, side).unlink(missing_ok=True)

    def _require_inside(self, item: Item) -> None:
        place = locate(item.uri)
        if item.modality is Modality.TEXT or (place.path is None and self._web is None):
            raise ProblemError(404, "no-file", f"item {item.id} is no file on this machine")
        readable = _BUCKETS if place.member else _BUCKETS | _WEB
        if place.path is None and _scheme(place.file) not in readable:
            raise ProblemError(
                403, "outside", f"the service does not read what item {item.id} names as its file"
            )
        if self._jail is not None and place.path is not None and not self._jail.holds(place.path):
            raise ProblemError(403, "outside", f"the file of item {item.id} lies outside VASARI_ROOTS")

    def _path(self, content_hash: str, side: int) -> Path:
        return self._library.thumbnails_directory / content_hash[:2] / f"{content_hash}-{side}.webp"


def _scheme(uri: str) -> str:
    return uri.partition("://")[0].lower()


def keep(path: Path, data: bytes) -> None:
    """Write what can be made again. Under another name first: a reader sees a whole file or none."""
    # A full disk must not keep anybody from seeing the picture: it is only not kept.
    with contextlib.suppress(StorageError):
        write_bytes(path, data, durable=False)
