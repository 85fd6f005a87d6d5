"""What this machine can feed to an accelerator: the real indexing job with stand-in devices that compute nothing.

    python -m benchmarks.host_limit --photos DIR [--count 2000] [--speed 1000 inf] [--devices 1 2 4]
                                    [--decode threads processes] [--quick]

The job is the one that `vasari index` runs, over photos of 500 × 375 pixels re-encoded from those in DIR, into a new
library. Only the encoder is another: it takes a given time for each picture of a batch, as a device does that computes
by itself (the lock of Python is free meanwhile, and the next batch may be handed over before the last one is done).

For each speed of a device, in images a second: what the job reaches from its first file to its last commit, and
`share`, that over the smaller of decoding alone (before and after it, averaged) and the devices alone. Without a limit
(`inf`) the devices answer at once, and the job is compared with decoding alone. Slow devices get as many photos as they
take in ten seconds. `stages` are processor milliseconds an image of each step on one thread; `decode_ms` is that of
decoding alone and `processor_ms` of the whole job, over all threads and processes: where all cores are busy, no share
can be greater than the one over the other, whatever else the machine does. `lock_ms` is for how many milliseconds an
image the job's own process held Python's global lock, sampled from outside. The last line is JSON. Linux only; the
whole grid takes some five minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, sleep, thread_time
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measuring import finish
from benchmarks.photos import copies
from vasari.indexer.decode import Loader
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.plan import Task
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import EmbeddingSpace, Modality, Picture, Skipped, UnitVectors, unit_vectors
from vasari.retrieval.images.decode import decoding
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.images.phash import fingerprint
from vasari.retrieval.library.commit import Prepared, commit_items
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.clip.pixels import TorchPreparer
from vasari.retrieval.models.ports import DualEncoder
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.storage.local_files import content_hash, read_file

SPEEDS = (100.0, 1_000.0, 5_000.0, 20_000.0, math.inf)
DEVICES = (1, 2, 4)
_DIM, _SIDE = 512, 256
_WARM_UP = 64  # pictures that a process indexes before it is measured
_ALONE = 800  # pictures that are decoded alone, before each job and after it
_SECONDS = 10.0  # of a job at most, by the speed of its devices
_HOW: dict[str, Literal["threads", "processes"]] = {"threads": "threads", "processes": "processes"}
_SWITCH = 0.004321  # seconds between switches of threads: a number by which the lock is found in memory


class StandIn:
    """A `DualEncoder` whose device takes 1 / speed seconds for a picture, one batch after the other."""

    def __init__(self, speed: float) -> None:
        self.space = EmbeddingSpace("stand-in", "stand-in", "weights", "preprocessing", _DIM)
        self.dim, self.image_size = _DIM, _SIDE
        self.overlaps, self.memory_in_use = True, 0.0
        self.device_name, self.input_size = "stand-in", (_SIDE, _SIDE)
        self.preparer = ImagePreprocessing(_SIDE, _SIDE)
        self.sent_preparer = TorchPreparer(self.preparer)
        self.batches: Counter[int] = Counter()
        self._seconds = 1 / speed
        self._free = 0.0  # the moment from which the device has nothing to do
        self._turn = threading.Lock()
        self._answer = unit_vectors(np.random.default_rng(0).standard_normal((4096, _DIM), dtype=np.float32))

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return self.sent_preparer.prepare(picture)

    def pin(self, memory: NDArray[np.uint8]) -> None:
        """There is nothing to be told."""

    def begin(self, batch: NDArray[np.uint8]) -> Callable[[], UnitVectors]:
        """Hand a batch over; the function waits for its vectors."""
        with self._turn:
            self._free = done = max(self._free, perf_counter()) + len(batch) * self._seconds
            self.batches[len(batch)] += 1
        found = UnitVectors(self._answer[: len(batch)])

        def wait() -> UnitVectors:
            if (left := done - perf_counter()) > 0:
                sleep(left)
            return found

        return wait

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        return self.begin(batch)()

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        return UnitVectors(self._answer[: len(texts)])


class StandInLibrary(Library):
    """A library whose model is a stand-in."""

    encoders: Sequence[StandIn] = ()

    def use_model(self, reference: str) -> EmbeddingSpace:  # noqa: ARG002 (there is one)
        space = self.catalog.spaces.ensure(self.encoders[0].space)
        self.catalog.spaces.set_default(space.name)
        return space

    def encoder(self, space: EmbeddingSpace | None = None) -> DualEncoder:  # noqa: ARG002
        return self.encoders[0]

    @property
    def devices(self) -> Sequence[str]:
        return [str(number) for number, _ in enumerate(self.encoders)]

    def encoder_on(self, device: str, space: EmbeddingSpace) -> DualEncoder:  # noqa: ARG002
        return self.encoders[int(device)]


def tasks_of(folder: Path) -> list[Task]:
    return [Task(found) for found in FolderSource([folder]).candidates() if isinstance(found, Candidate)]


def part_of(folder: Path, count: int) -> Path:
    """A folder of the first of the photos; the folder itself where it has no more."""
    photos = sorted(folder.glob("*.jpg"))
    if count >= len(photos):
        return folder
    few = folder.with_name(f"{folder.name}-first-{count}")
    few.mkdir(exist_ok=True)
    for path in photos[:count]:
        if not (few / path.name).exists():
            os.link(path, few / path.name)
    return few


def decode_alone(folder: Path) -> tuple[float, float]:
    """Images a second of the job's own reading and decoding on all cores, and processor milliseconds an image."""
    source, encoder = FolderSource([folder]), StandIn(math.inf)
    loader = Loader(source.read, lambda: encoder, ImageLimits())
    tasks = tasks_of(part_of(folder, _ALONE))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(loader.load, tasks[:_WARM_UP]))
        started, used = perf_counter(), process_time()
        for loaded in threads.map(loader.load, tasks):
            if isinstance(loaded, Skipped):
                raise SystemExit(f"{loaded.uri}: {loaded.reason}")
        return len(tasks) / (perf_counter() - started), 1e3 * (process_time() - used) / len(tasks)


