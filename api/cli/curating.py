"""Where `vasari tag`, `show`, `stack` and `album` do what they say: in a library of this machine, or in a service's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from typing import Protocol

from vasari.api.cli.options import key_option, library_option, server_option
from vasari.retrieval.catalog.records import Album, AlbumShare, Change, Changed
from vasari.retrieval.domain import Caption, CaptionSource, Item, ItemId
from vasari.retrieval.library import albums
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.named import live_items


class Curated(Protocol):
    """A collection in which people say something of pictures."""

    def chosen(self, what: Sequence[str], filter_: str | None) -> tuple[list[ItemId], list[str]]:
        """Ids of live items that are named, in that order, and that the filter accepts; and names that mean none."""

    def say(
        self, ids: Sequence[ItemId], change: Change, captions: Sequence[Caption] | None = None
    ) -> Changed:
        """Change what is said of items; with `captions`, those of the first are these from now on."""

    def whole(self, ids: Sequence[ItemId]) -> Sequence[Item]:
        """All that is known of items."""

    def albums_of(self, item: ItemId) -> Sequence[str]:
        """Names of the albums by hand that an item is in."""

    def stack(self, ids: Sequence[ItemId]) -> Sequence[ItemId]:
        """Make pictures one stack; its members."""

    def unstack(self, ids: Sequence[ItemId]) -> None:
        """Take pictures out of their stacks."""

    def albums(self) -> Sequence[Album]:
        """All albums by name, counted."""

    def album(self, name: str) -> Album:
        """The album of this name; raises NotFoundError."""

    def create(self, name: str, query: str | None, filter_: str | None, ids: Sequence[ItemId]) -> Album:
        """Make an album of these items, or save a search."""

    def freeze(self, name: str, query: str | None, filter_: str | None) -> Album:
        """Make an album of what a search finds now."""

    def rename(self, album: int, name: str) -> Album:
        """Give an album another name."""

    def delete(self, album: int) -> None:
        """Forget an album."""

    def share(self, album: Album, expires_at: datetime) -> tuple[AlbumShare, bool]:
        """Make a key that sees an album and nothing else, and tell whether it is the library's first key."""


Where = Callable[[], AbstractContextManager[Curated]]


def curating(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --library, --server and --key; it is told by `where` what opens the collection that they mean."""

    @wraps(function)
    def run(*, library: Path | None, server: str | None, key: str | None, **given: object) -> None:
        function(where=partial(curated, library, server, key), **given)

    return library_option(server_option(key_option(run)))


@contextmanager
def curated(library: Path | None, server: str | None, key: str | None) -> Iterator[Curated]:
    """The library at a place, or that of a service."""
    if server is not None:
        from vasari.api.cli.remote_curating import of_service  # brings httpx, which takes as long as the rest

        with of_service(server, key) as served:
            yield served
    else:
        with Library.open(library) as opened:
            yield _OfLibrary(opened)


class _OfLibrary:
    def __init__(self, library: Library) -> None:
        self._library = library
        self._catalog = library.catalog

    def chosen(self, what: Sequence[str], filter_: str | None) -> tuple[list[ItemId], list[str]]:
        return live_items(self._library, what, filter_)

    def say(
        self, ids: Sequence[ItemId], change: Change, captions: Sequence[Caption] | None = None
    ) -> Changed:
        with self._catalog.database.together():
            done = self._catalog.changes.apply(ids, change)
            if captions is not None and ids:
                self._catalog.annotations.set_captions(ids[0], captions, CaptionSource.USER)
        return done

    def whole(self, ids: Sequence[ItemId]) -> Sequence[Item]:
        known = self._library.items(ids)
        return self._catalog.readings.beside(known[item] for item in ids if item in known)

    def albums_of(self, item: ItemId) -> Sequence[str]:
        return self._catalog.albums.names_of([item]).get(item, [])

    def stack(self, ids: Sequence[ItemId]) -> Sequence[ItemId]:
        return self._catalog.stacks.make(ids)

    def unstack(self, ids: Sequence[ItemId]) -> None:
        self._catalog.stacks.take_out(ids)

    def albums(self) -> Sequence[Album]:
        return albums.listed(self._library)

    def album(self, name: str) -> Album:
        return self._catalog.albums.named(name)

    def create(self, name: str, query: str | None, filter_: str | None, ids: Sequence[ItemId]) -> Album:
        with self._catalog.database.together():
            made = albums.save(self._library, name, query, filter_)
            if ids:
                self._catalog.albums.add(made.id, ids)
        return albums.counted(self._library, self._catalog.albums.get(made.id))

    def freeze(self, name: str, query: str | None, filter_: str | None) -> Album:
        return albums.freeze(self._library, name, query, filter_)

    def rename(self, album: int, name: str) -> Album:
        return albums.change(self._library, album, name=name)

    def delete(self, album: int) -> None:
        self._catalog.albums.delete(album)

    def share(self, album: Album, expires_at: datetime) -> tuple[AlbumShare, bool]:
        from vasari.api.service.security.shares import share_album  # brings FastAPI, which takes a second

        first = not self._catalog.keys.all()
        return share_album(self._catalog, album, expires_at), first
