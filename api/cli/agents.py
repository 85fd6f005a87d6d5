"""`vasari mcp`: the library as tools for agents (Model Context Protocol)."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import Integer, command, library_option, open_settings
from vasari.retrieval.errors import MissingExtraError


@command("mcp", example="vasari mcp --library ~/Pictures/.vasari")
@click.option("--http", is_flag=True, help="Serve HTTP to this machine, instead of stdin and stdout.")
@click.option("--port", type=Integer(0, 65535), default=7610, help="With --http: the port.")
@click.option("--write", is_flag=True, help="Also offer what changes the library: adding to albums.")
@library_option
def mcp(http: bool, port: int, write: bool, library: Path | None) -> None:
    """Offer the library to agents: search, look, ask (Model Context Protocol).

    It reads only, unless --write. Agents start it themselves and speak over
    stdin and stdout; with --http it listens at http://127.0.0.1:7610/mcp.
    """
    try:
        from vasari.api.mcp.server import HOST, make_server, refuse_with_keys
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise MissingExtraError("mcp", "mcp") from None
    from vasari.api.python.library import Library
    from vasari.api.service.server import free_port

    with Library.open(library, open_settings(library=library, read_only=not write or None)) as opened:
        server = make_server(opened, write=write)
        if not http:
            server.run("stdio")
            return
        refuse_with_keys(opened)
        port = free_port(HOST, port)
        output.note(f"MCP for {opened.root} at http://{HOST}:{port}/mcp (Ctrl-C stops)")
        server.run("streamable-http", host=HOST, port=port)
