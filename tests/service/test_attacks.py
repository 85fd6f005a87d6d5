"""Attacks, each with the answer that docs/operations.md promises."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest

from tests.patience import LONG, until
from tests.service.colours import picture
from tests.service.conftest import Live, Serve, Served
from vasari.api.service.logs import JsonLines, Lines
from vasari.api.service.security.auth import create_key
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.local_files import content_hash, read_real_file, real_path

# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/....//....//etc/passwd",
        "/%252e%252e/etc/passwd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/index.html%00.png",
        "/link/passwd",
    ],
)
def test_the_page_serves_its_own_files_only(serve: Serve, tmp_path: Path, path: str) -> None:
    """Every form of path traversal, and a link out of the page's folder, finds nothing."""
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text("<h1>Vasari</h1>")
    (web / "link").symlink_to("/etc")
    served = serve(web=web)
    assert served.client.get("/").status_code == 200
    response = served.client.get(served.client.base_url.copy_with(raw_path=path.encode()))
    assert response.status_code == 404
    assert "root:" not in response.text


@pytest.mark.parametrize("number", ["../1", "1%2f..%2f..%2fetc", "0", "-1", "1e3", "9" * 40, "%00", "１"])
def test_item_numbers_are_numbers(served: Served, number: str) -> None:
    """Nothing but a positive 64-bit number names an item."""
    assert served.client.get(f"/v1/items/{number}/thumbnail").status_code in (404, 422)


def test_a_file_that_was_replaced_is_not_served(served: Served) -> None:
    """A link put in the place of an indexed picture leads nowhere: content that was not indexed is refused."""
    path = served.pictures / "black.png"
    original = path.read_bytes()
    secret = served.pictures.parent / "secret.png"
    secret.write_bytes(picture((66, 66, 66)))
    path.unlink()
    path.symlink_to(secret)
    try:
        for what in ("thumbnail", "original", "why?q=black"):
            response = served.client.get(f"/v1/items/{served.ids['black']}/{what}")
            assert response.status_code == 409, what
    finally:
        path.unlink()
        path.write_bytes(original)


def test_originals_outside_the_roots_are_not_served(serve: Serve, tmp_path: Path) -> None:
    """With sharing roots set, an item whose file lies elsewhere shows no picture, whatever may be indexed."""
    served = serve(shared_roots=[tmp_path / "elsewhere"], roots=[tmp_path])
    for what in ("original", "thumbnail", "why?q=red"):
        assert served.client.get(f"/v1/items/{served.ids['red']}/{what}").status_code == 403
    added = served.client.post("/v1/items", files={"image": picture((8, 80, 8))}).json()
    assert served.client.get(added["thumbnail"]).status_code == 200  # uploads are shown


def claim(served: Served, uri: str, digest: str = "unread-1") -> str:
    """Make an item that an import would make: any uri, with or without a content hash; its address."""
    with sqlite3.connect(served.root / "catalog.sqlite3") as catalog:
        catalog.execute(
            "UPDATE items SET uri = ?, content_hash = ?, format = 'jpeg' WHERE id = ?",
            (uri, digest, served.ids["red"]),
        )
    return f"/v1/items/{served.ids['red']}"


def test_only_pictures_are_served(served: Served, tmp_path: Path) -> None:
    """An item that claims any readable file as its picture shows nothing of it, and not even whether it is there."""
    (tmp_path / "notes.txt").write_text("secret words")
    os.mkfifo(tmp_path / "fifo")
    pack = tmp_path / "a.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("passwd", "root:x:0")
    link = served.root / "uploads" / "aa"
    link.mkdir(parents=True)
    (link / "unread-1.png").symlink_to(served.root / "catalog.sqlite3")
    details = set()
    for uri in (
        "/etc/passwd", "/etc/shadow", "/etc", "/nothing", "/dev/zero", str(tmp_path / "notes.txt"),
        str(tmp_path / "fifo"),
        str(served.root / "catalog.sqlite3"), f"{served.root}/uploads/../catalog.sqlite3", str(link / "unread-1.png"),
        f"{pack}#passwd", f"{pack}#nothing", f"/proc/{os.getpid()}/environ", "/a\0b",
    ):  # fmt: skip
        address = claim(served, uri)
        for what in ("original", "thumbnail", "why?q=red"):
            refused = served.client.get(f"{address}/{what}")
            assert refused.status_code == 404, (uri, what)
            details.add(refused.json()["detail"])
        body = {"item": served.ids["red"], "text": "red"}
        assert served.client.post("/v1/match", json=body).status_code == 404
    assert len(details) == 1


