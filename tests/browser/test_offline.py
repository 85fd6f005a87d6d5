"""The page as an app: it can be installed, and opens where its service is away, never with code of yesterday."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Album, Open, Served, serving
from tests.browser.test_accessibility import serious
from tests.patience import LONG
from tests.service.colours import ColourLibrary
from vasari.api.service.app import WEB
from vasari.api.service.bundle import bundled

KEPT = """async () => {
  const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  return (await Promise.all(caches_.map((one) => one.keys()))).flat().map(({url}) => url);
}"""


def test_it_can_be_installed(served: Served) -> None:
    """Its manifest names pictures that are there, as large as they are said to be."""
    answer = httpx.get(f"{served.address}/app.webmanifest", timeout=LONG)
    assert answer.headers["content-type"].startswith("application/manifest+json")
    manifest = answer.json()
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert (WEB / icon["src"]).is_file()
        if icon["type"] == "image/png":
            with Image.open(WEB / icon["src"]) as drawn:
                assert icon["sizes"] == "{}x{}".format(*drawn.size)
    html = httpx.get(served.address, timeout=LONG).text
    assert '<link rel="manifest" href="app.webmanifest">' in html


def test_it_opens_where_the_service_is_away(open_page: Open, album: Album, tmp_path: Path) -> None:
    """In the reader's language, it says that nobody answers; once somebody does, it goes on."""
    shutil.copytree(album[0], tmp_path / "library")
    with serving(tmp_path / "library", ColourLibrary.open(tmp_path / "library", create=True)) as address:
        page = open_page(address, service_workers="allow", locale="de-DE")
        expect(page.locator(".tile").first).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function(
            "navigator.serviceWorker.getRegistration().then((one) => one.active.state === 'activated')"
        )
        kept = page.evaluate(KEPT)
        assert all(
            url.endswith("/") or ".json" in url or re.search(r"\?v=[0-9a-f]{16}$", url) for url in kept
        )
        assert len(kept) == 5
        page.reload()
        expect(page.locator(".tile").first).to_be_visible()
    page.goto(f"{address}/?q=red")
    expect(page.get_by_role("heading", name="Der Dienst ist nicht erreichbar")).to_be_visible()
    assert serious(page) == []
    page.context.close()


def test_code_of_yesterday_is_never_shown(chromium: Browser, album: Album, tmp_path: Path) -> None:
    """What the service has now is what runs, and the worker of its version takes the place of the old one's files."""
    web = tmp_path / "web"
    shutil.copytree(WEB, web)
    before = bundled(web)
    assert before is not None
    with serving(album[0], web=web) as address:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function(f"({KEPT})().then((kept) => kept.length === 4)")
        script = web / "scripts" / "main.js"
        script.write_text(script.read_text("utf-8") + 'document.title = "tomorrow";\n', "utf-8")
        bundled.cache_clear()
        after = bundled(web)
        assert after is not None
        page.goto(address)
        page.wait_for_function("document.title === 'tomorrow'")
        new = after.files["page.js"].tag
        page.wait_for_function(
            f"({KEPT})().then((kept) => kept.length === 4 && kept.some((url) => url.endsWith({json.dumps(new)})))"
        )
        context.close()
    bundled.cache_clear()
