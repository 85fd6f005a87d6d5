"""The files of the page: small, self-contained, and safe by how they are written."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import httpx

from tests.browser.conftest import Served
from vasari.api.service.app import WEB

REDOC = WEB / "docs" / "redoc.standalone.js"
REDOC_2_5_4 = "dcaf76612bc4a3fbcc923a8966dee2f6146a5f32e5ce1b6f02dd60cbbf89500b"  # SHA-256 of npm's file
SCRIPTS = sorted((WEB / "scripts").glob("*.js"))


def _texts() -> dict[Path, str]:
    files = (path for path in WEB.rglob("*") if path.is_file() and not path.name.startswith(REDOC.name))
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


def test_all_modules_are_fetched_at_once() -> None:
    """Each module is preloaded, so that imports of imports cost no round trips of their own."""
    html = (WEB / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'(?:href|src)="scripts/([\w-]+\.js)"', html))
    assert named == {path.name for path in SCRIPTS}


def test_modules_are_short() -> None:
    """One noun a module, each read at one sitting."""
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in SCRIPTS) <= 300


def test_a_page_that_is_asked_for_again_keeps_its_policy(served: Served) -> None:
    """ "Not modified" brings no other content policy: the browser would put it in place of the page's own."""
    first = httpx.get(served.address)
    again = httpx.get(served.address, headers={"If-None-Match": first.headers["etag"]})
    assert "script-src 'self'" in first.headers["content-security-policy"]
    assert again.status_code == 304
    assert "content-security-policy" not in again.headers
