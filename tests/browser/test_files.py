"""The files of the page: small, self-contained, and safe by how they are written."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Response, expect

from tests.browser.conftest import Open, Served
from tests.browser.reading import settled
from tests.patience import LONG
from vasari.api.service.app import WEB
from vasari.api.service.bundle import join_modules

REDOC = WEB / "docs" / "redoc.standalone.js"
REDOC_2_5_4 = "dcaf76612bc4a3fbcc923a8966dee2f6146a5f32e5ce1b6f02dd60cbbf89500b"  # SHA-256 of npm's file
SCRIPTS = sorted((WEB / "scripts").glob("*.js"))


def _texts() -> dict[Path, str]:
    files = (
        path
        for path in WEB.rglob("*")
        if path.is_file() and path.suffix != ".png" and not path.name.startswith(REDOC.name)
    )
    return {path: path.read_text(encoding="utf-8") for path in files}


def test_redoc_is_the_published_one_but_for_its_logo() -> None:
    """The vendored file is npm's, but for the one picture it would load from elsewhere; its licence lies beside."""
    logo = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
    published = REDOC.read_bytes().replace(b'src:"data:,"', b'src:"' + logo + b'"')
    assert hashlib.sha256(published).hexdigest() == REDOC_2_5_4
    assert logo not in REDOC.read_bytes()
    assert "Permission is hereby granted" in REDOC.with_name(f"{REDOC.name}.LICENSE.txt").read_text("utf-8")


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No file names another host; only the names of XML's own languages look like one."""
    for path, text in _texts().items():
        hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)) - {"http://www.w3.org"}
        assert not hosts, path


def test_no_markup_is_made_from_text() -> None:
    """Nothing writes HTML or runs text: what people and files are called stays text."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|srcdoc"
    )
    for path in SCRIPTS:
        assert re.search(forbidden, path.read_text(encoding="utf-8")) is None, path


def test_the_page_has_nothing_inline() -> None:
    """The content policy allows no inline script or style, and neither page has any."""
    for path in (WEB / "index.html", WEB / "docs" / "index.html"):
        html = path.read_text(encoding="utf-8")
        assert re.search(r"<style|\sstyle=|\son\w+=", html) is None
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_the_page_comes_in_few_files_which_a_second_visit_has(served: Served, chromium: Browser) -> None:
    """All modules in one script, all styles in one sheet, kept for good under a name made of what they hold."""
    context = chromium.new_context(service_workers="block")
    asked: list[tuple[str, int, bool]] = []

    def note(response: Response) -> None:
        if "/v1/" not in response.url:
            sizes = response.request.sizes()
            asked.append((response.url, sizes["responseBodySize"], sizes["responseHeadersSize"] == 0))

    for _ in range(2):
        page = context.new_page()
        page.on("response", note)
        page.goto(served.address)
        expect(page.locator(".tile").first).to_be_visible()
        page.close()
    context.close()
    code = [url for url, _, _ in asked if re.search(r"\.(js|css)\?v=[0-9a-f]{16}$", url)]
    assert len(set(code)) == 3
    assert not [url for url, _, _ in asked if re.search(r"\.(js|css)$", url)]
    with httpx.Client(timeout=LONG) as client:
        for url in set(code):
            assert "immutable" in client.get(url).headers["cache-control"]
            assert client.get(url.partition("?")[0]).headers["cache-control"] == "no-cache"
            assert client.get(url.partition("?")[0] + "?v=0").headers["cache-control"] == "no-cache"


def test_the_bundle_has_every_module(served: Served) -> None:
    """No file of the page lies there unused, and each is in the bundle once."""
    script = httpx.get(f"{served.address}/page.js", timeout=LONG).text
    assert sorted(re.findall(r"^// scripts/([\w-]+\.js)$", script, re.MULTILINE)) == [
        path.name for path in SCRIPTS
    ]
    style = httpx.get(f"{served.address}/page.css", timeout=LONG).text
    assert all(path.read_text(encoding="utf-8") in style for path in (WEB / "styles").glob("*.css"))


def test_the_page_can_be_read_module_by_module(open_page: Open, served: Served) -> None:
    """At /modules.html the same page loads its files as they lie on the disk: what one debugs."""
    page = open_page(f"{served.address}/modules.html?q=red")
    settled(page)
    expect(page.locator(".tile").first).to_be_visible()
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
    )
    assert {f"/scripts/{path.name}" for path in SCRIPTS} <= set(loaded)
    assert "/page.js" not in loaded


def test_what_cannot_be_bundled_is_named(tmp_path: Path) -> None:
    """A circle of imports, and a form that the bundle does not know, are errors and not a broken page."""
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport const a = 1;\n', encoding="utf-8")
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = 1;\n', encoding="utf-8")
    (tmp_path / "main.js").write_text('import { a } from "./a.js";\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"import each other: main\.js → a\.js → b\.js → a\.js"):
        join_modules(tmp_path, "main.js")
    (tmp_path / "c.js").write_text("export default 1;\n", encoding="utf-8")
    (tmp_path / "main.js").write_text('import { c } from "./c.js";\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"c\.js has a form that is not bundled: export default 1;"):
        join_modules(tmp_path, "main.js")


def test_modules_are_short() -> None:
    """One noun a module, each read at one sitting."""
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in SCRIPTS) <= 300


def test_a_page_that_is_asked_for_again_keeps_its_policy(served: Served) -> None:
    """ "Not modified" brings no other content policy: the browser would put it in place of the page's own."""
    first = httpx.get(served.address, timeout=LONG)
    again = httpx.get(served.address, headers={"If-None-Match": first.headers["etag"]}, timeout=LONG)
    assert "script-src 'self'" in first.headers["content-security-policy"]
    assert again.status_code == 304
    assert "content-security-policy" not in again.headers


def test_a_first_visit_is_small(served: Served) -> None:
    """All code of the page comes packed, in less than 100 kB; who takes no gzip gets it plain."""
    html = httpx.get(served.address, timeout=LONG).text
    code = re.findall(r'(?:href|src)="([^"]+\.(?:js|css)[^"]*)"', html)
    sent = 0
    with httpx.Client(base_url=served.address, headers={"Accept-Encoding": "gzip"}, timeout=LONG) as client:
        for file in ["/", *(f"/{name}" for name in code)]:
            with client.stream("GET", file) as answer:
                sent += sum(map(len, answer.iter_raw()))
    assert 20_000 < sent < 100_000
    plain = httpx.get(f"{served.address}/{code[-1]}", headers={"Accept-Encoding": "identity"}, timeout=LONG)
    assert "content-encoding" not in plain.headers
    assert "// scripts/main.js" in plain.text
    again = httpx.get(
        f"{served.address}/page.js", headers={"If-None-Match": plain.headers["etag"]}, timeout=LONG
    )
    assert (again.status_code, again.content) == (304, b"")
