"""Attacks by URL, each with the answer that docs/operations.md promises: what is fetched, and what an item names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio
import httpcore
import pytest

from tests.service.colours import picture
from tests.service.conftest import Served
from vasari.api.service.problems import ProblemError
from vasari.api.service.runtime.files import Originals
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.storage.local_files import content_hash
from vasari.retrieval.storage.network_addresses import is_public
from vasari.retrieval.storage.uris import UNREAD

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