def stages(folder: Path) -> dict[str, float]:
    """Processor milliseconds an image of each step, on one thread."""
    torch.set_num_threads(1)
    encoder, limits, spent = StandIn(math.inf), ImageLimits(), defaultdict[str, float](float)
    paths = sorted(folder.glob("*.jpg"))[:500]
    clock = [0.0]

    def lap(stage: str) -> None:
        now = thread_time()
        spent[stage] += now - clock[0]
        clock[0] = now

    items = []
    for warm in (True, False):
        spent.clear()
        for path in paths[:_WARM_UP] if warm else paths:
            clock[0] = thread_time()
            data = read_file(path, limits)
            lap("read")
            digest = content_hash(data)
            lap("hash")
            with decoding(data, limits, target=_SIDE) as decoded:
                lap("decode")
                pixels = encoder.prepare(decoded.pixels)
                lap("scale")
                swings = fingerprint(decoded.pixels, digest)
                lap("fingerprint")
            prepared = Prepared(pixels, digest, len(data), 500, 375, "jpeg", swings)
            items.append(prepared.item(str(path), encoder.embed_images(pixels[None])[0], 1))
    items = items[-len(paths) :]
    StandInLibrary.encoders = [encoder]
    with TemporaryDirectory() as name, StandInLibrary.open(Path(name) / "library", create=True) as library:
        space = library.use_model("stand-in")
        with library.catalog.lease.acquire("benchmark"):
            clock[0] = thread_time()
            place = library.segments_directory(space, Modality.IMAGE)
            commit_items(library.catalog, place, space.name, Modality.IMAGE, items)
            lap("commit")
    return {stage: round(1e3 * seconds / len(paths), 3) for stage, seconds in spent.items()}


def run_job(folder: Path, speed: float, devices: int, decode: str) -> dict[str, Any]:
    """The job in this process, once warm; prints what it took, when the process that samples it says so."""
    torch.set_num_threads(1)
    few = part_of(folder, _WARM_UP)
    with TemporaryDirectory() as name:
        for each in (few, folder):
            StandInLibrary.encoders = [StandIn(speed) for _ in range(devices)]
            with StandInLibrary.open(Path(name) / each.name, create=True) as library:
                if each is folder:
                    print(json.dumps({"lock": lock_address()}), flush=True)
                    sys.stdin.readline()
                started = perf_counter()
                report = index(library, FolderSource([each]), IndexOptions(decode=_HOW[decode]))
                seconds = perf_counter() - started
                if report.failed or report.added != len(list(each.glob("*.jpg"))):
                    raise SystemExit(f"not all were indexed: {report}")
    return {"images": report.added, "seconds": seconds}


def lock_address() -> int:
    """Where this process keeps whether Python's global lock is held: CPython's `_gil_runtime_state.locked`.

    It lies in `_PyRuntime` behind the switch interval in microseconds and the last thread that held it.
    """
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            memory.seek(runtime)
            words = np.frombuffer(memory.read(1 << 16) + bytes(8), np.uint64)
    finally:
        sys.setswitchinterval(usual)
    (found,) = np.flatnonzero(words == round(_SWITCH * 1e6))
    return int(runtime + 8 * (found + 2))


