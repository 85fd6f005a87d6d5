"""Speak to a library as an agent does: python examples/mcp_agent.py LIBRARY WORDS (pip install 'vasari[mcp]').

The same command is what an agent's settings name: {"command": "vasari", "args": ["mcp", "--library", "…"]}.
"""

import asyncio
import base64
import sys

from mcp import Client, StdioServerParameters
from mcp_types import ImageContent


async def talk(library: str, words: str) -> None:
    """List the tools, search, and look at the best picture."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "vasari.api.cli", "mcp", "--library", library]
    )
    async with Client(server) as client:
        print(", ".join(tool.name for tool in (await client.list_tools()).tools))
        found = (await client.call_tool("search", {"query": words, "limit": 3})).structured_content
        for item in found["items"]:
            print(f"{item['score']:6.3f}  {item['where']}")
        shown = await client.call_tool("show", {"item": found["items"][0]["item"], "side": 256})
        for content in shown.content:
            if isinstance(content, ImageContent):
                print(content.mime_type, len(base64.b64decode(content.data)), "bytes")


def main(library: str, words: str) -> None:
    """Run it."""
    asyncio.run(talk(library, words))


if __name__ == "__main__":
    main(*sys.argv[1:])
