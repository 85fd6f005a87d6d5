"""A running service over a library of colours."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.patience import LONG
from tests.service.colours import ColourLibrary, make_library
from vasari.api.service.app import WEB, create_app
from vasari.api.service.server import PunctualProtocol
from vasari.api.service.service import Service
from vasari.api.service.settings import ServiceSettings

# Neither a busy machine nor a quick one changes the answers.
PATIENT: dict[str, Any] = {
    "preload": "none",
    "rate_per_second": 0,
    "deadline_ms": 1000 * LONG,
    "body_timeout": LONG,
}


@dataclass
class Served:
    """A service in this process, and what a test wants to know of it."""

    client: TestClient
    library: ColourLibrary
    service: Service
    ids: dict[str, int]
    root: Path
    pictures: Path


@pytest.fixture(scope="session")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, int]]:
    """The library's folder, the pictures' folder, and item ids by colour; made once and copied."""
    base = tmp_path_factory.mktemp("colours")
    return base / "library", base / "pictures", make_library(base / "library", base / "pictures")


Serve = Callable[..., Served]


@pytest.fixture
def serve(coloured: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> Iterator[Serve]:
    """Start a service with these settings, over its own copy of the library."""
    with ExitStack() as stack:

        def start(*, empty: bool = False, web: Path | None = None, **settings: Any) -> Served:
            root, pictures, ids = coloured
            if not empty:
                shutil.copytree(root, tmp_path / "library")
            library = ColourLibrary.open(tmp_path / "library", create=True)
            own = ServiceSettings(**{**PATIENT, **settings})
            app = create_app(lambda: library, own, web or WEB)
            client = stack.enter_context(
                TestClient(app, base_url="http://127.0.0.1:7600", client=("127.0.0.1", 50000))
            )
            service: Service = app.state.service
            return Served(client, library, service, {} if empty else ids, tmp_path / "library", pictures)

        yield start


@contextmanager
def listening(app: FastAPI, **options: Any) -> Iterator[str]:
    """The application on a real socket, in a thread; its address."""
    config = uvicorn.Config(app, port=0, http=PunctualProtocol, log_config=None, ws="none", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Live:
    """A service on a real socket."""

    url: str
    library: ColourLibrary
    service: Service
    ids: dict[str, int]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)


@pytest.fixture
def serve_live(coloured: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Start a service with these settings on a real socket, over its own copy of the library."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Live:
            root, _, ids = coloured
            shutil.copytree(root, tmp_path / "library")
            library = ColourLibrary.open(tmp_path / "library", create=True)  # create: the catalog at once
            app = create_app(lambda: library, ServiceSettings(**{**PATIENT, **settings}))
            url = stack.enter_context(listening(app))
            return Live(url, library, app.state.service, ids)

        yield start


@pytest.fixture
def live(serve_live: Callable[..., Live]) -> Live:
    """A service on a real socket, over its own copy of the library."""
    return serve_live()


@pytest.fixture
def served(serve: Serve) -> Served:
    """A service with usual settings."""
    return serve()
