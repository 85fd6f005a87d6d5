"""How the service ends: what was read is answered, the rest is closed and not reset, and a second signal is obeyed."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from tests.patience import LONG, until
from tests.service.colours import ColourLibrary
from tests.service.conftest import listening
from vasari.api.service import server
from vasari.api.service.app import create_app
from vasari.api.service.middleware.gate import Gate
from vasari.api.service.runtime.metrics import Metrics
from vasari.api.service.server import PunctualProtocol
from vasari.api.service.settings import ServiceSettings
from vasari.api.service.shutdown import refuse_connections

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
Address = tuple[str, int]


@pytest.fixture
def stopping(coloured: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> Iterator[Address]:
    """The address of a service that was told to stop, and still listens."""
    shutil.copytree(coloured[0], tmp_path / "library")
    library = ColourLibrary.open(tmp_path / "library", create=True)
    app = create_app(lambda: library, ServiceSettings(preload="none"))
    with listening(app) as url:
        app.state.service.stopping.set()
        yield "127.0.0.1", int(url.rpartition(":")[2])


def _rest(connection: socket.socket) -> bytes:
    """All until the peer closes; ConnectionResetError where it does not close but resets."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_last_answer_says_that_it_is_the_last(stopping: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection made while the service stops is answered, told so, and closed; what follows does not reset it."""
    monkeypatch.setattr(server, "LAST_LOOK", LONG)  # a busy machine may be slow to ask, and to hang up
    monkeypatch.setattr(server, "LINGER", LONG)
    with socket.create_connection(stopping, timeout=LONG) as connection:
        connection.sendall(LIVEZ + LIVEZ)
        answer = _rest(connection)
        connection.sendall(LIVEZ)
        assert connection.recv(10) == b""
    assert answer.count(b" 200 OK") == 1
    assert b"\r\nconnection: close\r\n" in answer


def test_a_connection_that_asks_nothing_holds_up_no_stop(stopping: Address) -> None:
    """Accepted after the service was told to stop, it is closed by itself."""
    with socket.create_connection(stopping, timeout=LONG) as connection:
        assert connection.recv(10) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
def test_who_waits_is_taken_and_nobody_new_comes() -> None:
    """Before a socket is closed, its queue takes no more: whoever is in it is served, whoever is not is refused."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as early,
        socket.socket() as late,
    ):
        early.sendall(b"early")
        refuse_connections([listener])
        late.settimeout(0.05)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
        taken, _ = listener.accept()
        with taken:
            assert taken.recv(10) == b"early"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_what_is_cut_at_the_end_is_told_why() -> None:
    """A request that is not answered in the time that a stop allows gets a problem document, and no error is logged."""
    sent: list[Message] = []

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.Event().wait()

    async def receive() -> Message:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def visit() -> None:
        gate = Gate(never, ServiceSettings(), Metrics())
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(b"host", b"127.0.0.1"), (b"content-length", b"5")],
        }
        task = asyncio.create_task(gate(scope, receive, send))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(visit())
    assert sent[0]["status"] == 503
    assert b"urn:vasari:problem:stopping" in sent[1]["body"]


def test_what_is_on_its_way_at_the_end_is_answered(
    coloured: tuple[Path, Path, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop, the service answers requests over open connections, half ones by 503, and tears none."""
    for last_look in (1.0, 10.0, 100.0):  # a busy machine may not ask within the first
        monkeypatch.setattr(server, "LAST_LOOK", last_look)
        if _stops_politely(coloured[0], last_look) < last_look:
            return
    pytest.fail("this machine takes more than 100 s to ask over an open connection")


def _stops_politely(root: Path, last_look: float) -> float:
    """Stop a service over three connections; the seconds until it was asked over one of them, or no answer is checked.

    They are checked where it was asked within the last look.
    """
    library = ColourLibrary.open(root, create=True)
    app = create_app(lambda: library, ServiceSettings(preload="none"))
    running = uvicorn.Server(uvicorn.Config(app, port=0, http=PunctualProtocol, log_config=None, ws="none"))
    thread = threading.Thread(target=running.run)
    thread.start()
    until(lambda: running.started or not thread.is_alive())
    address = running.servers[0].sockets[0].getsockname()
    with (
        socket.create_connection(address, timeout=LONG) as whole,
        socket.create_connection(address, timeout=LONG) as half,
        socket.create_connection(address, timeout=LONG) as idle,
    ):
        whole.sendall(LIVEZ)
        assert b" 200 " in whole.recv(4096)
        half.sendall(b"GET /livez HTTP/1.1\r\nHost:")
        told = time.monotonic()
        running.should_exit = True
        until(lambda: not _is_open(address))
        whole.sendall(LIVEZ)
        seconds = time.monotonic() - told
        if seconds < last_look:
            assert b" 200 " in _rest(whole)
            assert b" 503 " in _rest(half)
            assert idle.recv(10) == b""
    thread.join()
    return seconds


def _is_open(address: tuple[str, int]) -> bool:
    try:
        # Refused, or not answered: the open connections must not wait for that longer than the service does for them.
        socket.create_connection(address, timeout=0.1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("tell(TERM); time.sleep(0.3); tell(TERM)", 143),
        ("tell(INT); time.sleep(0.3); tell(INT)", 130),
        ("tell(INT); tell(TERM)", 0),  # a terminal tells a worker so, and its parent again
        # `timeout` tells a process, and then its group; at once means within an hour, for machines that are slow
        ("shutdown._AT_ONCE = 3600; tell(HUP); tell(HUP)", 0),
        ("tell(TERM); time.sleep(3600)", 143),
    ],
)
def test_a_second_signal_ends_the_process_at_once(script: str, code: int) -> None:
    """So does time: a service that cannot end in what is allowed ends all the same."""
    within = 0.2 if "sleep(3600)" in script else 600
    program = f"""
import asyncio, os, time
from signal import SIGHUP as HUP, SIGINT as INT, SIGTERM as TERM, signal
from vasari.api.service import shutdown
from vasari.api.service.shutdown import on_stop_signal

async def main():
    for number in (INT, TERM):
        signal(number, lambda *_: None)
    on_stop_signal(lambda: None, {within})
    tell = lambda number: os.kill(os.getpid(), number)
    {script}

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == code
