"""A stand-in of the model hub on this machine, for its real clients: repositories of bytes, and what hubs do wrong."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from huggingface_hub import constants

COMMIT = "c0ffee" + "0" * 34
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)")
_ABOUT = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?")


@dataclass
class Hub:
    """What the hub has and does; a test changes it as it goes."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    spoiled: dict[str, bytes] = field(default_factory=dict)  # what is sent instead of a file, by its name
    cut: dict[str, int] = field(default_factory=dict)  # the connection breaks after so many bytes, by name
    silent_after_cut: bool = False
    lost: set[str] = field(default_factory=set)  # answered with 500
    silent: set[str] = field(default_factory=set)  # never answered
    asked: Counter[str] = field(default_factory=Counter)  # GETs of files by name
    sent: Counter[str] = field(default_factory=Counter)  # bytes by name
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def hub(repositories: Mapping[str, Mapping[str, bytes]]) -> Iterator[Hub]:
    """A running hub with these files by repository."""
    state = Hub(repositories={name: dict(files) for name, files in repositories.items()})

    class Answers(_Answers):
        hub = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def take_for_the_hub(monkeypatch: pytest.MonkeyPatch, running: Hub, cache: Path) -> None:
    """Have this process ask it instead of the hub, and keep what it sends in `cache`."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setattr(constants, "ENDPOINT", running.url)
    template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


class _Answers(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        if (about := _ABOUT.fullmatch(path)) is not None:
            return self._about(about[1])
        if (file := _FILE.fullmatch(path)) is None:
            return self._refuse(200 if path == "/" else 404)
        repository, name = file[1], file[2]
        if (files := self._files(repository)) is None:
            return None
        if name not in files:
            return self._refuse(404, "EntryNotFound")
        return self._file(name, files[name], body=body)

    def _files(self, repository: str) -> dict[str, bytes] | None:
        if repository not in self.hub.repositories:
            self._refuse(401, "RepoNotFound")
        elif repository in self.hub.gated and "authorization" not in self.headers:
            self._refuse(401, "GatedRepo")
        else:
            return self.hub.repositories[repository]
        return None

    def _about(self, repository: str) -> None:
        if (files := self._files(repository)) is None:
            return
        content = {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _file(self, name: str, content: bytes, *, body: bool) -> None:
        if body:
            self.hub.asked[name] += 1
        if body and name in self.hub.silent:
            self.hub.closing.wait()
            self.close_connection = True
        elif body and name in self.hub.lost:
            self._refuse(500)
        else:
            self._send(name, content, body=body)

    def _send(self, name: str, content: bytes, *, body: bool) -> None:
        begin = int((re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) or (0, 0))[1])
        data = self.hub.spoiled.get(name, content)[begin:] if body else content
        self.send_response(206 if begin else 200)
        self.send_header("ETag", f'"{_checksum(name, content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            if (cut := self.hub.cut.pop(name, None)) is not None:
                data = data[:cut]
                self.close_connection = True
                if self.hub.silent_after_cut:
                    self.hub.silent.add(name)
            self.hub.sent[name] += len(data)
            self.wfile.write(data)

    def _refuse(self, status: int, code: str = "") -> None:
        self.send_response(status)
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _checksum(name: str, content: bytes) -> str:
    """As the hub names content: large files by SHA-256, small ones as git does."""
    if name.endswith((".safetensors", ".bin")):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
