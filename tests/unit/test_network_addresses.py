"""Which addresses are read from: rows of tables reach the public internet, and what a person named."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vasari.retrieval.errors import ImageError, NotFoundError, UsageError
from vasari.retrieval.storage import network_addresses
from vasari.retrieval.storage.filesystem import file_system, read_url, stat_of


class Redirecting(BaseHTTPRequestHandler):
    """Answers "here", or sends the caller where the path says."""

    def do_GET(self) -> None:
        target = self.path.partition("?")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.end_headers()
        self.wfile.write(b"" if target else b"here")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_request(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def here() -> Iterator[str]:
    """A web server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """As a process begins, and nothing named before."""
    network_addresses.allow_private(False)
    yield
    network_addresses.allow_private(False)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png", "HTTP://127.0.0.1/a.png", "http://localhost/a.png", "http://a.localhost./a.png",
        "http://2130706433/a.png", "http://0x7f.1/a.png", "http://0177.0.0.1/a.png", "http://[::1]/a.png",
        "http://[::ffff:10.0.0.1]/a.png", "http://[fe80::1%25eth0]/a.png", "http://[64:ff9b:1::a00:1]/a.png",
        "http://169.254.169.254/latest/meta-data", "https://user@10.0.0.1/a.png", "http://0/a.png",
        "ftp://127.0.0.1/a.png", "sftp://127.0.0.1/a.png", "zip://a.png::http://127.0.0.1/x.zip",
        "http://127.0.0.1/a.png::memory://x",
    ],
)  # fmt: skip
def test_urls_into_this_network_are_refused_before_any_connection(url: str) -> None:
    """In every spelling of an address, and by every scheme that would connect somewhere."""
    with pytest.raises(UsageError, match="a person names"):
        file_system(url)


def test_a_name_that_leads_into_this_network_is_refused_when_it_is_connected(
    here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address decides, not the name: a name may mean another address each time it is asked."""
    port = int(here.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: found)
    with pytest.raises(ImageError, match="address of this network"):
        read_url(f"http://pictures.example:{port}/a.png", 100)
    with pytest.raises(NotFoundError) as caught:
        stat_of(f"http://pictures.example:{port}/a.png")
    assert network_addresses.refusal_in(caught.value) is not None


def test_a_host_that_a_person_named_is_read_and_its_redirects_are_checked(here: str) -> None:
    """Naming a host opens it, and no other port or host that it sends on to."""
    with pytest.raises(ImageError, match="a person names"):
        read_url(f"{here}/a.png", 100)
    network_addresses.name_host(here)
    assert read_url(f"{here}/a.png", 100) == b"here"
    assert read_url(f"{here}/a.png?{here}/b.png", 100) == b"here"
    with pytest.raises(ImageError, match="address of this network"):
        read_url(f"{here}/a.png?http://127.0.0.1:9/b.png", 100)
    with pytest.raises(ImageError, match="address of this network"):
        read_url(f"{here}/a.png?http://169.254.169.254/", 100)


def test_all_addresses_are_read_where_the_settings_say_so(here: str) -> None:
    """VASARI_PRIVATE_ADDRESSES is for collections on one's own network."""
    network_addresses.allow_private(True)
    assert read_url(f"{here}/a.png", 100) == b"here"
