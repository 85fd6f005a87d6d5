"""Kill a running job again and again, and see that nothing is lost, doubled or half there.

    python -m tests.faults.kill --kills 30                  # a job with an encoder that needs no loading
    python -m tests.faults.kill --kills 30 --model scenes   # `vasari index` with a model

Between kills the collection changes: files are added, edited, renamed, touched and deleted. The library that went
through all of it must end with exactly the items and vectors of one that was filled in a single quiet run.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from tests import grey
from tests.faults.forked import Job, Run
from vasari.indexer.doctor import examine
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.library import Library


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    killed: int  # runs that met their moment
    commits: int  # segments that the killed runs left behind
    differences: list[str]  # from a library that was filled in one quiet run
    findings: list[str]  # the doctor's

    @property
    def good(self) -> bool:
        """Whether the library is as if nothing had happened."""
        return not self.differences and not self.findings


class Collection:
    """A folder of small pictures that changes by the step; the same seed makes the same history."""

    def __init__(self, folder: Path, pictures: int, seed: int) -> None:
        self.folder = folder
        self._chance = random.Random(seed)
        self._next = 0
        self._add(pictures)

    def change(self) -> None:
        """Some of everything that people do to their folders."""
        files = sorted(self.folder.rglob("*.png"))
        self._chance.shuffle(files)
        for path in files[:6]:
            path.rename(path.with_name(f"moved-{self._number()}.png"))
        for path in files[6:9]:
            grey.write_picture(path, self._number())
        for path in files[9:12]:
            path.unlink()
        for path in files[12:14]:
            path.touch()
        self._add(9)

    def _add(self, count: int) -> None:
        for _ in range(count):
            number = self._number()
            grey.write_picture(self.folder / f"folder-{number % 5}" / f"{number:05}.png", number)
        (self.folder / f"bad-{self._number()}.png").write_bytes(b"no picture")

    def _number(self) -> int:
        self._next += 1
        return self._next


def torture(job: Job, collection: Collection, folder: Path, *, kills: int, seed: int) -> Outcome:
    """Run `job` and kill it at a random moment of its writing, `kills` times; then let it finish.

    Moments are drawn from most of what a whole run takes, since later runs have less to do; one that ends
    before its moment does not count, and shows what a run takes by now.
    """
    chance = random.Random(seed)
    tried, quiet = folder / "tried", folder / "quiet"
    latest = 0.8 * (_run_and_kill(job, folder / "calibration", None) or 0.0)
    earliest = 0.2 * latest  # before, nothing has been written
    killed = runs = 0
    while killed < kills and runs < 3 * kills:
        took = _run_and_kill(job, tried, chance.uniform(min(earliest, latest), latest))
        latest = latest if took is None else min(latest, took)
        killed += took is None
        runs += 1
        collection.change()
    with Library.open(tried) as library:
        commits = sum(len(_segments(library, space.name)) for space in library.catalog.spaces.all())
    for root in (tried, quiet):
        Run(job, root).finish()
    with Library.open(tried) as library, Library.open(quiet) as reference:
        findings = [str(finding) for finding in examine(library)]
        return Outcome(killed, commits, differences(library, reference), findings)


def differences(library: Library, reference: Library) -> list[str]:
    """Uris of live items that one of two libraries has not, or that are another file or another vector there."""
    found, expected = _contents(library), _contents(reference)
    return sorted(uri for uri in found.keys() | expected.keys() if found.get(uri) != expected.get(uri))


def _contents(library: Library) -> dict[str, tuple[str, int, int, list[float]]]:
    """Of each live item: content hash, bytes and modification time, and its vector."""
    files = list(library.catalog.items.known_files(Modality.IMAGE))
    if not files:
        return {}
    vectors = library.vectors_of([file.id for file in files], library.space())
    return {
        file.uri: (file.content_hash, file.bytes, file.mtime_ns, vector.tolist())
        for file, vector in zip(files, vectors, strict=True)
    }


def _segments(library: Library, space: str) -> list[object]:
    return list(library.catalog.segments.all(space, Modality.IMAGE))


def _run_and_kill(job: Job, root: Path, after: float | None) -> float | None:
    """Start the job, and kill it once it holds the library's lease and has used `after` seconds.

    Seconds are those of the processor: on a busy machine the kill still comes at the same step of the work.
    Returns how many it used when it came to its end first.
    """
    run = Run(job, root)
    _wait_for_lease(root, run)
    while not run.has_ended():
        if after is not None and processor_seconds(run.pid) >= after:
            run.kill()
            return None
        time.sleep(0.001)
    return run.seconds


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that the threads of a process have used, those that ended left out."""
    spent = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            spent += int((thread / "schedstat").read_text().split()[0])
    return spent / 1e9


def _wait_for_lease(root: Path, run: Run) -> None:
    """Return when the job may write the library, or is over."""
    while not run.has_ended() and not (root / "catalog.sqlite3").exists():
        time.sleep(0.01)
    if not run.has_ended():
        with Library.open(root) as library:
            while not run.has_ended():
                holder = library.catalog.lease.holder()
                if holder is not None and holder.pid == run.pid:
                    return
                time.sleep(0.01)


def grey_job(photos: Path) -> Job:
    """The job with an encoder that needs no loading, and commits after every few files."""
    _import()
    return lambda library: grey.main([str(library), str(photos)])


def vasari_job(photos: Path, model: str) -> Job:
    """`vasari index` itself, with torch imported once for all runs."""
    from vasari.api.cli.main import main

    _import(
        "vasari.api.cli.indexing", "vasari.retrieval.images.decode", "vasari.retrieval.models.export.text"
    )
    options = ["--model", model, "--batch", "4", "--json"]
    return lambda library: main(["index", str(photos), *options, "--library", str(library)])


def _import(*modules: str) -> None:
    """Import once what every run would import."""
    for module in (
        "vasari.indexer.job",
        "vasari.retrieval.catalog.catalog",
        "alembic.command",
        *modules,
    ):
        import_module(module)


def outcome_of(*options: str) -> Outcome:
    """What comes of this program in a process of its own."""
    program = [sys.executable, "-m", "tests.faults.kill", *options]
    said = subprocess.run(program, capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stderr
    return Outcome(**json.loads(said.stdout))


def main() -> None:
    """Torture in a temporary folder, and print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--model", help="indexes with `vasari index`, many times slower")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        collection = Collection(folder / "photos", options.pictures, options.seed)
        job = vasari_job(collection.folder, options.model) if options.model else grey_job(collection.folder)
        outcome = torture(job, collection, folder, kills=options.kills, seed=options.seed)
    print(json.dumps(asdict(outcome)))
    sys.exit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
