"""A service for long: nonsense drawn from its own OpenAPI document, then mixed load with jobs; none lost, none leaked.

The service is a process of its own over a library of colours (`tests.service.standalone`), so that its memory, handles
and threads are nobody else's.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.service.colours import COLOURS, ColourLibrary, make_library, picture
from vasari.api.service.server import free_port
from vasari.indexer.doctor import examine

CLIENTS = 6
_ODD: tuple[Any, ...] = (
    None, True, "", " ", -1, 0, 2**63, 1e308, 0.1, [], {}, [[[[]]]], "\x00", "\ud800", "a" * 5000, "%00", "../..",
    "🌊", "' OR 1=1 --", "tag:", "rating >= NaN", [None], {"": None}, "9" * 400,
)  # fmt: skip
_ENDLESS = "/events"  # streams, closed once they have begun
_OF_THE_SERVICE = frozenset({500, 502, 505})  # 501, 503, 504 and 507 are answers in words
_SPARE = {"megabytes": 64.0, "handles": 24.0, "threads": 8.0}  # that may come and go
_WARM = 60.0  # seconds of load from which pools are full and caches warm: before, growth is no leak


@dataclass
class Kept:
    """What the service was told and has to know at the end."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    there: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def answered(self, what: str, response: httpx.Response) -> None:
        """Count an answer; one by which the service says that it failed is a failure."""
        with self.lock:
            self.statuses[str(response.status_code)] += 1
            if response.status_code in _OF_THE_SERVICE:
                self.failures.append(f"{what}: {response.status_code} {response.text[:300]}")


def soak(folder: Path, seed: int, *, requests: int, seconds: float) -> dict[str, Any]:
    """Send so many drawn requests, then mixed load for so long; what came of it."""
    shutil.rmtree(folder, ignore_errors=True)
    pictures, library = folder / "pictures", folder / "library"
    make_library(library, pictures)
    kept = Kept()
    with service(library, pictures, folder / "log") as (url, process):
        with httpx.Client(base_url=url, timeout=120) as client:
            document = client.get("/openapi.json").json()
            chance = random.Random(f"{seed}/requests")
            for _ in range(requests):
                nonsense(client, document, chance, kept)
        samples = load(url, process, pictures, seed, seconds, kept) if seconds else []
        with httpx.Client(base_url=url, timeout=120) as client:
            kept.failures += lost(client, kept)
            alive = client.get("/livez").status_code == 200
    if not alive or process.returncode not in (0, -signal.SIGTERM):
        kept.failures.append(f"the service ended with {process.returncode}")
    told = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    kept.failures += [line[:2000] for line in told if '"traceback"' in line or line.startswith("Traceback")]
    with ColourLibrary.open(library) as opened:
        kept.failures += [str(finding) for finding in examine(opened)]
    growth = leaks(samples)
    kept.failures += [
        f"{what} grew by {more:g} under load"
        for what, more in growth.items()
        if more > _SPARE[what] and seconds >= _WARM
    ]
    return {
        "requests": requests,
        "seconds": round(seconds, 1),
        "answers": dict(sorted(kept.statuses.items())),
        "uploads": len(kept.there | kept.gone),
        "grew": growth,
        "most": {what: max(sample[what] for sample in samples) for what in _SPARE} if samples else {},
        "failures": kept.failures,
    }


