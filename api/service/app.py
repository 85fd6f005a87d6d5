"""The FastAPI application: routes, the gate around them, and a lifespan that owns the library."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from vasari.api.service import problems
from vasari.api.service.logs import configure_logs
from vasari.api.service.middleware.gate import Gate
from vasari.api.service.openapi.schema import openapi
from vasari.api.service.pages import Pages
from vasari.api.service.routes import (
    albums,
    clip_retrieval,
    cohere_rerank,
    collection,
    health,
    items,
    jobs,
    judgments,
    marqo,
    models,
    openai_embeddings,
    openai_models,
    search,
    selection,
    session,
    shares,
)
from vasari.api.service.runtime.metrics import Metrics
from vasari.api.service.runtime.tracing import Tracing
from vasari.api.service.service import Service
from vasari.api.service.settings import ServiceSettings
from vasari.api.service.shutdown import STOPPING, longest_stop, on_stop_signal, refuse_connections
from vasari.retrieval.allocator import FOR_ANSWERS, return_large_blocks
from vasari.retrieval.library.library import Library
from vasari.retrieval.version import __version__

WEB = Path(__file__).resolve().parents[1] / "web"
_DECODE_BYTES = 512 * 1024 * 1024  # for decoding, where the settings say nothing
# What other programs speak.
COMPATIBLE = (openai_embeddings, openai_models, cohere_rerank, clip_retrieval, marqo)
FAMILIES = (
    search,
    items,
    albums,
    shares,
    judgments,
    selection,
    collection,
    models,
    *COMPATIBLE,
    jobs,
    session,
    health,
)


def create_app(
    open_library: Callable[[], Library],
    settings: ServiceSettings | None = None,
    web: Path = WEB,
    listening: Sequence[socket.socket] = (),
) -> FastAPI:
    """An application over the library that `open_library` opens when it starts.

    `listening` are the sockets of a process without workers, which take no new connections once it is told to stop.
    """
    settings = settings or ServiceSettings()
    metrics = Metrics()
    tracing = Tracing.open(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with Service.running(open_library(), settings, metrics) as service:
            app.state.service = service

            def stop() -> None:
                refuse_connections(listening)
                service.stopping.set()

            on_stop_signal(stop, longest_stop(settings.stop_timeout))
            await service.preload()
            yield {STOPPING: service.stopping}
        if tracing is not None:
            await to_thread.run_sync(tracing.close)

    app = FastAPI(
        title="Vasari",
        version=__version__,
        description="Find pictures by words, and words by pictures.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    problems.install(app)
    routes = list(app.routes)
    for family in FAMILIES:
        app.include_router(family.router)
        routes += family.router.routes
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Deadline-Ms", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After", "ETag", "Location"],
        )
    app.add_middleware(Gate, settings=settings, metrics=metrics, tracing=tracing)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    app.mount("/", Pages(web, routes), name="page")
    return app


def served_app(settings: ServiceSettings, listening: Sequence[socket.socket] = ()) -> FastAPI:
    """The application of a process of its own."""
    return_large_blocks(FOR_ANSWERS)
    configure_logs(json_lines=settings.json_logs, level=settings.log_level or "info")
    return create_app(partial(open_library, settings), settings, listening=listening)


def open_library(settings: ServiceSettings) -> Library:
    """The library of the settings, with a fixed memory budget for decoding what strangers send."""
    if settings.decode_bytes is None:
        settings = replace(settings, decode_bytes=_DECODE_BYTES)
    return Library.open(None, settings, create=True)
