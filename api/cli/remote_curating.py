"""Saying something of pictures in a running service: `vasari tag`, `show`, `stack` and `album` with `--server`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from vasari.api.cli.connecting import connected
from vasari.api.cli.patience import patiently
from vasari.api.cli.places import literally
from vasari.api.client.client import Client
from vasari.api.client.connection import ServiceError
from vasari.retrieval.catalog.records import Album, AlbumShare, Change, Changed
from vasari.retrieval.domain import Caption, Item, ItemId, Modality
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.library.named import as_named
from vasari.retrieval.search.query import MAX_TEXT, parse_item
from vasari.retrieval.storage.file_names import composed
from vasari.retrieval.storage.uris import absolute

_AT_ONCE = 10_000  # items of one request
_LONGEST = MAX_TEXT - 10  # characters of a filter


@contextmanager
def of_service(server: str, key: str | None) -> Iterator[_OfService]:
    """The library of a running service."""
    with connected(server, key) as client:
        yield _OfService(client)


@dataclass(frozen=True, slots=True)
class _Named:
    """What a word of the command line names, as a service can be asked for it."""

    item: ItemId | None
    places: Sequence[str]  # files or folders of these names, composed

    @classmethod
    def read(cls, name: str) -> Self:
        item = parse_item(name)
        files = dict.fromkeys((name, absolute(name))) if item is None else ()
        return cls(item, [composed(start + file) for file in files for start in ("", "text:")])

    @property
    def filter(self) -> str:
        """A filter that accepts at least these: it looks over upper and lower case."""
        if self.item is not None:
            return f"id = {self.item}"
        return " or ".join(
            test
            for place in map(literally, self.places)
            for test in (f'uri = "{place}"', f'uri:"{place}/*"', f'uri:"{place}#*"')
        )

    def means(self, item: Item) -> bool:
        """Whether the item is named, or lies in a folder or archive that is."""
        uri = composed(item.uri)
        return item.id == self.item or any(
            uri == place or uri.startswith((f"{place}/", f"{place}#")) for place in self.places
        )


def _joined(filters: Iterable[str]) -> Iterator[str]:
    """Filters that accept what any of the given ones does: as few as the length of a filter allows."""
    joined = ""
    for one in filters:
        if joined and len(joined) + len(one) > _LONGEST:
            yield joined
            joined = ""
        joined = f"{joined} or {one}" if joined else one
    if joined:
        yield joined


class _OfService:
    def __init__(self, client: Client) -> None:
        self._client = client

    def chosen(self, what: Sequence[str], filter_: str | None) -> tuple[list[ItemId], list[str]]:
        named = {name: _Named.read(name) for name in what}
        asked = _joined(one.filter for one in named.values())
        found = [item for filter_of_some in asked for item in self._items(filter_of_some)]
        meant = {name: {item.id for item in found if one.means(item)} for name, one in named.items()}
        alive, gone = set().union(*meant.values()), [name for name, ids in meant.items() if not ids]
        if filter_ is not None:
            accepted = {item.id for item in self._items(filter_)}
            alive = alive & accepted if what else accepted
        return as_named(meant, alive), gone

    def _items(self, filter_: str) -> Iterator[Item]:
        for modality in Modality:
            yield from self._client.items(filter_, modality)

    def say(
        self, ids: Sequence[ItemId], change: Change, captions: Sequence[Caption] | None = None
    ) -> Changed:
        if captions is not None and ids:
            self._client.patch(ids[0], captions=captions)
        parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
        said: Any = {part.name: value for part in fields(change) if (value := getattr(change, part.name))}
        done = [self._client.annotate(part, **said) for part in parts if said]
        return Changed(
            sum(one.changed for one in done),
            [item for one in done for item in one.not_found],
            [undo for one in reversed(done) for undo in one.undo],
        )

    def whole(self, ids: Sequence[ItemId]) -> Sequence[Item]:
        return [patiently(self._client.item, item) for item in ids]

    def albums_of(self, item: ItemId) -> Sequence[str]:
        try:
            return [album.name for album in patiently(self._client.albums, item)]
        except ServiceError as refused:
            if refused.kind != "narrow":
                raise
            return []  # albums are of the whole library, and this key sees a part

    def stack(self, ids: Sequence[ItemId]) -> Sequence[ItemId]:
        return self._client.stack(ids)

    def unstack(self, ids: Sequence[ItemId]) -> None:
        self._client.unstack(ids)

    def albums(self) -> Sequence[Album]:
        return self._client.albums()

    def album(self, name: str) -> Album:
        wanted = composed(name.strip()).casefold()
        for album in self._client.albums():
            if album.name.casefold() == wanted:
                return album
        raise NotFoundError(f"there is no album {name!r}: `vasari album list` names those there are")

    def create(self, name: str, query: str | None, filter_: str | None, ids: Sequence[ItemId]) -> Album:
        made = self._client.create_album(name, query=query, filter=filter_)
        self.say(ids, Change(add_to_albums=[made.id]))
        return self._client.album(made.id) if ids else made

    def freeze(self, name: str, query: str | None, filter_: str | None) -> Album:
        return self._client.create_album(name, query=query, filter=filter_, frozen=True)

    def rename(self, album: int, name: str) -> Album:
        return self._client.change_album(album, name=name)

    def delete(self, album: int) -> None:
        self._client.delete_album(album)

    def share(self, album: Album, expires_at: datetime) -> tuple[AlbumShare, bool]:
        # A service makes no first key for others.
        return self._client.share_album(album.id, expires_at), False
