"""Soak: a library that is killed, starved of disk, database and time, and a service under load and nonsense, for long.

    python -m tests.faults.soak --kills 1000 --requests 10000 --minutes 120 --small-disk   # make soak
    python -m tests.faults.soak --kills 6 --requests 150 --minutes 0.05               # as the tests do

Steps are drawn by `--seed` and their number. Each step changes the pictures, begins one of ten operations (index,
watch, rebuild, compact, caption, read, import, backup, restore, upload) on SQLite or PostgreSQL, and cuts it off: by
SIGKILL at a random moment of its work, by a disk that fills, by a database that ends its connections, or by a clock
that jumps. Then nothing that was committed may be lost, and mostly the next step goes on from there; after one in three
the operation is done again, and must end, each picture have its vector and the doctor find nothing. What went wrong is
kept in the folder and told. With `--folder` a campaign that was stopped goes on where it was. The last line is JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.five_ways import postgres
from tests.faults import soak_service, soak_world
from tests.faults.forked import Run
from tests.faults.kill import processor_seconds
from tests.faults.soak_world import OPERATIONS, REFUSED, World

FAULTS = {"kill": 12, "disk": 2, "database": 2, "clock": 1}  # and how often, beside each other
_SMALL_DISK = "96m"
_WHOLE = 1 / 3  # of the steps: what was cut off is done again, and all is looked at
_FIRST_GUESS = 0.4  # seconds of processor time of an operation that was not seen at work yet
_IMPORTED = (  # what every copy would import, most of what it takes
    "alembic.command", "alembic.config", "faiss", "huggingface_hub", "numpy.ma", "numpy.random", "pathspec", "psycopg",
    "vasari.indexer.encoding_form", "vasari.retrieval.catalog.indexes", "vasari.retrieval.images.decode",
    "vasari.retrieval.library.near_duplicates", "vasari.retrieval.library.stacking", "vasari.retrieval.library.upload",
    "vasari.retrieval.models.clip.encoder", "vasari.retrieval.models.registry.files",
    "vasari.retrieval.vectors.faiss_index", "vasari.retrieval.vectors.shards", "vasari.retrieval.vectors.tuning",
)  # fmt: skip
_STUCK = 300.0  # seconds after which an operation that should have ended has not


@dataclass
class State:
    """What a campaign has done so far."""

    seed: int
    step: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # by fault, database and operation
    moments: dict[str, int] = field(default_factory=dict)  # kills by the quarter of an operation's work
    whole: int = 0  # steps after which all was done again and looked at
    took: dict[str, float] = field(default_factory=dict)  # seconds of processor time that operations use
    failures: list[dict[str, str]] = field(default_factory=list)

    def total(self, fault: str) -> int:
        """How often a fault met an operation at work."""
        return sum(count for name, count in self.counts.items() if name.startswith(f"{fault} "))


class Campaign:
    """Steps over some worlds; its state is in a file, so that it can go on."""

    def __init__(self, folder: Path, seed: int, worlds: dict[str, World]) -> None:
        self._folder, self._worlds = folder, worlds
        self._file = folder / "state.json"
        self.state = State(**json.loads(self._file.read_text())) if self._file.exists() else State(seed)

    def step(self) -> None:
        """One operation and its fault; what goes wrong is noted, and that world begun anew."""
        number = self.state.step
        chance = random.Random(f"{self.state.seed}/{number}")
        name = chance.choice(list(OPERATIONS))
        fault = chance.choices(list(FAULTS), list(FAULTS.values()))[0]
        place = {"disk": "small disk", "database": "postgresql"}.get(fault) or chance.choice(
            ["sqlite", "postgresql"]
        )
        world = self._worlds.get(place)
        if world is not None:
            with self._noting(number, name, fault, place):
                self._go(number, name, fault, place, world, chance)
        self.state.step += 1
        self._file.with_suffix(".new").write_text(json.dumps(asdict(self.state)))
        self._file.with_suffix(".new").replace(self._file)

    def _go(
        self, number: int, name: str, fault: str, place: str, world: World, chance: random.Random
    ) -> None:
        if not world.photos.exists():
            _forked(lambda: soak_world.prepare(world))
        _forked(lambda: soak_world.change(world, chance.randrange(1 << 30)))
        jump = chance.choice([-3600.0, 3600.0]) if fault == "clock" else 0.0
        (world.beside / "began").unlink(missing_ok=True)
        run = Run(lambda _: soak_world.run(name, number, world, jump), world.folder)
        if self._cut(run, name, fault, world, chance):
            key = f"{fault} {place} {name}"
            self.state.counts[key] = self.state.counts.get(key, 0) + 1
        if chance.random() < _WHOLE:
            _forked(lambda: soak_world.finish(world, name, number))
            self.state.whole += 1
        else:
            _forked(lambda: soak_world.check_cut(world, name))

    def finish(self) -> None:
        """Look at each world as a whole, for some may have been left after a cut."""
        for place, world in self._worlds.items():
            if world.photos.exists():
                with self._noting(self.state.step, "index", "the end", place):
                    _forked(partial(soak_world.finish, world, "index", self.state.step))

    def _cut(self, run: Run, name: str, fault: str, world: World, chance: random.Random) -> bool:
        """Cut the operation off at a random moment of its work; False if it had ended by then."""
        latest = self.state.took.get(name, _FIRST_GUESS)
        after = chance.uniform(0, latest)
        began: float | None = None
        worked = 0.0
        while not _ended(run):
            if began is None and (world.beside / "began").exists():
                began = processor_seconds(run.pid)
            if began is not None and fault != "clock":
                worked = processor_seconds(run.pid) - began
                if worked >= after:
                    _strike(fault, run, world)
                    if fault == "kill":
                        quarter = f"quarter {min(4, 1 + int(4 * after / latest))}"
                        self.state.moments[quarter] = self.state.moments.get(quarter, 0) + 1
                    return True
            time.sleep(0.002)
        if fault != "clock":
            # It had ended before: now it is known what it takes, and a guess that is too low grows again.
            self.state.took[name] = max(0.02, worked)
        else:
            assert run.code == 0, f"with a clock that jumps it ended with {run.code}"
        return fault == "clock"

    @contextmanager
    def _noting(self, number: int, name: str, fault: str, place: str) -> Iterator[None]:
        """What goes wrong is told, kept in the folder, and that world begun anew."""
        try:
            yield
        except (AssertionError, RuntimeError) as error:
            world, kept = self._worlds[place], self._folder / f"failed-{number}"
            for part in (world.folder, world.beside):
                shutil.copytree(part, kept / part.name, dirs_exist_ok=True)
                for entry in part.iterdir():
                    shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
            if world.database_url is not None:
                _empty(world.database_url)
            told = {"step": str(number), "operation": name, "fault": fault, "on": place}
            told["error"] = str(error)[-2000:]
            self.state.failures.append(told)
            print(json.dumps(told), file=sys.stderr, flush=True)


def _ended(run: Run) -> bool:
    """Whether it has; an error of ours is an end as good as any."""
    try:
        return run.has_ended()
    except RuntimeError:
        if run.code != REFUSED:
            raise
        return True


def _strike(fault: str, run: Run, world: World) -> None:
    if fault == "kill":
        run.kill()
        return
    ballast = soak_world.fill_disk(world.folder) if fault == "disk" else None
    if fault == "database":
        assert world.database_url is not None
        _disconnect(world.database_url)
    until = time.monotonic() + _STUCK
    try:
        while not _ended(run):
            assert time.monotonic() < until, f"it went on for {_STUCK:g} s after the fault"
            time.sleep(0.01)
    finally:
        if ballast is not None:
            ballast.unlink()


def _forked(work: Callable[[], None]) -> None:
    Run(lambda _: work(), Path()).finish()


def _disconnect(url: str) -> None:
    """End all connections of others to a database, as a server does that is started anew."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _hurry(url: str) -> None:
    """The server itself is never killed: it need not wait for the disk."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def _empty(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of few megabytes; None where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK}", "none", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def worlds_in(folder: Path, *, with_small_disk: bool) -> Iterator[dict[str, World]]:
    """One world on each database, one on a small disk; PostgreSQL's and the small disk's begin anew each time."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        _hurry(database)
        _empty(database)
        for name in ("postgresql", "small"):
            for part in (folder / name, folder / f"{name}-beside"):
                shutil.rmtree(part, ignore_errors=True)
        small = stack.enter_context(small_disk(folder / "small")) if with_small_disk else None
        worlds = {
            "sqlite": World(folder / "sqlite", folder / "sqlite-beside"),
            "postgresql": World(folder / "postgresql", folder / "postgresql-beside", database),
        }
        if small is not None:
            worlds["small disk"] = World(small, folder / "small-beside")
        for world in worlds.values():
            world.folder.mkdir(parents=True, exist_ok=True)
            world.beside.mkdir(parents=True, exist_ok=True)
        yield worlds


