"""The bytes behind a uri: the one place where originals are read."""

from __future__ import annotations

from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage import containers, filesystem
from vasari.retrieval.storage.local_files import read_local
from vasari.retrieval.storage.uris import locate


def open_original(uri: str, limits: ImageLimits, *, remote: bool = True) -> bytes:
    """The bytes that `uri` names (see `uris`).

    Raises ImageError: stage "read" for what cannot be read (and, unless `remote`, for everything at a URL), "limit"
    for more than `limits.max_bytes`.
    """
    place = locate(uri)
    if place.path is None and not remote:
        raise ImageError("it lies at a URL, which this library may not read", "read")
    if place.member is not None:
        return containers.read_member(place.file, place.member, limits.max_bytes)
    if place.path is None:
        return filesystem.read_url(place.file, limits.max_bytes)
    return read_local(place.file, limits)
