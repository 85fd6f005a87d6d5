"""Kill a running job again and again, and see that nothing is lost, doubled or half there.

    python -m tests.faults.kill --kills 30            # `vasari index` with a tiny real model
    python -m tests.faults.kill --kills 30 --grey     # the same job with an encoder that needs no loading

Between kills the collection changes: files are added, edited, renamed, touched and deleted. The library that went
through all of it must end with exactly the items and vectors of one that was filled in a single quiet run.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.doctor import examine
from retrieval.domain import Modality
from retrieval.library import Library
from tests.grey import write_picture

Command = Callable[[Path], Sequence[str]]  # library -> the command that indexes the collection into it


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    killed: int  # runs that met their moment
    commits: int  # segments that the killed runs left behind
    differences: tuple[str, ...]  # from a library that was filled in one quiet run
    findings: tuple[str, ...]  # the doctor's

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
            write_picture(path, self._number())
        for path in files[9:12]:
            path.unlink()
        for path in files[12:14]:
            path.touch()
        self._add(9)

    def _add(self, count: int) -> None:
        for _ in range(count):
            number = self._number()
            write_picture(self.folder / f"folder-{number % 5}" / f"{number:05}.png", number)
        (self.folder / f"bad-{self._number()}.png").write_bytes(b"no picture")

    def _number(self) -> int:
        self._next += 1
        return self._next


def torture(command: Command, collection: Collection, folder: Path, *, kills: int, seed: int) -> Outcome:
    """Run `command` and kill it at a random moment of its writing, `kills` times; then let it finish.

    Moments are drawn from the first part of what a whole run takes, since later runs have less to do; one that ends
    before its moment does not count.
    """
    chance = random.Random(seed)
    tried, quiet = folder / "tried", folder / "quiet"
    whole = _run_and_kill(command(folder / "calibration"), folder / "calibration", None) or 0.0
    killed = runs = 0
    while killed < kills and runs < 3 * kills:
        killed += _run_and_kill(command(tried), tried, chance.uniform(0, 0.4 * whole)) is None
        runs += 1
        collection.change()
    with Library.open(tried) as library:
        commits = sum(len(_segments(library, space.name)) for space in library.catalog.spaces())
    for library_root in (tried, quiet):
        subprocess.run(command(library_root), check=True, stdout=subprocess.DEVNULL)
    with Library.open(tried) as library, Library.open(quiet) as reference:
        findings = tuple(str(finding) for finding in examine(library))
        return Outcome(killed, commits, tuple(differences(library, reference)), findings)


def differences(library: Library, reference: Library) -> list[str]:
    """Uris of live items that one of two libraries has not, or that are another file or another vector there."""
    found, expected = _contents(library), _contents(reference)
    return sorted(uri for uri in found.keys() | expected.keys() if found.get(uri) != expected.get(uri))


def _contents(library: Library) -> dict[str, tuple[str, int, int, list[float]]]:
    """Of each live item: content hash, bytes and modification time, and its vector."""
    files = list(library.catalog.known_files(Modality.IMAGE))
    if not files:
        return {}
    vectors = library.vectors_of([file.id for file in files], library.space())
    return {
        file.uri: (file.content_hash, file.bytes, file.mtime_ns, vector.tolist())
        for file, vector in zip(files, vectors, strict=True)
    }


def _segments(library: Library, space: str) -> list[object]:
    return list(library.catalog.segments(space, Modality.IMAGE))


def _run_and_kill(command: Sequence[str], root: Path, after: float | None) -> float | None:
    """Start the job, wait until it holds the library's lease, and kill it when it has worked `after` seconds more.

    Seconds are those of the processor: on a busy machine the kill still comes at the same step of the work.
    Returns how many it used when it came to its end first.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors) as job,
    ):
        _wait_for_lease(root, job)
        began = worked = _worked(job.pid)
        while job.poll() is None:
            worked = _worked(job.pid)
            if after is not None and worked - began >= after:
                os.kill(job.pid, signal.SIGKILL)
                return None
            time.sleep(0.001)
        if job.returncode:
            errors.seek(0)
            raise RuntimeError(f"the job failed by itself ({job.returncode}): {errors.read().decode()}")
        return worked - began


def _worked(pid: int) -> float:
    """Seconds of processor time that a process has used (in steps of 1/100 s)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for_lease(root: Path, job: subprocess.Popen[bytes]) -> None:
    """Return when the job may write the library, or is over."""
    while job.poll() is None and not (root / "catalog.sqlite3").exists():
        time.sleep(0.01)
    if job.poll() is None:
        with Library.open(root) as library:
            while job.poll() is None:
                holder = library.catalog.lease_holder()
                if holder is not None and holder.pid == job.pid:
                    return
                time.sleep(0.01)


def grey_command(photos: Path) -> Command:
    """The job with an encoder that needs no loading, and commits after every few files."""
    return lambda library: [sys.executable, "-m", "tests.grey", str(library), str(photos)]


def vasari_command(photos: Path, model: Path) -> Command:
    """`vasari index` itself."""
    program = str(Path(sys.executable).with_name("vasari"))
    options = ["--model", str(model), "--batch", "4", "--json"]
    return lambda library: [program, "index", str(photos), *options, "--library", str(library)]


def main() -> None:
    """Torture in a temporary folder, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--grey", action="store_true", help="no model: many times faster")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        collection = Collection(folder / "photos", 300, options.seed)
        if options.grey:
            command = grey_command(collection.folder)
        else:
            from tests.models import write_model  # imports torch

            command = vasari_command(collection.folder, write_model(folder / "model", "clip"))
        outcome = torture(command, collection, folder, kills=options.kills, seed=options.seed)
    print(outcome)
    sys.exit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