def test_the_library_s_own_files_are_never_served(served: Served, tmp_path: Path) -> None:
    """Not even a picture among them, by no name and through no link; an upload of the item's own is its picture."""
    red = served.client.get(f"/v1/items/{served.ids['red']}/thumbnail?side=160").content
    kept = next((served.root / "thumbnails").rglob("*.webp"))
    assert kept.read_bytes() == red
    (tmp_path / "link.webp").symlink_to(kept)
    (tmp_path / "linked").symlink_to(kept.parent)
    for uri in (kept, tmp_path / "link.webp", tmp_path / "linked" / kept.name):
        assert served.client.get(f"{claim(served, str(uri))}/original").status_code == 404, uri
        known = claim(served, str(uri), content_hash(red))
        assert served.client.get(f"{known}/original").status_code == 404, uri


def test_a_picture_s_type_is_that_of_its_bytes(served: Served, tmp_path: Path) -> None:
    """What an import says of the format decides nothing; a changed file has another tag."""
    file = tmp_path / "a.bin"
    file.write_bytes(picture("blue", kind="GIF"))
    address = f"{claim(served, str(file))}/original"
    shown = served.client.get(address)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/gif")
    assert shown.headers["x-content-type-options"] == "nosniff"
    file.write_bytes(picture("green", kind="WEBP"))
    changed = served.client.get(address, headers={"If-None-Match": shown.headers["etag"]})
    assert (changed.status_code, changed.headers["content-type"]) == (200, "image/webp")
    file.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert served.client.get(address).status_code == 404


def test_a_link_put_in_between_is_not_followed(tmp_path: Path) -> None:
    """What was decided about a path is true of what is read: a link that came meanwhile, anywhere in it, is refused."""
    inside, secret = tmp_path / "in", tmp_path / "secret"
    inside.mkdir()
    secret.mkdir()
    (secret / "a.png").write_bytes(picture("red"))
    (inside / "a.png").write_bytes(picture("blue"))
    checked = real_path(inside / "a.png")
    assert read_real_file(checked, ImageLimits()) == picture("blue")
    (inside / "a.png").unlink()
    (inside / "a.png").symlink_to(secret / "a.png")
    with pytest.raises(ImageError):
        read_real_file(checked, ImageLimits())
    inside.rename(tmp_path / "aside")
    inside.symlink_to(secret)
    with pytest.raises(ImageError):
        read_real_file(checked, ImageLimits())


# Pictures and bodies


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_its_header(served: Served) -> None:
    """Ten kilobytes that unpack to gigabytes are refused before they are unpacked."""
    response = served.client.post("/v1/items", files={"image": png_of_size(60_000, 60_000)})
    assert (response.status_code, response.json()["stage"]) == (413, "limit")


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"GIF89a" + b"\0" * 20,
        b"%PDF-1.4",
        b"#!/bin/sh\nrm -rf /\n",
        picture("red")[:40],
    ],
)
def test_what_is_no_picture_is_not_stored(served: Served, data: bytes) -> None:
    """Content decides, not the name: files that are no pictures are refused and leave nothing behind."""
    response = served.client.post("/v1/items", files={"image": ("holiday.png", data, "image/png")})
    assert response.status_code == 422
    assert list(served.root.rglob("uploads/**/*.*")) == []


def test_an_oversized_body_is_refused_before_it_is_read(serve: Serve) -> None:
    """By its announced length, and, where none is announced, as soon as it is too long."""
    served = serve(max_body_bytes=10_000)
    announced = served.client.post("/v1/search", content=b"x" * 20_000)
    assert announced.status_code == 413
    streamed = served.client.post("/v1/search", content=iter([b"x" * 4000] * 5))
    assert streamed.status_code == 413


@pytest.mark.parametrize(
    ("data", "text", "values"),
    [
        (
            b"%PDF-1.7",
            "this is not an image ({what})",
            {"what": {"text": "it is a PDF document", "values": {}}},
        ),
        (
            picture("red")[:20],
            "the file is truncated: it ends after {n:,} bytes, {where}",
            {"n": 20, "where": {"text": "inside its header", "values": {}}},
        ),
        (
            picture("red")[:8] + struct.pack(">L4sLLBBBBBL", 13, b"IHDR", 40_000, 40_000, 8, 2, 0, 0, 0, 0),
            "{width} × {height} = {pixels}, the limit is {most}",
            {
                "width": 40_000,
                "height": 40_000,
                "pixels": {"text": "{n:.3g} gigapixels", "values": {"n": 1.6}},
                "most": {"text": "{n:.4g} megapixels", "values": {"n": 50}},
            },
        ),
    ],
    ids=["pdf", "truncated", "pixels"],
)
def test_why_a_picture_is_refused_comes_in_parts(
    served: Served, data: bytes, text: str, values: dict[str, object]
) -> None:
    """So that it can be said in the reader's language, without the names of the service's settings."""
    terms = [{"image": base64.b64encode(data).decode()}]
    for response in (
        served.client.post("/v1/search", json={"terms": terms}),
        served.client.post("/v1/items", files={"image": data}),
    ):
        assert response.status_code in (413, 422)
        assert response.json()["said"] == {"text": text, "values": values}
        assert "VASARI" not in response.text


