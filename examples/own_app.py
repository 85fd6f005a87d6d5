"""A library inside an application of your own: uvicorn --factory examples.own_app:make_app.

One opened library serves many threads: FastAPI runs handlers that are plain functions in threads of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from vasari import Library, SearchRequest, parse_query
from vasari.retrieval.errors import QueryError


def make_app(folder: str | None = None) -> FastAPI:
    """An application over the library in `folder` (default: VASARI_LIBRARY)."""
    library = Library.open(folder)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        library.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/find")
    def find(words: str, limit: int = 5) -> list[dict[str, float | str]]:
        """Pictures for words, best first."""
        try:
            found = library.search(SearchRequest(parse_query(words), limit=limit))
        except QueryError as error:
            raise HTTPException(422, str(error)) from error
        return [{"uri": hit.item.uri, "score": hit.score} for hit in found.hits]

    return app
