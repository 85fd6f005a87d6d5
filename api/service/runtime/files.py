"""Originals of items, and their thumbnails in WebP.

Whoever filled the library may have named anything as an item's file: tables and imports hold any path and any URL. So
bytes are served only if they are, byte for byte, what was indexed (the content's hash), and a picture: its headers are
read each time, and of an item that was imported without its file being read, the whole picture is decoded. The
library's own files are never served, through no link either, and with sharing roots nothing outside them: what is
decided is decided about the very file that is then read (`vasari.retrieval.storage.local_files`). Where originals at
URLs may be read, web addresses pass the checks of `security.url_fetcher`, buckets are read with the credentials of the
process, and no other kind of URL is opened.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

import anyio

from vasari.api.service.problems import ProblemError
from vasari.api.service.security.path_guard import Jail
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.retrieval.domain import Item, Modality
from vasari.retrieval.errors import ImageError, StorageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.trash import move_to_trash
from vasari.retrieval.storage import containers
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.layout import UPLOADS, is_content_hash, is_own_file, is_upload, thumbnail_path
from vasari.retrieval.storage.local_files import content_hash, read_real_file, real_path
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import UNREAD, Place, locate

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
_LOG = logging.getLogger("vasari.service")


@dataclass(frozen=True, slots=True)
class Original:
    """A picture's file: its bytes, their hash, and the format they have, whatever the catalog says."""

    data: bytes
    content_hash: str
    format: str

    @property
    def media_type(self) -> str | None:
        """What browsers call the format; None for one that they do not show."""
        return TYPES.get(self.format)


def is_read(item: Item) -> bool:
    """Whether the item's hash is that of its file: not so where it was imported without the file being read."""
    return not item.content_hash.startswith(UNREAD)


class Originals:
    """Reads the originals of one library's items: files from `shared` only if it is given, URLs only with a `web`."""

    def __init__(self, library: Library, shared: Jail | None, web: Fetcher | None = None) -> None:
        self._library = library
        self._root = library.root.resolve()
        self._shared = shared
        self._web = web

    def read(self, item: Item) -> bytes:
        """The bytes of the item's picture; see `original`."""
        return self.original(item).data

    def original(self, item: Item) -> Original:
        """The file that was indexed. To be called in a thread of its own: it waits for disks and networks.

        Raises ProblemError 403 outside the roots, 404 for an item without a picture, 409 when the file has changed.
        """
        place = self._place(item)
        try:
            data = self._read(item, place)
            digest = content_hash(data)
            if is_read(item) and digest != item.content_hash:
                raise ProblemError(
                    409, "file-changed", f"the file of item {item.id} changed since it was indexed"
                )
            return Original(data, digest, self._format(data, whole=not is_read(item)))
        except ImageError as error:
            raise self._gone(item, str(error)) from error

    def thumbnail(self, item: Item, side: int) -> Original:
        """The item's picture as WebP in a square of `side` pixels; made once and kept."""
        from vasari.retrieval.images.decode import decoding, thumbnail

        self._place(item)
        if is_read(item):
            # One that cannot be read, or is cut short, is made anew.
            with contextlib.suppress(OSError):
                kept = self._path(item.content_hash, side).read_bytes()
                if _is_whole(kept):
                    return Original(kept, item.content_hash, "webp")
        found = self.original(item)
        with decoding(found.data, self._library.image_limits, target=side) as decoded:
            data = thumbnail(decoded.picture, side)
        if not self._library.settings.read_only:
            keep(self._path(found.content_hash, side), data)
        return Original(data, found.content_hash, "webp")

    def to_trash(self, item: Item) -> None:
        """Move the item's file to this machine's trash, if it may be shown and is what was indexed; StorageError."""
        try:
            self.read(item)
        except ProblemError as error:
            raise StorageError(str(error)) from None
        move_to_trash(item, self._library.image_limits)

    def _place(self, item: Item) -> Place:
        """Where the item's file lies, if that may be served, as far as the name tells."""
        place = locate(item.uri)
        if item.modality is Modality.TEXT or (place.path is None and self._web is None):
            raise ProblemError(404, "no-file", f"item {item.id} is no file on this machine")
        if is_read(item) and not is_content_hash(item.content_hash):
            raise self._gone(item, "its content hash is none")
        readable = _BUCKETS if place.member else _BUCKETS | _WEB
        if place.path is None and _scheme(place.file) not in readable:
            raise ProblemError(
                403, "outside", f"the service does not read what item {item.id} names as its file"
            )
        if place.path is not None:
            try:
                self._check_real(item, place, real_path(place.file, strict=False))
            except ImageError as error:
                raise self._gone(item, str(error)) from error
        return place

    def _check_real(self, item: Item, place: Place, real: str) -> None:
        """Refuse the library's own files, and what lies outside the sharing roots."""
        if Path(real).is_relative_to(self._root):
            if not self._is_public(item, place, Path(real).relative_to(self._root).parts):
                raise self._gone(item, "it is one of the library's own files")
        elif self._shared is not None and not self._shared.holds_real(real):
            raise ProblemError(
                403, "outside", f"the file of item {item.id} lies outside the folders that are shown here"
            )

    def _is_public(self, item: Item, place: Place, parts: tuple[str, ...]) -> bool:
        """Whether a file in the library's folder is a picture of its owner's: an upload, or one that lies there too."""
        path = self._root.joinpath(*parts)
        if parts[:1] == (UPLOADS,):
            return place.member is None and is_upload(self._root, path, item.content_hash)
        own = is_own_file(self._root, path)
        return not own and (self._shared is None or self._shared.holds_real(str(path)))

    def _read(self, item: Item, place: Place) -> bytes:
        limits = self._library.image_limits
        if place.path is None:
            if self._web is not None and _scheme(item.uri) in _WEB:
                return anyio.run(self._web.fetch, item.uri)
            return open_original(item.uri, limits, remote=self._web is not None)
        real = real_path(place.file)
        self._check_real(item, place, real)
        if place.member is None:
            return read_real_file(real, limits)
        data = containers.read_member(real, place.member, limits.max_bytes)
        if real_path(real) != real:  # a folder above it became a link meanwhile
            raise ImageError("it was moved while it was read", "read")
        return data

    def _format(self, data: bytes, *, whole: bool) -> str:
        """The format of a picture; ImageError for bytes that are none, by their headers or as a whole."""
        from vasari.retrieval.images.decode import decode, probe

        limits = self._library.image_limits
        if whole:
            return decode(data, limits, target=min(SIDES)).info.format
        return probe(data, limits).format

    def _gone(self, item: Item, reason: str) -> ProblemError:
        """One answer for all reasons, so that nobody learns from it which files there are."""
        _LOG.info("item %s has no picture to be shown: %s: %s", item.id, item.uri, reason)
        return ProblemError(
            404, "file-gone", f"item {item.id} has no picture that can be shown: its file is gone, or is none"
        )

    def _path(self, content_hash: str, side: int) -> Path:
        return thumbnail_path(self._library.root, content_hash, side)


def _is_whole(webp: bytes) -> bool:
    """Whether a WebP file is as long as its header says."""
    return webp[:4] == b"RIFF" and len(webp) == 8 + int.from_bytes(webp[4:8], "little")


def _scheme(uri: str) -> str:
    return uri.partition("://")[0].lower()


def keep(path: Path, data: bytes) -> None:
    """Write what can be made again. Under another name first: a reader sees a whole file or none."""
    # A full disk must not keep anybody from seeing the picture: it is only not kept.
    with contextlib.suppress(StorageError):
        write_bytes(path, data, durable=False)