def test_a_refused_address_or_body_is_told_in_parts(serve: Serve) -> None:
    """What only the service refuses is, too."""
    served = serve(max_body_bytes=2**20)
    large = served.client.post("/v1/search", content=b"x" * 2_000_000).json()
    assert large["detail"] == "a request has at most 1 MiB"
    assert large["said"] == {"text": "a request has at most {most:g} MiB", "values": {"most": 1}}
    fetched = served.client.post("/v1/items", json={"url": "http://93.184.216.34/a.png"}).json()
    assert fetched["said"] == {"text": "pictures by URL are not allowed here", "values": {}}


def test_deeply_nested_json_is_refused(served: Served) -> None:
    """A hundred thousand brackets are a wrong request, not a crash."""
    deep = b"[" * 100_000 + b"]" * 100_000
    for path in ("/v1/search", "/knn-service"):
        assert served.client.post(path, content=deep).status_code == 422
    form = {"request": deep.decode()}
    assert served.client.post("/v1/search", data=form, files={"image": picture("red")}).status_code == 400


def test_a_slow_body_is_given_up(serve_live: Callable[..., Live]) -> None:
    """A sender that stops in the middle of its body is answered 408 and let go."""
    live = serve_live(body_timeout=0.3)
    with socket.create_connection(live.address, timeout=LONG) as sender:
        sender.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert b" 408 " in sender.recv(4096)


