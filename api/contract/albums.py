"""Albums, and the links by which they are shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vasari.api.contract.scalars import Fields, moment, read_moment
from vasari.api.json_text import original
from vasari.retrieval.catalog.records import Album, AlbumShare


def album_fields(album: Album) -> Fields:
    """An album; `count` is null where only a search can tell, `cover` is an item that stands for it."""
    return {
        "id": album.id,
        "name": album.name,
        "query": album.query,
        "filter": album.filter,
        "count": album.count,
        "cover": album.cover,
        "created_at": moment(album.created_at),
        "updated_at": moment(album.updated_at),
    }


def read_album(body: Mapping[str, Any]) -> Album:
    """The inverse."""
    moments = {name: read_moment(body[name]) for name in ("created_at", "updated_at")}
    return Album(**{**original(body), **moments})


def share_fields(share: AlbumShare) -> Fields:
    """A link to an album, without its key."""
    return {
        "id": share.id,
        "name": share.name,
        "created_at": moment(share.created_at),
        "expires_at": moment(share.expires_at),
        "last_used_at": moment(share.last_used_at),
    }


def read_share(body: Mapping[str, Any]) -> AlbumShare:
    """The inverse; with the key where the body has it."""
    moments = {name: read_moment(body[name]) for name in ("created_at", "expires_at", "last_used_at")}
    return AlbumShare(**{**original(body), **moments})
