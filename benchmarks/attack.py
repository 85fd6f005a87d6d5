"""Attack a running service, and search beside the attack: its memory, its threads, and how long the search waits.

    python -m benchmarks.attack [NAME…] [--pictures 200] [--port 7731]

Starts `vasari serve` over a library of drawings made by the built-in model, with the settings a user gets, and lets
each attack run for some seconds. Meanwhile a client of its own process asks for something new ten times a second.
A service that grows beyond `--most-mib` is killed, so that the machine is not.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from benchmarks.measuring import finish

_JSON = {"Content-Type": "application/json"}
_SEARCHES_A_SECOND = 10


@dataclass
class Target:
    """A service under attack, and what it has answered."""

    port: int
    statuses: Counter[str] = field(default_factory=Counter)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] = _JSON,
        patience: float = 60.0,
    ) -> str:
        """The status of one request on a connection of its own; "left" when it took longer than `patience`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            answer.read()
            status = str(answer.status)
        except TimeoutError:
            status = "left"
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        finally:
            connection.close()
        self.statuses[status] += 1
        return status

    def post(self, path: str, body: Any, **options: Any) -> str:
        """The status of a JSON body."""
        return self.send("POST", path, json.dumps(body).encode(), **options)


def together(jobs: Sequence[Callable[[], object]]) -> None:
    """Run all at once, and wait for the last."""
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Pictures that are larger than they look


