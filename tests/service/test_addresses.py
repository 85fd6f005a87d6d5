"""Where a service listens, and where a client looks for it."""

from __future__ import annotations

import socket

import httpx
import pytest

from vasari.api.client.client import Client
from vasari.api.client.connection import ServiceError, service_url
from vasari.api.service.server import free_port
from vasari.retrieval.errors import UsageError


def test_a_taken_port_is_said_with_the_way_out() -> None:
    """Before anything is served; 0 finds a free one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 is taken.*--port 0"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", port) == port
    assert free_port("127.0.0.1", 0) > 1023


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("photos.example", "http://photos.example"),
        ("[::1]:7600", "http://[::1]:7600"),
        (" https://photos.example/vasari ", "https://photos.example/vasari"),
    ],
)
def test_an_address_may_lack_its_scheme(given: str, url: str) -> None:
    """As people say it."""
    assert service_url(given) == url


@pytest.mark.parametrize(
    "given", ["", "ftp://x", "http://", "http://[", "http://x/?q=1", "file:///etc/passwd"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    """In one line."""
    with pytest.raises(UsageError, match="is no address of a service"):
        Client(given)


def test_another_server_is_said_to_be_no_vasari() -> None:
    """One that answers with a page, or with JSON of its own."""
    for answer in ({"html": "<html>"}, {"json": {"some": "thing"}}, {"json": ["x"]}):
        transport = httpx.MockTransport(lambda _, answer=answer: httpx.Response(200, **answer))
        with (
            httpx.Client(base_url="http://x", transport=transport) as http,
            pytest.raises(ServiceError, match="is no Vasari"),
        ):
            Client("http://x", http=http).search("boat")
