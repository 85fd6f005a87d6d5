"""Attacks, each with the answer that docs/operations.md promises."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import struct
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpcore
import pytest

from api.service.auth import create_key
from api.service.fetching import Fetcher, is_public
from api.service.journal import JsonLines, Lines
from api.service.originals import Originals
from api.service.problems import ProblemError
from api.service.settings import ServiceSettings
from retrieval.imaging.files import content_hash
from retrieval.originals.uris import UNREAD
from tests.service.colours import picture
from tests.service.conftest import Live, Serve, Served

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
    """With roots set, an item whose file lies elsewhere shows no picture."""
    served = serve(roots=[tmp_path / "elsewhere"])
    assert served.client.get(f"/v1/items/{served.ids['red']}/original").status_code == 403
    added = served.client.post("/v1/items", files={"image": picture((8, 80, 8))}).json()
    assert served.client.get(added["thumbnail"]).status_code == 200  # the library's own folder is a root


# URLs

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # the metadata service of clouds
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "no address",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    """No private, local, reserved or wrapped address counts as public."""
    assert not is_public(address)


def test_public_addresses() -> None:
    """Ordinary addresses do."""
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


class Wire(httpcore.AsyncNetworkBackend):
    """Connects anywhere to answers prepared by address, and notes where it was asked to."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.connected: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        return httpcore.AsyncMockStream([self.answers[host]])


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def moved(target: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()


def fetch(url: str, names: Mapping[str, Sequence[Sequence[str]]], wire: Wire, **settings: Any) -> bytes:
    """Fetch with names that resolve to each of the given answers in turn."""
    return anyio.run(fetcher(names, wire, **settings).fetch, url)


def fetcher(
    names: Mapping[str, Sequence[Sequence[str]]], wire: Wire, *, any_host: bool = False, **settings: Any
) -> Fetcher:
    turns = {name: iter(answers) for name, answers in names.items()}

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(turns[host])

    own = {"fetch_urls": True, "fetch_hosts": ["good.example", "*.good.example"], "fetch_timeout": 60.0}
    stated = ServiceSettings(**{**own, **settings})
    return Fetcher(stated, max_bytes=10_000, any_host=any_host, resolve=resolve, backend=wire)


def test_a_public_picture_is_fetched_from_the_checked_address() -> None:
    """The connection goes to the address that was checked, not to the name."""
    wire = Wire({"93.184.216.34": ok(b"picture")})
    assert fetch("http://good.example/a.png", {"good.example": [["93.184.216.34"]]}, wire) == b"picture"
    assert wire.connected == ["93.184.216.34"]


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("http://good.example/", {"good.example": [["127.0.0.1"]]}),
        ("http://good.example/", {"good.example": [["93.184.216.34", "10.0.0.1"]]}),
        ("http://evil.example/", {"evil.example": [["93.184.216.34"]]}),
        ("http://good.example.evil.example/", {}),
        ("http://notgood.example/", {}),
        ("http://good.example:22/", {}),
        ("http://good.example@127.0.0.1/", {}),
        ("http://127.0.0.1/", {}),
        ("http://2130706433/", {}),
        ("http://0x7f.1/", {}),
        ("http://[::1]/", {}),
        ("file:///etc/passwd", {}),
        ("ftp://good.example/", {}),
        ("gopher://good.example/", {}),
        ("http:///nothing", {}),
        ("not a url", {}),
    ],
)
def test_urls_that_are_refused(url: str, names: dict[str, Sequence[Sequence[str]]]) -> None:
    """Private addresses, other hosts, other ports, other schemes: refused before any connection."""
    wire = Wire({})
    with pytest.raises(ProblemError) as caught:
        fetch(url, names, wire)
    assert caught.value.status == 403
    assert wire.connected == []


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1/", "http://evil.example/", "http://inside.good.example/", "file:///etc/passwd"],
)
def test_redirects_pass_the_same_checks(target: str) -> None:
    """A redirect into this network, to another host or scheme is refused."""
    names = {
        "good.example": [["93.184.216.34"]],
        "inside.good.example": [["192.168.0.1"]],
    }
    wire = Wire({"93.184.216.34": moved(target)})
    with pytest.raises(ProblemError) as caught:
        fetch("http://good.example/", names, wire)
    assert caught.value.status == 403
    assert wire.connected == ["93.184.216.34"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://inside.example/a.png",
        "http://127.0.0.1/a.png",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "ftp://93.184.216.34/a.png",
        "http://93.184.216.34/a.zip#a.png",
    ],
)
def test_an_item_s_url_leads_nowhere_inside(served: Served, uri: str) -> None:
    """What a table that was indexed names as an original is read from the public internet only, or refused."""
    web = fetcher({"inside.example": [["10.0.0.7"]], "127.0.0.1": [["127.0.0.1"]]}, Wire({}), any_host=True)
    red = served.library.items([served.ids["red"]])[served.ids["red"]]
    item = replace(red, uri=uri, content_hash=f"{UNREAD}{red.content_hash}")
    for look in (Originals(served.library, None, web).read, Originals(served.library, None).read):
        with pytest.raises(ProblemError) as caught:
            look(item)
        assert caught.value.status in (403, 404)


