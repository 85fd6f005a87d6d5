"""Shares: links by which others see one album. Each holds a key of its own, which sees that album and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from vasari.api.service.security.auth import create_key
from vasari.retrieval.catalog.albums import condition
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import Album, AlbumShare, KeyLimits
from vasari.retrieval.errors import NotFoundError, UsageError


def share_album(catalog: Catalog, album: Album, expires_at: datetime) -> AlbumShare:
    """Make a key that may search, and sees the album as it is at any time, until `expires_at`.

    Raises UsageError for a search for words, which no filter can hold, and for an end that is past.
    """
    if album.query is not None:
        raise UsageError(
            f"{album.name} is a search for words, and a link shows what a filter accepts: make an album of what it"
            " finds now (`vasari album create NAME --query … --frozen`), and share that"
        )
    number, key = create_key(
        catalog, f"album {album.name}", ["search"], KeyLimits(condition(album), expires_at)
    )
    made = next(share for share in shares_of(catalog, album) if share.id == number)
    return AlbumShare(made.id, made.name, made.created_at, made.expires_at, key=key)


def shares_of(catalog: Catalog, album: Album) -> list[AlbumShare]:
    """The keys in use that see this album and nothing else, oldest first."""
    now, seen = datetime.now(UTC), condition(album)
    return [
        AlbumShare(key.id, key.name, key.created_at, key.limits.expires_at, key.last_used_at)
        for key in catalog.keys.all()
        if key.limits.filter == seen and key.opens(now)
    ]


def end_share(catalog: Catalog, album: Album, number: int) -> None:
    """Revoke a key of `shares_of`; raises NotFoundError where there is none of that number."""
    if number not in [share.id for share in shares_of(catalog, album)]:
        raise NotFoundError(f"the album {album.name} has no link {number} in use")
    catalog.keys.revoke(number)
