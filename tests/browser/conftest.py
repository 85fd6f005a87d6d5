"""One Chromium and one service for all tests of the page; each test has a page of its own."""

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
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.album import make_album
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.reading import PATIENCE
from tests.service.colours import ColourLibrary
from vasari.api.service.app import WEB, create_app
from vasari.api.service.settings import ServiceSettings

Album = tuple[Path, dict[str, int], Path]


@dataclass(frozen=True)
class Served:
    """A service, and the items of its library by name."""

    address: str
    ids: dict[str, int]
    pictures: Path


@contextmanager
def serving(
    root: Path, library: ColourLibrary | None = None, web: Path = WEB, **settings: Any
) -> Iterator[str]:
    """The address of a service over the library in `root`, or this opened one, in a thread of this process."""
    own = ServiceSettings(**{"preload": "none", "rate_per_second": 0, **settings})
    app = create_app(lambda: library or ColourLibrary.open(root, create=True), own, web)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        if hasattr(app.state, "service"):
            app.state.service.stopping.set()  # streams of jobs would keep the server waiting
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser of the machine; closed with the package, as Playwright keeps an event loop running until then."""
    path = find_chromium()
    if path is None:
        pytest.skip(
            "no Chromium here: install one (apt-get install chromium), or name it in VASARI_TEST_BROWSER"
        )
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """The album's library, made once: its folder, item ids by name, and the pictures' folder."""
    base = tmp_path_factory.mktemp("album")
    return base / "library", make_album(base / "library", base / "pictures"), base / "pictures"


@pytest.fixture(scope="session")
def served(album: Album) -> Iterator[Served]:
    """The service that all tests share; none of them changes what the others look for."""
    library, ids, pictures = album
    with serving(library) as address:
        yield Served(address, ids, pictures)


@pytest.fixture
def own(album: Album, tmp_path: Path) -> Iterator[tuple[str, ColourLibrary]]:
    """A service over a copy of the album, which a test may change."""
    shutil.copytree(album[0], tmp_path / "library")
    library = ColourLibrary.open(tmp_path / "library", create=True)
    with serving(tmp_path / "library", library) as address:
        yield address, library


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Open an address in a fresh profile; at the end, no script may have failed and nothing been blocked."""
    failures: list[str] = []
    with ExitStack() as stack:

        def open_(
            address: str, width: int = 1280, height: int = 800, scheme: str = "light", **options: Any
        ) -> Page:
            size = {"width": width, "height": height}
            options = {"service_workers": "block", **options}  # what it answers cannot be held back by a test
            context = chromium.new_context(viewport=size, color_scheme=scheme, **options)  # type: ignore[arg-type]
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.on(
                "console",
                lambda said: failures.append(said.text) if "Content Security" in said.text else None,
            )
            page.goto(address, wait_until="domcontentloaded")
            return page

        yield open_
    assert failures == []


@pytest.fixture
def page(open_page: Open, served: Served) -> Page:
    """The page over the album, with its pictures."""
    opened = open_page(served.address)
    expect(opened.locator(".tile").first).to_be_visible()
    return opened