def test_slow_headers_are_given_up(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose headers drip in letter by letter is closed (Slowloris)."""
    from vasari.api.service import server

    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.3)
    with socket.create_connection(live.address, timeout=LONG) as sender:
        sender.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        until(lambda: _closed(sender))


def _closed(sender: socket.socket) -> bool:
    """Drip one more letter; whether the other side has hung up."""
    try:
        sender.send(b"x")
        return sender.recv(10, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except (BrokenPipeError, ConnectionResetError):
        return True


# Keys


def test_guessing_keys_is_slowed_down(served: Served) -> None:
    """After ten wrong keys an address waits; who has a right key is served meanwhile."""
    _, key = create_key(served.library.catalog, "owner", ["search"])
    guesses = (
        served.client.get("/v1/session", headers={"Authorization": f"Bearer vasari_{number}"}).status_code
        for number in range(1000)
    )
    wrong = list(takewhile(lambda status: status != 429, guesses))
    assert wrong == [401] * len(wrong)
    assert 10 <= len(wrong) < 1000  # while they come slowly, more are allowed
    assert served.client.get("/v1/session", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer \xff", "bearer null", "x" * 9000]
)
def test_malformed_keys_are_wrong_keys(served: Served, header: str) -> None:
    """No form of the header is let in, and none is an error of the service."""
    create_key(served.library.catalog, "owner", ["search"])
    response = served.client.get("/v1/session", headers={b"Authorization": header.encode("latin-1")})
    assert response.status_code == 401


# Browsers


def test_a_page_elsewhere_cannot_use_this_machine(served: Served) -> None:
    """A page of another origin may not post, and a name pointed at this machine (rebinding) is not answered."""
    foreign = {"Origin": "https://evil.example"}
    assert served.client.post("/v1/search", json={"query": "x"}, headers=foreign).status_code == 403
    files = {"image": picture((4, 4, 4))}
    assert served.client.post("/v1/items", files=files, headers={"Origin": "null"}).status_code == 403
    rebound = served.client.get("/v1/session", headers={"Host": "evil.example:7600"})
    assert rebound.status_code == 421
    own = {"Origin": "http://127.0.0.1:7600"}
    assert served.client.post("/v1/search", json={"query": "x"}, headers=own).status_code == 200


def test_cors_is_off_unless_an_origin_is_named(serve: Serve) -> None:
    """Without the setting no answer may be read by other pages; with it, by those pages only."""
    ask = {"Origin": "https://photos.example", "Access-Control-Request-Method": "POST"}
    closed = serve().client.options("/v1/search", headers=ask)
    assert "access-control-allow-origin" not in closed.headers


def test_cors_opens_for_named_origins(serve: Serve) -> None:
    """A named origin may read answers, and no other."""
    client = serve(cors_origins=["https://photos.example"]).client
    good = client.post("/v1/search", json={"query": "x"}, headers={"Origin": "https://photos.example"})
    assert good.headers["access-control-allow-origin"] == "https://photos.example"
    assert (
        client.post("/v1/search", json={"query": "x"}, headers={"Origin": "https://e.example"}).status_code
        == 403
    )


def test_every_answer_has_security_headers(served: Served) -> None:
    """Pages, answers, pictures and errors alike."""
    red = served.ids["red"]
    for path in (
        "/docs",
        "/v1/session",
        f"/v1/items/{red}/thumbnail",
        "/nothing",
        "/v1/items/0",
        "/openapi.json",
    ):
        headers = served.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
    for path in ("/docs", "/docs/", "/docs/index.html"):
        page = served.client.get(path).headers["content-security-policy"]
        assert "script-src 'self'; style-src 'self' 'sha256-" in page
    assert "sha256" not in served.client.get("/").headers["content-security-policy"]


def test_script_in_what_people_write_stays_text(served: Served) -> None:
    """Captions, tags and file names with markup come back as JSON, never as a page."""
    evil = "<script>alert(1)</script>"
    address = f"/v1/items/{served.ids['green']}"
    answer = served.client.patch(
        address, json={"captions": [evil], "tags": [evil], "attributes": {evil: evil}}
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["captions"][0]["text"] == evil
    missing = served.client.get(f"/{evil}")
    assert missing.headers["content-type"] == "application/problem+json"
    assert evil not in missing.text


def test_names_that_are_no_text_can_be_shown(serve: Serve, tmp_path: Path) -> None:
    """A file name that is not UTF-8 does not break any answer."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9\n.png")).write_bytes(picture((0, 255, 255)))
    served = serve(roots=[folder])
    served.client.post("/v1/jobs", json={"kind": "index", "paths": [str(folder)]})
    served.service.jobs.wait_until_idle(120)
    encoded = base64.b64encode(picture((0, 255, 255))).decode()
    hit = served.client.post("/v1/search", json={"terms": [{"image": encoded}], "limit": 1}).json()["hits"][0]
    assert hit["uri"].endswith("caf\x1adce9\n.png")  # as the catalog spells a byte that is no UTF-8
    for path in (f"/v1/items/{hit['id']}", hit["thumbnail"], f"/v1/items/{hit['id']}/original"):
        assert served.client.get(path).status_code == 200


# Headers and logs


@pytest.mark.parametrize("offered", ["a\tb", "x" * 65, "ü".encode().decode("latin-1"), "<b>", "a b", ""])
def test_request_ids_that_could_harm_are_replaced(served: Served, offered: str) -> None:
    """Only short ids of letters, digits, dots, dashes and underscores are taken over."""
    response = served.client.get("/livez", headers={b"X-Request-Id": offered.encode("latin-1")})
    assert response.headers["x-request-id"] != offered
    assert response.headers["x-request-id"].isalnum()
    kept = served.client.get("/livez", headers={"X-Request-Id": "trace-1.a_b"})
    assert kept.headers["x-request-id"] == "trace-1.a_b"


def test_nobody_forges_a_line_of_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Line breaks in a path are escaped in both forms of the log."""
    with caplog.at_level(logging.INFO, logger="vasari.access"):
        served.client.get("/v1/items/1%0a12:00:00%20info%20forged")
    (record,) = [record for record in caplog.records if record.name == "vasari.access"]
    assert "\n" not in Lines().format(record)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["path"].endswith("forged")


def test_header_injection_is_impossible(live: Live) -> None:
    """A value with line breaks never becomes a header of the answer."""
    with socket.create_connection(live.address, timeout=LONG) as sender:
        sender.sendall(
            b"GET /v1/items/1%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        answer = b"".join(iter(lambda: sender.recv(4096), b""))
    assert b"set-cookie" not in answer.lower().partition(b"\r\n\r\n")[0]


def test_no_answer_shows_a_traceback(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is logged under the request's id, and the answer says only that."""
    served.library.model.poison = "secret words"
    response = served.client.post("/v1/search", json={"query": "secret words"})
    assert response.status_code == 500
    problem = response.json()
    assert problem["type"] == "urn:vasari:problem:internal"
    assert "cannot read this" not in response.text
    assert "Traceback" not in response.text
    assert any(record.exc_info for record in caplog.records if record.name == "vasari.service")
