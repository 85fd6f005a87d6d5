"""Use a running service: python examples/http_client.py URL PICTURE, beside `vasari serve`.

The client answers and raises what `Library` does; `AsyncClient` has the same methods for asyncio.
"""

import sys
from pathlib import Path

from vasari import Client
from vasari.retrieval.errors import QueryError


def main(url: str, picture: str) -> None:
    """Send a picture, ask whether it is known, find what is like it, ask a wrong question, and take it out again."""
    with Client(url) as client:
        item = client.add(Path(picture), tags=["sent"], attributes={"from": "an example"})
        print(f"item {item.id}: {item.width} × {item.height}")
        for copy in client.duplicates(Path(picture)):
            print(f"a copy of item {copy.item.id} ({copy.kind})")
        for hit in client.similar(item.id, limit=3).hits:
            print(f"{hit.score:6.3f}  {hit.item.uri}")
        try:
            client.search("-")
        except QueryError as error:
            print(error)
        client.delete(item.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
