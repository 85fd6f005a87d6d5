"""The Python client against a service on a real socket."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.service.colours import picture
from tests.service.conftest import Live
from vasari.api.client.async_client import AsyncClient
from vasari.api.client.client import Client
from vasari.api.client.connection import ServiceError
from vasari.api.service.security.auth import create_key
from vasari.retrieval.domain import Caption, SearchRequest, Term, TermKind
from vasari.retrieval.errors import ImageError, NotFoundError, QueryError


def test_the_client_answers_as_the_library_does(live: Live) -> None:
    """The same request to the client and to the library finds the same items with the same scores."""
    request = SearchRequest(
        (Term(TermKind.TEXT, text="red"), Term(TermKind.ITEM, -0.5, item=live.ids["blue"]))
    )
    with Client(live.url) as client:
        far = client.search(request)
        near = live.library.search(request)
        assert [hit.item.id for hit in far.hits] == [hit.item.id for hit in near.hits]
        np.testing.assert_allclose(
            [hit.score for hit in far.hits], [hit.score for hit in near.hits], atol=1e-5
        )
        assert (far.total, far.space) == (near.total, near.space)
        both = client.search_batch(["green", "white"])
        assert [answer.hits[0].item.id for answer in both] == [live.ids["green"], live.ids["white"]]


def test_items_come_and_go(live: Live, tmp_path: Path) -> None:
    """A file is added with what is known of it, changed, looked at, and deleted."""
    file = tmp_path / "a.png"
    file.write_bytes(picture((0, 200, 200)))
    with Client(live.url) as client:
        item = client.add(file, captions=[Caption("the sea", "en")], tags=["holiday"])
        assert item.captions == (Caption("the sea", "en"),)
        patched = client.patch(item.id, tags=["b"], attributes={"stars": 3})
        assert patched is not None
        assert patched.attributes == {"stars": 3}
        assert client.similar(item.id, 3).hits[0].item.id in live.ids.values()
        assert client.thumbnail(item.id, 160)[8:12] == b"WEBP"
        assert client.original(item.id) == file.read_bytes()
        assert client.remove([item.id, 999]) == 1
        with pytest.raises(NotFoundError):
            client.item(item.id)


def test_what_is_said_of_many_items_is_taken_back(live: Live) -> None:
    """Tags, attributes and albums by hand, each with the change that undoes it; a saved search follows."""
    red, blue, green = (live.ids[colour] for colour in ("red", "blue", "green"))
    with Client(live.url) as client:
        album = client.create_album("Flags")
        best = client.create_album("Best", filter="rating >= 4")
        said = client.annotate(
            [red, blue, 999],
            add_tags=["a", "b"],
            remove_tags=["b"],
            attributes={"rating": 5},
            add_captions=[Caption("the sea", "en")],
        )
        assert (said.changed, said.not_found) == (2, [999])
        put = client.add_to_album(album.id, [red, green])
        assert {item.id for item in client.items('album:"Flags"')} == {red, green}
        assert [found.name for found in client.albums(red)] == ["Flags"]
        assert client.change_album(best.id, filter="rating = 5", name="Five").count == 2
        client.remove_from_album(album.id, [green])
        assert client.album(album.id).count == 1
        client.undo(put)
        assert client.item(red).captions == (Caption("the sea", "en"),)
        gone = client.annotate([red], remove_captions=["the sea"])
        assert client.item(red).captions == ()
        client.undo(gone)
        assert client.item(red).captions == (Caption("the sea", "en"),)
        client.undo(said)
        assert (client.item(red).tags, client.item(red).attributes, client.item(red).captions) == ((), {}, ())
        assert [found.count for found in client.albums()] == [0, 0]
        client.delete_album(best.id)
        with pytest.raises(NotFoundError):
            client.album(best.id)


def test_albums_are_shared_over_the_client(live: Live) -> None:
    """A link's key is told once; it is listed until it is ended."""
    _, key = create_key(live.library.catalog, "me", ["admin"])
    live.service.doorkeeper.forget()
    until = datetime(2101, 1, 31, tzinfo=UTC)
    with Client(live.url, key) as client:
        album = client.create_album("Reds", query="red", frozen=True)
        assert album.count
        link = client.share_album(album.id, until)
        assert (link.expires_at, link.last_used_at) == (until, None)
        with Client(live.url, link.key) as visitor:
            assert len(list(visitor.items())) == album.count
        (listed,) = client.album_shares(album.id)
        assert (listed.id, listed.name, listed.key) == (link.id, "album Reds", None)
        client.end_album_share(album.id, link.id)
        assert client.album_shares(album.id) == []