def test_an_original_on_the_web_is_shown_while_it_is_what_was_indexed(served: Served) -> None:
    """It is fetched from any public host, and refused once its bytes have changed."""
    body, names = picture((255, 0, 0)), {"shop.example": [["93.184.216.34"]] * 2}
    red = served.library.items([served.ids["red"]])[served.ids["red"]]
    item = replace(red, uri="http://shop.example/red.png", content_hash=content_hash(body))
    web = fetcher(names, Wire({"93.184.216.34": ok(body)}), any_host=True)
    assert Originals(served.library, None, web).read(item) == body
    with pytest.raises(ProblemError, match="changed"):
        Originals(served.library, None, web).read(replace(item, content_hash=content_hash(b"other")))


def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """DNS rebinding: the second answer is checked like the first."""
    names = {"good.example": [["93.184.216.34"], ["127.0.0.1"]]}
    wire = Wire({"93.184.216.34": moved("http://good.example/again")})
    with pytest.raises(ProblemError):
        fetch("http://good.example/", names, wire)
    assert wire.connected == ["93.184.216.34"]


def test_endless_redirects_and_bodies_end() -> None:
    """Redirects are counted, bytes are counted."""
    address = "93.184.216.34"
    with pytest.raises(ProblemError, match="redirects"):
        fetch(
            "http://good.example/",
            {"good.example": [[address]] * 9},
            Wire({address: moved("http://good.example/")}),
        )
    with pytest.raises(ProblemError, match="MiB"):
        fetch("http://good.example/", {"good.example": [[address]]}, Wire({address: ok(b"x" * 20_000)}))


def test_urls_are_off_by_default(served: Served) -> None:
    """Without the setting no URL is fetched, wherever one may be given."""
    url = "http://93.184.216.34/a.png"
    for path, body in (
        ("/v1/search", {"terms": [{"url": url}]}),
        ("/v1/items", {"url": url}),
        ("/v1/caption", {"url": url}),
        ("/v1/embeddings", {"modality": "image", "input": url}),
        ("/knn-service", {"image_url": url}),
    ):
        response = served.client.post(path, json=body)
        assert (response.status_code, response.json()["type"]) == (403, "urn:vasari:problem:url-refused"), (
            path
        )


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


def test_deeply_nested_json_is_refused(served: Served) -> None:
    """A hundred thousand brackets are a wrong request, not a crash."""
    deep = b"[" * 100_000 + b"]" * 100_000
    for path in ("/v1/search", "/knn-service"):
        assert served.client.post(path, content=deep).status_code == 422
    form = {"request": deep.decode()}
    assert served.client.post("/v1/search", data=form, files={"image": picture("red")}).status_code == 400


def test_a_slow_body_is_given_up(live: Live) -> None:
    """A sender that stops in the middle of its body is answered 408 and let go."""
    with socket.create_connection(live.address, timeout=10) as sender:
        sender.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert b" 408 " in sender.recv(4096)


def test_slow_headers_are_given_up(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose headers drip in letter by letter is closed (Slowloris)."""
    from api.service import server

    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.3)
    began = time.monotonic()
    with socket.create_connection(live.address, timeout=10) as sender:
        sender.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        while not _closed(sender):
            assert time.monotonic() - began < 5
            time.sleep(0.05)


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
    guesses = [
        served.client.get("/v1/session", headers={"Authorization": f"Bearer vasari_{number}"}).status_code
        for number in range(12)
    ]
    assert guesses == [401] * 10 + [429] * 2
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
    page = served.client.get("/docs").headers["content-security-policy"]
    assert "script-src 'self'" in page


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
    served.service.jobs.wait_until_idle(20)
    encoded = base64.b64encode(picture((0, 255, 255))).decode()
    hit = served.client.post("/v1/search", json={"terms": [{"image": encoded}], "limit": 1}).json()["hits"][0]
    assert hit["uri"].endswith("caf\\xe9\n.png")
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
    with socket.create_connection(live.address, timeout=10) as sender:
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