@contextmanager
def service(library: Path, pictures: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A service in a process of its own; at the end it is told to stop, and waited for."""
    port = free_port("127.0.0.1", 0)
    environment = os.environ | {
        "VASARI_LIBRARY": str(library),
        "VASARI_PORT": str(port),
        "VASARI_ROOTS": json.dumps([str(pictures)]),
        "VASARI_RATE_PER_SECOND": "0",
        "VASARI_PRELOAD": "none",
    }
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as told:
        command = [sys.executable, "-m", "tests.service.standalone"]
        process = subprocess.Popen(command, env=environment, stderr=told, stdout=told)
    try:
        while not _is_up(url):
            if process.poll() is not None:
                raise RuntimeError(f"the service did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield url, process
    finally:
        process.terminate()
        process.wait()


def _is_up(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/livez", timeout=60).status_code == 200
    return False


def nonsense(client: httpx.Client, document: dict[str, Any], chance: random.Random, kept: Kept) -> None:
    """Send one request drawn from the document, with odd values in places."""
    path = chance.choice(list(document["paths"]))
    method = chance.choice([name for name in document["paths"][path] if name != "parameters"])
    operation = document["paths"][path][method]
    query: dict[str, Any] = {}
    address = path
    for parameter in operation.get("parameters", []):
        value = draw(parameter["schema"], document, chance)
        text = str(value if isinstance(value, (str, int, float, bool)) else json.dumps(value))
        if parameter["in"] == "path":
            address = address.replace(f"{{{parameter['name']}}}", _in_a_path(text))
        elif parameter["in"] == "query" and (parameter.get("required") or chance.random() < 0.4):
            query[parameter["name"]] = text.encode("utf-8", "surrogatepass")
    content = operation.get("requestBody", {}).get("content", {})
    sent: dict[str, Any] = {}
    if "application/json" in content:
        body = draw(content["application/json"].get("schema", {}), document, chance)
        data = json.dumps(body).encode()
        if chance.random() < 0.15:
            cut = chance.randrange(len(data) + 1)
            data = data[:cut] + bytes([chance.randrange(256)]) + data[cut:]
        sent = {"content": data, "headers": {"Content-Type": "application/json"}}
    with client.stream(method.upper(), address, params=query, **sent) as response:
        if not path.endswith(_ENDLESS) or response.status_code >= 400:
            response.read()
        if response.status_code < 500:
            kept.statuses[str(response.status_code)] += 1
        else:
            kept.answered(f"{method.upper()} {address} {query} {sent.get('content', b'')[:300]!r}", response)


def _in_a_path(text: str) -> str:
    from urllib.parse import quote

    return quote(text.encode("utf-8", "surrogatepass"), safe="") or "0"


def draw(schema: dict[str, Any], document: dict[str, Any], chance: random.Random, depth: int = 0) -> Any:
    """A value of a schema, or now and then one that is not."""
    if chance.random() < 0.08 or depth > 6:
        return chance.choice(_ODD)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return draw(document["components"]["schemas"][name], document, chance, depth + 1)
    if forms := schema.get("anyOf") or schema.get("oneOf"):
        return draw(chance.choice(forms), document, chance, depth + 1)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            needed = schema.get("required", ())
            members = {
                name: draw(member, document, chance, depth + 1)
                for name, member in schema.get("properties", {}).items()
                if chance.random() < (0.95 if name in needed else 0.3)
            }
            return members | ({"more": 1} if chance.random() < 0.05 else {})
        case "array":
            return [
                draw(schema.get("items", {}), document, chance, depth + 1) for _ in range(chance.randrange(4))
            ]
        case "integer":
            return chance.choice([0, 1, 2, 3, 5, 8, 100, -1])
        case "number":
            return chance.choice([0.0, 0.5, 1, 12.5, -1.5])
        case "boolean":
            return chance.random() < 0.5
    return chance.choice([*COLOURS, "red boat", "image", "tag:sea", "2020-01-02", "/pictures/red.png", "1"])


def load(
    url: str, process: subprocess.Popen[bytes], pictures: Path, seed: int, seconds: float, kept: Kept
) -> list[dict[str, float]]:
    """Searches, uploads, edits, removals and jobs of several clients at once; samples of what the process holds."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_client, args=(url, pictures, f"{seed}/{number}", stop, kept))
        for number in range(CLIENTS)
    ]
    samples = []
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        samples.append(held_by(process.pid))
        stop.wait(min(5.0, seconds / 40))
    stop.set()
    for thread in threads:
        thread.join()
    return samples


