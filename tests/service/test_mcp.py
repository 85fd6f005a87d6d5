"""The library as tools for agents, used by the protocol's own client: in this process, and over HTTP."""

from __future__ import annotations

import base64
import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from mcp import Client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from tests.patience import LONG
from tests.service.colours import COLOURS, ColourLibrary, picture
from vasari.api.cli.main import main
from vasari.api.mcp.server import make_server, refuse_with_keys
from vasari.api.python.library import Library
from vasari.retrieval.domain import Caption
from vasari.retrieval.errors import UsageError

READING = ["search", "similar", "show", "describe", "ask", "overview", "list_albums"]


class Colours(ColourLibrary, Library):
    """A library whose model knows colours."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colours]:
    base = tmp_path_factory.mktemp("mcp")
    (base / "photos").mkdir()
    for name in COLOURS:
        (base / "photos" / f"{name}.png").write_bytes(picture(name, 300))
    (base / "lines.txt").write_text("red\n")
    with Colours.open(base / "library", create=True) as opened:
        opened.index(base / "photos")
        opened.index(base / "lines.txt", texts=True)
        red = opened.search("red")[0].item.id
        opened.catalog.annotations.set_tags(red, ["warm"])
        opened.catalog.annotations.add_captions({red: [Caption("a red square")]})
        yield opened


def call(library: Library, tool: str, *, write: bool = False, **arguments: Any) -> CallToolResult:
    """Call a tool as a client does."""

    async def talk() -> CallToolResult:
        async with Client(make_server(library, write=write)) as client:
            return await client.call_tool(tool, arguments)

    return anyio.run(talk)


def fields(result: CallToolResult) -> Any:
    """A structured answer."""
    assert not result.is_error, result.content
    return result.structured_content


def complaint(result: CallToolResult) -> str:
    """The line of an error."""
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_an_agent_is_told_what_there_is(library: Colours) -> None:
    """Tools that read, with schemas and hints; what writes is offered only if asked for."""

    async def tools(write: bool) -> list[Any]:
        async with Client(make_server(library, write=write)) as client:
            assert "search" in (client.instructions or "")
            return list((await client.list_tools()).tools)

    reading = anyio.run(tools, False)
    assert [tool.name for tool in reading] == READING
    assert all(tool.annotations.read_only_hint and tool.description for tool in reading)
    assert reading[0].input_schema["required"] == ["query"]
    assert {"items", "total", "understood", "notes"} == set(reading[0].output_schema["properties"])
    writing = anyio.run(tools, True)
    assert [tool.name for tool in writing if not tool.annotations.read_only_hint] == ["add_to_album"]


def test_a_search_answers_with_what_can_be_shown(library: Colours) -> None:
    """Best first, with captions and tags; narrowed by a filter."""
    found = fields(call(library, "search", query="red", limit=2))
    assert (found["total"], len(found["items"])) == (len(COLOURS), 2)
    best = found["items"][0]
    assert (best["captions"], best["tags"], best["score"]) == (
        ["a red square"],
        ["warm"],
        pytest.approx(1, abs=1e-3),
    )
    assert (
        fields(call(library, "search", query="blue", filter="tag:warm"))["items"][0]["item"] == best["item"]
    )
    alike = fields(call(library, "similar", item=best["item"], limit=3))
    assert best["item"] not in [item["item"] for item in alike["items"]]
    assert fields(call(library, "describe", item=best["item"])) == best | {"score": None}


def test_a_picture_is_shown_reduced(library: Colours) -> None:
    """As image content, which a model looks at."""
    red = library.search("red")[0].item.id
    (content,) = call(library, "show", item=red, side=128).content
    assert isinstance(content, ImageContent)
    shown = Image.open(io.BytesIO(base64.b64decode(content.data)))
    assert (content.mime_type, shown.size) == ("image/webp", (128, 128))


def test_the_overview_counts(library: Colours) -> None:
    """All, or what a filter accepts."""
    whole = fields(call(library, "overview"))
    assert (whole["pictures"], whole["texts"], whole["narrow_by"]["tags"]) == (
        len(COLOURS),
        1,
        [{"value": "warm", "count": 1}],
    )
    assert "taken" in whole["filter_fields"]
    assert fields(call(library, "overview", filter="tag:warm"))["pictures"] == 1


def test_a_question_is_answered_by_the_librarys_model(library: Colours) -> None:
    """The fake of the tests answers like the service's."""
    red = library.search("red")[0].item
    expected = library.ask(library.read_original(red), "what colour is it?")
    (content,) = call(library, "ask", item=red.id, question="what colour is it?").content
    assert isinstance(content, TextContent)
    assert content.text == expected


def test_errors_are_one_line_for_whoever_asked(library: Colours) -> None:
    """What the library itself would say; arguments out of range are refused; no file of this machine is a query."""
    text = next(item.id for item in library.items() if item.text)
    assert "no item 999" in complaint(call(library, "show", item=999))
    assert "is a text" in complaint(call(library, "show", item=text))
    assert "the filter ends too early" in complaint(call(library, "search", query="red", filter="tag:"))
    assert call(library, "search", query="red", limit=1000).is_error
    assert call(library, "add_to_album", album="x", items=[1]).is_error
    path = next(item.uri for item in library.items("name:blue*"))
    assert fields(call(library, "search", query=path, limit=1))["items"][0]["score"] < 0.99


def test_an_album_is_filled_if_that_is_allowed(library: Colours) -> None:
    """Made if need be; a wrong number puts nothing into it."""
    red, blue = (library.search(colour)[0].item.id for colour in ("red", "blue"))
    assert call(library, "add_to_album", write=True, album="Squares", items=[red, 999]).is_error
    assert fields(call(library, "list_albums"))["result"] == []
    assert fields(call(library, "add_to_album", write=True, album="Squares", items=[red, blue]))["count"] == 2
    assert fields(call(library, "add_to_album", write=True, album="Squares", items=[red]))["count"] == 2
    assert [item.id for item in library.items("album:Squares")] == sorted([red, blue])
    assert fields(call(library, "list_albums"))["result"][0]["name"] == "Squares"


def test_http_is_for_this_machine(library: Colours) -> None:
    """The client speaks to a real server; a page of another origin that a browser shows is refused."""
    import httpx

    app = make_server(library).streamable_http_app()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"

        async def talk() -> CallToolResult:
            async with Client(url) as client:
                return await client.call_tool("search", {"query": "red", "limit": 1})

        try:
            assert len(fields(anyio.run(talk))["items"]) == 1
            strange = httpx.post(url, json={}, headers={"Host": "evil.example"}, timeout=LONG)
            assert strange.status_code in (403, 421)
            other = httpx.post(url, json={}, headers={"Origin": "https://evil.example"}, timeout=LONG)
            assert other.status_code == 403
        finally:
            server.should_exit = True
            thread.join(LONG)


def test_a_library_with_keys_is_not_offered_over_http(library: Colours) -> None:
    """Whoever made keys wants to be asked for one."""
    refuse_with_keys(library)
    made = library.catalog.keys.add("page", "0" * 64, ["search"])
    try:
        with pytest.raises(UsageError, match="asks for none"):
            refuse_with_keys(library)
    finally:
        library.catalog.keys.revoke(made)


def test_without_the_package_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In a line."""
    for name in [name for name in sys.modules if name.startswith(("vasari.api.mcp", "mcp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(SystemExit):
        main(["mcp", "-L", str(tmp_path)])
    assert "pip install 'vasari[mcp]'" in capsys.readouterr().err