def campaign(folder: Path, seed: int, kills: int, *, with_small_disk: bool) -> dict[str, Any]:
    """Kill so often, with the other faults in between; what came of it."""
    for module in _IMPORTED:
        import_module(module)
    gc.freeze()  # the copies need not look through what they were copied with
    with worlds_in(folder, with_small_disk=with_small_disk) as worlds:
        going = Campaign(folder, seed, worlds)
        state = going.state
        while state.total("kill") < kills:
            going.step()
            if state.step % 20 == 0:
                print(f"{state.step} steps, {state.total('kill')} kills", file=sys.stderr, flush=True)
        going.finish()
        on_small_disk = "small disk" in worlds
    by_operation: Counter[str] = Counter()
    for name, count in state.counts.items():
        if name.startswith("kill "):
            by_operation[name.rpartition(" ")[2]] += count
    return {
        "seed": state.seed,
        "steps": state.step,
        "faults": {fault: state.total(fault) for fault in FAULTS if fault != "disk" or on_small_disk},
        "whole": state.whole,
        "kills": dict(sorted(by_operation.items())),
        "moments": dict(sorted(state.moments.items())),
        "on": {
            place: sum(count for name, count in state.counts.items() if f" {place} " in name)
            for place in worlds
        },
        "failures": state.failures,
    }


def main() -> None:
    """Run the campaign, then load and nonsense for a service; exit with 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--requests", type=int, default=2000, help="drawn requests")
    parser.add_argument("--minutes", type=float, default=5.0, help="of mixed load")
    parser.add_argument("--small-disk", action="store_true", help="mount one of memory, as root, and fill it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where a campaign that was stopped goes on")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the small disk and the server are put away
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["VASARI_OFFLINE"] = "1"
        told: dict[str, Any] = {"benchmark": "soak"}
        if options.kills:
            told |= campaign(folder, options.seed, options.kills, with_small_disk=options.small_disk)
        if options.requests or options.minutes:
            told["service"] = soak_service.soak(
                folder / "service", options.seed, requests=options.requests, seconds=60 * options.minutes
            )
    print(json.dumps(told))
    if told.get("failures") or told.get("service", {}).get("failures"):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