def held_by(pid: int) -> dict[str, float]:
    """Memory, open files and threads of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "megabytes": int(status["VmRSS"].split()[0]) / 1024,
        "handles": len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - links that may go meanwhile
        "threads": int(status["Threads"]),
    }


def leaks(samples: list[dict[str, float]]) -> dict[str, float]:
    """By how much more is held in the last third than in the one before: pools are full and caches warm by then."""
    third = len(samples) // 3
    if not third:
        return {}
    return {
        what: round(
            statistics.median(sample[what] for sample in samples[-third:])
            - statistics.median(sample[what] for sample in samples[-2 * third : -third]),
            1,
        )
        for what in _SPARE
    }


def _client(url: str, pictures: Path, seed: str, stop: threading.Event, kept: Kept) -> None:
    chance = random.Random(seed)
    with httpx.Client(base_url=url, timeout=120) as client:
        while not stop.is_set():
            what = chance.choices(list(_WORK), [share for share, _ in _WORK.values()])[0]
            try:
                _WORK[what][1](client, chance, pictures, kept)
            except httpx.HTTPError as error:
                with kept.lock:
                    kept.failures.append(f"{what}: {error!r}")


def _search(client: httpx.Client, chance: random.Random, _: Path, kept: Kept) -> None:
    words = " ".join(chance.choices(list(COLOURS), k=2))
    body: dict[str, Any] = {"query": words, "limit": chance.randrange(1, 30)}
    if chance.random() < 0.1:
        body["rerank"] = {"top": 4}
    if chance.random() < 0.3:
        body["filter"] = chance.choice(["tag:sea", "width > 10", "rating >= 3"])
    kept.answered("search", client.post("/v1/search", json=body))


def _by_picture(client: httpx.Client, chance: random.Random, _: Path, kept: Kept) -> None:
    colour = (chance.randrange(256), chance.randrange(256), chance.randrange(256))
    kept.answered(
        "by picture", client.post("/v1/search", files={"image": ("a.png", picture(colour), "image/png")})
    )


def _look(client: httpx.Client, chance: random.Random, _: Path, kept: Kept) -> None:
    path = chance.choice(
        [
            "/v1/items",
            "/v1/facets",
            "/v1/timeline",
            "/v1/status",
            "/v1/items/1/thumbnail",
            "/metrics",
            "/",
            "/readyz",
        ]
    )
    kept.answered(path, client.get(path))


def _upload(client: httpx.Client, chance: random.Random, _: Path, kept: Kept) -> None:
    colour = (chance.randrange(256), chance.randrange(256), chance.randrange(256))
    sent = client.post("/v1/items", files={"image": ("a.png", picture(colour, 24), "image/png")})
    kept.answered("upload", sent)
    if sent.status_code in (200, 201):
        with kept.lock:
            kept.there.add(sent.json()["id"])
            kept.gone.discard(sent.json()["id"])


def _tag(client: httpx.Client, chance: random.Random, _: Path, kept: Kept) -> None:
    with kept.lock:
        known = list(kept.there)
    if known:
        said = {"tags": ["sea", f"word{chance.randrange(50)}"]}
        kept.answered("tag", client.patch(f"/v1/items/{chance.choice(known)}", json=said))


def _remove(client: httpx.Client, chance: random.Random, _: Path, kept: Kept) -> None:
    with kept.lock:
        if not kept.there:
            return
        item = chance.choice(list(kept.there))
        kept.there.discard(item)  # nobody else asks for it from now on
    removed = client.delete(f"/v1/items/{item}")
    kept.answered("remove", removed)
    with kept.lock:
        (kept.gone if removed.is_success else kept.there).add(item)


def _job(client: httpx.Client, chance: random.Random, pictures: Path, kept: Kept) -> None:
    """Change some files, and have the folder indexed, or the index built anew; other jobs may be at work."""
    for _ in range(3):
        (pictures / f"{chance.randrange(40)}.png").write_bytes(
            picture((chance.randrange(256), chance.randrange(256), chance.randrange(256)), 16)
        )
    body = chance.choice(
        [{"kind": "index", "paths": [str(pictures)]}, {"kind": "rebuild"}, {"kind": "caption"}]
    )
    kept.answered("job", client.post("/v1/jobs", json=body))


_WORK: dict[str, tuple[int, Any]] = {
    "search": (50, _search),
    "by picture": (8, _by_picture),
    "look": (16, _look),
    "upload": (8, _upload),
    "tag": (6, _tag),
    "remove": (3, _remove),
    "job": (2, _job),
}


def lost(client: httpx.Client, kept: Kept) -> list[str]:
    """Uploads that should be there and are not, or the other way."""
    expected = dict.fromkeys(kept.there, 200) | dict.fromkeys(kept.gone - kept.there, 404)
    answers = ((item, wanted, client.get(f"/v1/items/{item}")) for item, wanted in expected.items())
    return [
        f"upload {item} is answered {answer.status_code}, not {wanted}: {answer.text[:200]}"
        for item, wanted, answer in answers
        if answer.status_code != wanted
    ]