def solid_webp(side: int) -> bytes:
    """A lossless WebP of one colour: 34 bytes, whatever its size."""
    bits = _Bits()
    for value, count in ((0x2F, 8), (side - 1, 14), (side - 1, 14), (0, 1), (0, 3)):
        bits.put(value, count)
    for value, count in ((0, 1), (0, 1), (0, 1)):  # no transform, no colour cache, no meta codes
        bits.put(value, count)
    for symbol in (
        64,
        200,
        100,
        255,
        0,
    ):  # green, red, blue, alpha, distance: one symbol each, which takes no bits
        for value, count in ((1, 1), (0, 1), (1, 1), (symbol, 8)):
            bits.put(value, count)
    data = bits.bytes()
    data += b"\0" * (len(data) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


class _Bits:
    def __init__(self) -> None:
        self._value = self._count = 0

    def put(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count

    def bytes(self) -> bytes:
        return self._value.to_bytes((self._count + 7) // 8, "little")


def solid_png(side: int, colour: int = 6, depth: int = 8, extra: bytes = b"", shade: int = 0) -> bytes:
    """A PNG of one colour, a thousandth of its pixels' size; `colour` and `depth` as PNG numbers them."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = b"\0" + bytes([shade]) * (side * channels * depth // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def saved(mode: str, side: int, kind: str, **options: Any) -> bytes:
    """A picture of one colour, as Pillow writes it."""
    buffer = io.BytesIO()
    Image.new(mode, (side, side)).save(buffer, kind, **options)
    return buffer.getvalue()


def animated(side: int, frames: int, kind: str) -> bytes:
    """An animation of frames of one colour."""
    pictures = [Image.new("P", (side, side), number) for number in range(frames)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, kind, save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def bombs() -> dict[str, bytes]:
    """Small files that unpack to much, by what they are."""
    zeros = zlib.compress(b"\0" * 50_000_000, 9)
    profile = png_chunk(b"iCCP", b"x\0\0" + zeros)
    text = b"".join(png_chunk(b"zTXt", b"x\0\0" + zeros) for _ in range(20))
    return {
        "webp 9990": solid_webp(9990),
        "png rgba 6000": solid_png(6000),
        "png rgba16 5000": solid_png(5000, 6, 16),
        "png grey16 7000": solid_png(7000, 0, 16),
        "png with iCCP": solid_png(64, 2, extra=profile),
        "png with zTXt": solid_png(64, 2, extra=text),
        "tiff 9000": saved("RGBA", 9000, "TIFF", compression="tiff_lzw"),
        "tiff float 6000": saved("F", 6000, "TIFF", compression="tiff_lzw"),
        "tiff cmyk 7000": saved("CMYK", 7000, "TIFF", compression="tiff_lzw"),
        "gif 9000": saved("P", 9000, "GIF"),
        "gif animated 3000": animated(3000, 20, "GIF"),
        "webp animated 3000": animated(3000, 8, "WEBP"),
        "png animated 3000": animated(3000, 8, "PNG"),
        "jpeg progressive 9000": saved("RGB", 9000, "JPEG", progressive=True),
        "jpeg cmyk 9000": saved("CMYK", 9000, "JPEG"),
        "avif 4000": saved("RGB", 4000, "AVIF", speed=10),
        "bmp header 9000": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 9000, 9000, 1, 24, 0, 0, 0, 0, 0, 0),
    }


# Attacks


def rest(_target: Target) -> None:
    """Nothing for ten seconds: how long the search takes on this machine, as busy as it is."""
    time.sleep(10)


def rerank(target: Target) -> None:
    """40 searches with a second stage and 50 ms to answer, and 40 whose callers hang up."""
    hurried = {**_JSON, "X-Deadline-Ms": "50"}
    jobs: list[Callable[[], object]] = []
    for number in range(40):
        body = {"query": f"a red boat {number}", "rerank": {"top": 256, "deadline_ms": 60_000}}
        jobs.append(partial(target.post, "/v1/search", body, headers=hurried))
        jobs.append(partial(target.post, "/v1/search", body, patience=0.2))
    for _ in range(3):
        together(jobs)


def classify(target: Target) -> None:
    """60 bodies of 35 KB: 1000 labels and 100 templates each."""
    random = Random(0)

    def body() -> dict[str, Any]:
        labels = [f"thing {random.randrange(10**9)}" for _ in range(1000)]
        return {"item": 1, "labels": labels, "templates": [f"view {number} of {{}}" for number in range(100)]}

    bodies = [body() for _ in range(60)]
    together([partial(target.post, "/v1/classify", body) for body in bodies])


def labels(target: Target) -> None:
    """30 bodies of as many labels as are taken, with the usual templates."""
    random = Random(1)
    bodies = [
        {"item": 1, "labels": [f"thing {random.randrange(10**9)}" for _ in range(1000)]} for _ in range(30)
    ]
    together([partial(target.post, "/v1/classify", body) for body in bodies])


def pictures(target: Target) -> None:
    """Each of the bombs as a query, four times at once."""
    for data in bombs().values():
        body = {"terms": [{"image": base64.b64encode(data).decode()}]}
        together([partial(target.post, "/v1/search", body)] * 4)


def twelve(target: Target) -> None:
    """Twelve different RGBA PNGs of 7000 × 7000 at once, as queries, questions and uploads."""
    files = [base64.b64encode(solid_png(7000, shade=shade)).decode() for shade in range(12)]
    together([partial(target.post, "/v1/search", {"terms": [{"image": data}]}) for data in files])
    together([partial(target.post, "/v1/match", {"image": data, "text": "a boat"}) for data in files])
    together([partial(target.post, "/v1/items", {"image": data}) for data in files])


def embeddings(target: Target) -> None:
    """Bodies of 106 KB with 2000 large pictures, equal ones and different ones."""
    same = base64.b64encode(solid_webp(7000)).decode()
    different = [base64.b64encode(solid_webp(7000 - number)).decode() for number in range(2000)]
    for inputs in ([same] * 2000, different, different[:32]):
        target.post("/v1/embeddings", {"input": inputs, "modality": "image"})
    documents = {"query": "x", "documents": [{"image": data} for data in different[:200]]}
    target.post("/v1/rerank", documents)


def bodies(target: Target) -> None:
    """Unknown keys, nesting, huge numbers and strings, forms of many fields; 2 and 20 MB."""
    deep = b'{"query":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"
    for size in (2, 20):
        count = size * 2**20 // 12
        unknown = b'{"query":"x",' + b",".join(b'"%08d":1' % number for number in range(count)) + b"}"
        nested = b'{"terms":[{"text":"x",' + unknown[13:-1] + b"}]}"
        texts = b'{"input":[' + b",".join([b'"a"'] * (size * 2**18)) + b"]}"
        for path, body in (
            ("/v1/search", unknown),
            ("/v1/search", nested),
            ("/knn-service", unknown),
            ("/v1/embeddings", texts),
            ("/v1/search", b'{"query":"' + b"x" * (size * 2**20) + b'"}'),
            ("/v1/search", b'{"limit":' + b"9" * (size * 2**20) + b"}"),
            ("/v1/search", b'{"' + b"k" * (size * 2**20) + b'":1}'),
            ("/v1/search", b'{"query":"' + b'\\"' * (size * 2**19)),
            ("/v1/search", deep),
        ):
            target.send("POST", path, body)
    form = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % number for number in range(50_000)
    )
    target.send(
        "POST", "/v1/search", form + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}
    )


def writing(target: Target) -> None:
    """60 descriptions, questions and heat maps at once."""
    together(
        [partial(target.post, "/v1/caption", {"item": 1 + n, "detail": "detailed"}) for n in range(60)]
        + [partial(target.post, "/v1/ask", {"item": 1 + n, "question": "what is it?"}) for n in range(60)]
        + [partial(target.send, "GET", f"/v1/items/{1 + n}/why?q=boat") for n in range(60)]
    )


def texts(target: Target) -> None:
    """Bodies of 2048 long texts, one-word texts of 4096 letters, and searches of 32 terms."""
    random = Random(2)

    def words(count: int) -> str:
        return " ".join("".join(random.choices("abcdefghijklmnop", k=7)) for _ in range(count))

    many = [{"input": [words(500) for _ in range(1000)]} for _ in range(4)]
    long = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=4096)) for _ in range(32)]
    batch = {"requests": [{"terms": [{"text": words(60)} for _ in range(32)]} for _ in range(64)]}
    together(
        [partial(target.post, "/v1/embeddings", body) for body in many]
        + [lambda: target.post("/v1/embeddings", {"input": long})]
        + [lambda: target.post("/v1/search/batch", batch)]
    )


def streams(target: Target) -> None:
    """300 event streams of a job at once, for five seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    connection.request("POST", "/v1/jobs", json.dumps({"kind": "caption"}), _JSON)
    job = json.loads(connection.getresponse().read()).get("id", 1)
    opened = []
    for _ in range(300):
        one = socket.create_connection(("127.0.0.1", target.port))
        one.sendall(b"GET /v1/jobs/%d/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % job)
        opened.append(one)
    time.sleep(5)
    for one in opened:
        target.statuses[one.recv(64)[9:12].decode() or "closed"] += 1
        one.close()
    target.send("DELETE", f"/v1/jobs/{job}")


def uploads(target: Target) -> None:
    """60 bodies of 30 MB at once, then 200 small pictures."""
    large = json.dumps({"image": base64.b64encode(os.urandom(22_000_000)).decode()}).encode()
    together([lambda: target.send("POST", "/v1/items", large)] * 60)
    small = [
        json.dumps({"image": base64.b64encode(solid_png(64, 2, shade=n)).decode()}).encode()
        for n in range(200)
    ]
    together([partial(target.send, "POST", "/v1/items", body) for body in small])


def health(target: Target) -> None:
    """1000 questions whether it is ready, by 20 clients."""
    together([lambda: [target.send("GET", "/readyz") for _ in range(50)]] * 20)


ATTACKS: dict[str, Callable[[Target], None]] = {
    attack.__name__: attack
    for attack in (
        rest, rerank, classify, labels, pictures, twelve, embeddings, bodies, writing, texts, streams, uploads, health,
    )
}  # fmt: skip


# Measuring


@dataclass
class Outcome:
    """What one attack did to the service, and to the search beside it."""

    attack: str
    seconds: float
    statuses: dict[str, int]
    peak_mib: float
    threads: int
    searches: int
    failed: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class Watch:
    """Memory and threads of a process, looked at every 20 ms; kills it beyond `most_mib`."""

    def __init__(self, process: int, most_mib: float) -> None:
        self._status = Path(f"/proc/{process}/status")
        self._process, self._most = process, most_mib
        self.peak_mib, self.threads = 0.0, 0
        threading.Thread(target=self._look, daemon=True).start()

    def forget(self) -> None:
        """Begin anew."""
        self.peak_mib, self.threads = 0.0, 0

    def _look(self) -> None:
        while True:
            try:
                facts = dict(line.split(":", 1) for line in self._status.read_text().splitlines())
                self.peak_mib = max(self.peak_mib, int(facts["VmRSS"].split()[0]) / 1024)
                self.threads = max(self.threads, int(facts["Threads"]))
            except (OSError, KeyError):
                return
            if self.peak_mib > self._most:
                os.kill(self._process, signal.SIGKILL)
            time.sleep(0.02)


@contextmanager
def service(library: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`vasari serve`, ready to answer."""
    vasari = Path(sys.executable).with_name("vasari")
    with log.open("wb") as output:
        command = [str(vasari), "serve", "--library", str(library), "--port", str(port), "--json-logs"]
        running = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 120
            while Target(port).send("GET", "/readyz") != "200":
                if time.monotonic() > deadline or running.poll() is not None:
                    raise SystemExit(log.read_text())
                time.sleep(0.2)
            yield running
        finally:
            running.terminate()
            try:
                running.wait(60)
            except subprocess.TimeoutExpired:
                running.kill()


def search_beside(port: int) -> None:
    """The client beside the attack: one line with milliseconds and status for each search, until stdin closes."""
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    number = 0
    while True:
        number += 1
        began = time.perf_counter()
        body = {"query": f"a blue house {number} {time.time_ns()}"}
        status = Target(port).post("/v1/search", body, patience=60.0)
        spent = time.perf_counter() - began
        print(round(spent * 1000, 2), status, flush=True)
        time.sleep(max(0.0, 1 / _SEARCHES_A_SECOND - spent))


def measured(name: str, library: Path, port: int, most_mib: float, log: Path) -> Outcome:
    """Run one attack on a service of its own."""
    with service(library, port, log) as running:
        target, watch = Target(port), Watch(running.pid, most_mib)
        command = [sys.executable, "-m", "benchmarks.attack", "--beside", str(port)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(1.5)
        began = time.perf_counter()
        ATTACKS[name](target)
        seconds = time.perf_counter() - began
        time.sleep(1.5)
        lines = client.communicate()[0].split("\n")[5:-1] if running.poll() is None else []
        client.kill()
        spent = sorted(float(line.split()[0]) for line in lines) or [float("nan")]
        failed = sum(not line.endswith(" 200") for line in lines)
        return Outcome(
            name, round(seconds, 1), dict(target.statuses), round(watch.peak_mib), watch.threads, len(lines), failed,
            statistics.median(spent), spent[int(0.99 * (len(spent) - 1))], spent[-1],
        )  # fmt: skip


def make_library(folder: Path, pictures: int) -> Path:
    """A library of drawings."""
    vasari = Path(sys.executable).with_name("vasari")
    subprocess.run([vasari, "scenes", "render", folder / "pictures", "--count", str(pictures)], check=True)
    command = ["index", str(folder / "pictures"), "--library", str(folder / "library"), "--model", "scenes"]
    subprocess.run([vasari, *command], check=True)
    return folder / "library"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(ATTACKS)}")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--library", type=Path, help="a library that is there already, and may be written to")
    parser.add_argument("--port", type=int, default=7731)
    parser.add_argument("--most-mib", type=float, default=6000)
    parser.add_argument("--log", type=Path, help="the service's log")
    parser.add_argument("--beside", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside:
        search_beside(options.beside)
    if unknown := set(options.names) - set(ATTACKS):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    outcomes = []
    with TemporaryDirectory() as scratch:
        library = options.library or make_library(Path(scratch), options.pictures)
        print(
            "attack      seconds  MiB peak  threads  searches  failed    p50 ms    p99 ms  worst ms  answers"
        )
        for name in options.names or ATTACKS:
            log = options.log or Path(scratch) / "log"
            one = measured(name, library, options.port, options.most_mib, log)
            outcomes.append(one)
            print(
                f"{one.attack:10} {one.seconds:8.1f} {one.peak_mib:9.0f} {one.threads:8} {one.searches:9}"
                f" {one.failed:7} {one.p50_ms:9.1f} {one.p99_ms:9.1f} {one.worst_ms:9.1f}  {one.statuses}",
                flush=True,
            )
    finish(
        "attack",
        figures=[asdict(one) for one in outcomes],
        peak_mib=max(one.peak_mib for one in outcomes),
        p99_ms=max(one.p99_ms for one in outcomes),
    )


if __name__ == "__main__":
    main()