def test_stacks_over_the_client(live: Live) -> None:
    """Made by hand, shown, and taken apart."""
    pair = [live.ids["red"], live.ids["blue"]]
    with Client(live.url) as client:
        assert client.stack(pair) == sorted(pair)
        assert [item.id for item in client.stack_of(pair[0])] == sorted(pair)
        assert client.unstack([pair[1]]) == [pair[1]]
        assert [item.id for item in client.stack_of(pair[0])] == [pair[0]]


def test_both_clients_have_the_same_methods() -> None:
    """What one can, the other can, with the same arguments."""
    alike = [
        {name: inspect.signature(method) for name, method in inspect.getmembers(kind, inspect.isfunction)}
        for kind in (Client, AsyncClient)
    ]
    for methods in alike:
        for name in [name for name in methods if name.startswith("_") or name.endswith("close")]:
            del methods[name]
    assert list(alike[0]) == list(alike[1])
    assert [list(one.parameters.values()) for one in alike[0].values()] == [
        list(one.parameters.values()) for one in alike[1].values()
    ]


def test_models_over_the_client(live: Live) -> None:
    """Match, classify, caption, ask, locate, detect, embed and rerank."""
    red = live.ids["red"]
    with Client(live.url) as client:
        assert client.match(red, "red") > client.match(red, "blue")
        assert client.classify(picture("blue"), ["red", "blue"], ["{}"])[0][0] == "blue"
        assert client.caption(red) == "something red"
        assert client.ask(red, "Which colour?") == "red"
        assert [region.label for region in client.detect(red)] == ["red"]
        assert client.locate(red, "a blue thing") == []
        vectors = client.embed_texts(["red", "blue"])
        np.testing.assert_allclose(vectors, live.library.model.embed_texts(["red", "blue"]), atol=1e-6)
        assert client.embed_pictures([picture("red")]).shape == (1, 16)
        assert client.rerank("red", [live.ids["blue"], red])[0][0] == 1
        assert client.why(red, "red").startswith(b"\x89PNG")


def test_errors_are_the_librarys_own(live: Live) -> None:
    """Problems become the exceptions that the library raises."""
    with Client(live.url) as client:
        with pytest.raises(QueryError):
            client.search(SearchRequest((Term(TermKind.TEXT, text="red"),), filter="tag:"))
        with pytest.raises(ImageError):
            client.add(b"no picture")
        with pytest.raises(ServiceError, match="vasari index /") as caught:
            client.start_job("index", paths=["/"])
        assert (caught.value.status, caught.value.kind) == (403, "outside")
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(ServiceError, match="vasari serve"):
        nobody.search("red")


def test_the_asynchronous_client(live: Live) -> None:
    """The same calls for asyncio; a job is waited for."""

    async def use() -> None:
        async with AsyncClient(live.url) as client:
            answer = await client.search("red")
            assert answer.hits[0].item.id == live.ids["red"]
            job = await client.start_job("rebuild", index_kind="flat")
            assert (await client.wait_for(job.id, every=0.05, seconds=120)).state == "done"
            said = await client.annotate([live.ids["red"]], add_tags=["sea"])
            assert [item.id async for item in client.items("tag:sea")] == [live.ids["red"]]
            await client.undo(said)
            assert [item async for item in client.items("tag:sea")] == []

    anyio.run(use)