class Sampler(threading.Thread):
    """Looks some thousand times a second whether another process's lock is held, and now and then what it has used.

    On a busy machine a thread that holds the lock also waits for a core; `on_core` is the share of the time in which
    threads that were able to run did run, by the kernel's own account.
    """

    def __init__(self, pid: int, address: int) -> None:
        super().__init__(daemon=True)
        self.looked = self.held = 0
        self.over = threading.Event()
        self._pid, self._address = pid, address
        self._memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        self._first, self._last = self._accounts(), dict[str, Account]()

    def run(self) -> None:
        chance = np.random.default_rng(0)
        while not self.over.is_set():
            for pause in chance.uniform(0.0002, 0.0008, 100):
                self.held += os.pread(self._memory, 4, self._address) != b"\0\0\0\0"
                self.looked += 1
                sleep(pause)
            self._last |= self._accounts()

    @property
    def on_core(self) -> float:
        ran, waited = self._used(self._pid)
        return ran / max(ran + waited, 1e-9)

    @property
    def processor(self) -> float:
        """Seconds of processor time, of all processes together."""
        return self._used()[0]

    def _used(self, pid: int | None = None) -> tuple[float, float]:
        """Seconds that threads ran and waited for a core, of one process or all."""
        ran = waited = 0
        for thread, account in self._last.items():
            if pid in (None, account.pid):
                before = self._first.get(thread, Account(0, 0, 0))
                ran, waited = ran + account.ran - before.ran, waited + account.waited - before.waited
        return ran / 1e9, waited / 1e9

    def _accounts(self) -> dict[str, Account]:
        """Of each thread of the process and those below it."""
        found, pids = {}, [self._pid]
        while pids:
            pid = pids.pop()
            for task in Path(f"/proc/{pid}/task").glob("*"):
                with suppress(OSError):  # it has ended
                    ran, waited, _ = map(int, (task / "schedstat").read_text(encoding="ascii").split())
                    found[task.name] = Account(pid, ran, waited)
                    pids += map(int, (task / "children").read_text(encoding="ascii").split())
        return found


class Account(NamedTuple):
    """Nanoseconds that a thread ran, and waited for a core."""

    pid: int
    ran: int
    waited: int


def measured(folder: Path, speed: float, devices: int, decode: str) -> dict[str, float]:
    """One job in a process of its own."""
    one = [str(folder), str(speed), str(devices), decode]
    words = [sys.executable, "-m", "benchmarks.host_limit", "--one", *one]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        sampler = Sampler(child.pid, json.loads(child.stdout.readline())["lock"])
        sampler.start()
        child.stdin.write("go\n")
        child.stdin.flush()
        found = json.loads(child.stdout.readline())
        sampler.over.set()
        sampler.join()
        child.stdin.close()
    images_, seconds = found["images"], found["seconds"]
    return {
        "images_per_second": images_ / seconds,
        "processor_ms": 1e3 * sampler.processor / images_,
        "lock_ms": 1e3 * seconds * sampler.on_core * sampler.held / max(sampler.looked, 1) / images_,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, help="any folder of photos")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--speed", type=float, nargs="+", default=list(SPEEDS))
    parser.add_argument("--devices", type=int, nargs="+", default=list(DEVICES))
    parser.add_argument("--decode", nargs="+", choices=list(_HOW), default=["threads", "processes"])
    parser.add_argument("--quick", action="store_true", help="200 photos, two speeds, one device")
    parser.add_argument(
        "--one", nargs=4, metavar=("FOLDER", "SPEED", "DEVICES", "DECODE"), help=argparse.SUPPRESS
    )
    options = parser.parse_args(arguments)
    if options.one:
        folder, speed, devices, decode = options.one
        print(json.dumps(run_job(Path(folder), float(speed), int(devices), decode)), flush=True)
        sys.stdin.read()  # until the other side has looked for the last time
        return
    if options.photos is None:
        parser.error("--photos is needed")
    if options.quick:
        options.count, options.speed, options.devices = 200, [1_000.0, math.inf], [1]
    folder = copies(options.photos, options.count, "small")
    spent = stages(folder)
    print("processor ms an image:", *(f"{stage} {ms:.2f}" for stage, ms in spent.items()), flush=True)
    rows: list[dict[str, Any]] = []
    print(f"{'decoding':9} {'devices':>16} {'images/s':>9} {'limit':>9} {'share':>6}", end=" ")
    print(f"{'decode ms':>9} {'processor':>9} {'lock':>6}")
    before = decode_alone(folder)
    for decode, devices, speed in product(options.decode, options.devices, options.speed):
        count = max(_WARM_UP + 1, round(min(_SECONDS * devices * speed, options.count)))
        found = measured(part_of(folder, count), speed, devices, decode)
        after = decode_alone(folder)
        alone, decode_ms = ((one + other) / 2 for one, other in zip(before, after, strict=True))
        before = after
        limit = min(alone, devices * speed)
        share = found["images_per_second"] / limit
        rows.append(
            {"decode": decode, "devices": devices, "speed": speed if speed < math.inf else None}
            | {"decode_alone": round(alone, 1), "share": round(share, 3), "decode_ms": round(decode_ms, 3)}
            | {name: round(value, 4) for name, value in found.items()}
        )
        print(
            f"{decode:9} {f'{devices} × {speed:,.0f}':>16} {found['images_per_second']:9.1f} {limit:9.1f} {share:6.3f}"
            f" {decode_ms:9.2f} {found['processor_ms']:9.2f} {found['lock_ms']:6.3f}",
            flush=True,
        )
    finish("host_limit", stages=spent, runs=rows, photos=options.count)


if __name__ == "__main__":
    main()
