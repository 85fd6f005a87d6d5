"""An MCP server over one library; who may reach it, and by which transport."""

from __future__ import annotations

from mcp.server import MCPServer
from mcp_types import ToolAnnotations

from vasari.api.mcp.tools import Tools
from vasari.api.python.library import Library
from vasari.retrieval.errors import UsageError
from vasari.retrieval.version import __version__

HOST = "127.0.0.1"
_INSTRUCTIONS = (
    "A library of pictures. `search` finds by words, `similar` by a picture; both answer with numbers of items, which"
    " `show` (look at it), `describe` and `ask` take. `overview` tells what a search can be narrowed down by."
)


def make_server(library: Library, *, write: bool = False) -> MCPServer:
    """The server; without `write` nothing that it offers changes the library."""
    tools = Tools(library)
    server = MCPServer(
        "vasari", title="Vasari", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )
    reading = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    for tool in (
        tools.search, tools.similar, tools.show, tools.describe, tools.ask, tools.overview, tools.list_albums,
    ):  # fmt: skip
        server.add_tool(tool, annotations=reading)
    if write:
        adding = ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        )
        server.add_tool(tools.add_to_album, annotations=adding)
    return server


def refuse_with_keys(library: Library) -> None:
    """Raise UsageError for a library with keys: over HTTP this server asks for none."""
    if any(key.revoked_at is None for key in library.catalog.keys.all()):
        raise UsageError(
            "this library has keys, and MCP over HTTP asks for none: let the agent start `vasari mcp` itself"
            " (stdin and stdout), or revoke them"
        )
