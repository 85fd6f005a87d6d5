"""Indexing on a cluster: the stages one by one, then a local Ray with worker processes, one of which is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import forms
from tests.faults.kill import differences
from tests.grey import GreyLibrary
from tests.mortal import BATCH, change
from vasari.indexer import job
from vasari.indexer.build import rebuild
from vasari.indexer.cluster.connection import Cluster, ClusterUnavailableError, connected, workers_for
from vasari.indexer.cluster.stages import Embed, Entry, Work, Write, Written, write_mark
from vasari.indexer.doctor import examine
from vasari.indexer.plan import Task
from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import LibraryLockedError, StorageError, UsageError
from vasari.retrieval.storage.network_addresses import Reach, allow, check_url, reach

pytestmark = pytest.mark.long

COUNT = 40
# What Ray says when its own processes take longer to start than the 16 and 30 seconds it gives them, which cannot be
# changed. Any other trouble with starting it is a failure.
TOO_SLOW = ("timed out during startup", "may not have started successfully", "GCS")


def work_for(library: GreyLibrary, photos: Path, token: int) -> Work:
    space = library.use_model("grey")
    return Work(
        open_library=partial(GreyLibrary.open, library.root),
        space=space,
        modality=Modality.IMAGE,
        read=choose_source([photos])[0].read,
        preparer=library.encoder(space).preparer,
        limits=library.image_limits,
        known=frozenset(),
        failed=frozenset(),
        token=token,
        batch_size=BATCH,
        reach=reach(),
    )


def candidates(photos: Path) -> list[Candidate]:
    return [entry for entry in choose_source([photos])[0].candidates() if isinstance(entry, Candidate)]


def test_a_batch_that_comes_twice_is_committed_once(tmp_path: Path) -> None:
    """What a worker wrote before it died is left out when its batch is given to another; outcomes are the same."""
    forms.write_folder(tmp_path / "photos", 5)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    with (
        GreyLibrary.open(tmp_path / "library", create=True) as library,
        library.catalog.lease.acquire("test") as lease,
    ):
        write_mark(library.root, lease.token)
        work = work_for(library, tmp_path / "photos", lease.token)
        listing = [
            entry
            for entry in choose_source([tmp_path / "photos"])[0].candidates()
            if isinstance(entry, Candidate)
        ]
        tasks: list[Entry] = [Task(candidate) for candidate in listing]
        encoded = Embed(work)(tasks)
        first, second = Write(work)(encoded), Write(work)(encoded)
        assert first == second
        assert sum(isinstance(entry, Written) for entry in first) == 5
        assert [entry.uri for entry in first if isinstance(entry, Skipped)] == [
            str(tmp_path / "photos" / "broken.png")
        ]
        assert library.catalog.items.count(Modality.IMAGE) == 5
        assert len(library.catalog.segments.all("grey", Modality.IMAGE)) == 1
        assert library.catalog.segments.dead_rows("grey", Modality.IMAGE) == []


def test_a_worker_reads_from_where_its_job_may(tmp_path: Path) -> None:
    """What a person allowed, or named, on the machine that started the job holds on all of them."""
    before = reach()
    forms.write_folder(tmp_path / "photos", 1)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        write_mark(library.root, 0)
        work = work_for(library, tmp_path / "photos", 0)
    try:
        Embed(replace(work, reach=Reach(named=frozenset({("127.0.0.1", 80)}))))
        check_url("http://127.0.0.1/a.png")
        Embed(replace(work, reach=Reach(private=True)))
        check_url("http://10.0.0.1/a.png")
        Embed(replace(work, reach=Reach()))
        with pytest.raises(UsageError):
            check_url("http://127.0.0.1/a.png")
    finally:
        allow(before)


def test_a_worker_writes_only_under_its_jobs_lease_and_in_its_jobs_folder(tmp_path: Path) -> None:
    """A job that lost its lease, and a machine that sees another folder, cannot write."""
    forms.write_folder(tmp_path / "photos", 2)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        with library.catalog.lease.acquire("a job that was given up") as lease:
            write_mark(library.root, lease.token)
            work = work_for(library, tmp_path / "photos", lease.token)
            with pytest.raises(StorageError, match="not the same folder on every machine"):
                Write(replace(work, token=lease.token + 1))
            writer = Write(work)
            listing = [
                entry
                for entry in choose_source([tmp_path / "photos"])[0].candidates()
                if isinstance(entry, Candidate)
            ]
            encoded = Embed(work)([Task(candidate) for candidate in listing])
        with library.catalog.lease.acquire("the next job"), pytest.raises(LibraryLockedError):
            writer(encoded)
        assert library.catalog.items.count(Modality.IMAGE) == 0


def test_a_cluster_whose_worker_is_killed_comes_to_the_library_of_a_quiet_run(tmp_path: Path) -> None:
    """Same items, vectors, captions and answers of an index built in shards; the dead worker's batch alone comes twice.

    Two encoders share one GPU, of which each was given a half. Of those that fill shards one dies, too.
    """
    samples = forms.write_folder(tmp_path / "spare", 2 * COUNT)[COUNT:]
    forms.write_folder(tmp_path / "photos", COUNT)
    shards = tmp_path / "shards"
    forms.write_shard(shards / "00000.tar", samples[:25])
    forms.write_shard(shards / "00001.tar", samples[25:])
    root = tmp_path / "library"
    root.mkdir()
    (root / "poison").touch()
    report, built = run_on_cluster(root, tmp_path / "photos", shards)
    done = ("added", "updated", "moved", "removed", "failed")
    assert [report[name] for name in done] == [COUNT + 1, 1, 1, 1, 1]
    assert not report["interrupted"]
    assert not (root / "poison").exists()
    diary = [line.split() for line in (root / "diary").read_text().splitlines()]
    assert len({process for process, _, _ in diary}) >= 3  # two workers, and one in the place of the dead
    assert {share for _, _, share in diary} == {"0.5"}
    embedded = COUNT + 2  # the shards', the copy, the picture that was edited
    assert embedded < sum(int(pictures) for _, pictures, _ in diary) <= embedded + 4 * BATCH  # a block
    with GreyLibrary.open(root) as library, GreyLibrary.open(tmp_path / "quiet", create=True) as quiet:
        quiet.use_model("grey")
        job.index(quiet, choose_source([shards, tmp_path / "photos"])[0])
        assert examine(library) == []
        assert differences(library, quiet) == []
        item = library.catalog.items.by_uri(f"{shards / '00001.tar'}#00070.png")
        assert item is not None
        assert [caption.text for caption in item.captions] == ["boat number 70"]
        merged = library.gallery(Modality.IMAGE)
        assert merged.generation is not None
        assert (merged.generation.manifest.kind, built["rows"], merged.fresh_rows) == ("ivf", 2 * COUNT, 0)
        [whole] = rebuild(library, kind="ivf")
        assert whole.recall == built["recall"]
        alone = library.gallery(Modality.IMAGE)
        queries = merged.vectors_of(merged.ids()[::7])
        ours, theirs = merged.search(queries, 10), alone.search(queries, 10)
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])


@pytest.mark.parametrize(
    ("gpus", "share", "encoders"),
    [(1, 0.5, 2), (1, 0.6, 1), (4, 0.6, 4), (4, 0.25, 16), (4, 2, 2), (4, None, 4), (0, None, 2)],
)
def test_as_many_encoders_as_fit_share_the_gpus(gpus: float, share: float | None, encoders: int) -> None:
    """None lies on two GPUs; without any there is one for every fourth CPU; never more than there are batches."""
    node = {"CPU": 8.0, "GPU": gpus}
    workers = workers_for(Cluster(gpus=share), [node], blocks=100)
    assert workers.encoders == encoders
    assert workers.encoders * workers.gpus <= gpus
    assert workers.encoders * workers.cpus <= 8 or workers.cpus == 1
    assert 1 <= workers.threads <= workers.cpus
    few = workers_for(Cluster(gpus=share, writers=3), [node], blocks=1)
    assert (few.encoders, few.writers) == (1, 1)


def test_an_encoder_asks_for_no_more_processors_than_its_machine_has() -> None:
    """However large the machines are that have no GPU: nobody waits for what no single one can give."""
    nodes = [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 2.0}]
    workers = workers_for(Cluster(), nodes, blocks=100)
    assert (workers.encoders, workers.cpus, workers.threads) == (4, 4, 4)


def test_the_changes_of_this_test_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    """The local engine counts one of each for the same changes."""
    forms.write_folder(tmp_path / "photos", 6)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        library.use_model("grey")
        job.index(library, choose_source([tmp_path / "photos"])[0])
        change(tmp_path / "photos")
        report = job.index(library, choose_source([tmp_path / "photos"])[0])
    assert (report.added, report.updated, report.moved, report.removed, report.unchanged) == (1, 1, 1, 1, 3)


def test_a_cluster_that_is_not_there_is_an_error_at_once() -> None:
    """Nobody listens at the address: one line that says what to start."""
    with (
        pytest.raises(ClusterUnavailableError, match=r"no Ray cluster at 127\.0\.0\.1:1: .*ray start --head"),
        connected(Cluster(address="127.0.0.1:1")),
    ):
        pass


def run_on_cluster(root: Path, photos: Path, shards: Path) -> list[dict[str, Any]]:
    """The reports of the program; its processes are its own, so that what Ray leaves behind ends with it."""
    program = [sys.executable, "-m", "tests.mortal", str(root), str(photos), str(shards)]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    if run.returncode == 75 and any(words in run.stderr for words in TOO_SLOW):
        pytest.skip(f"this machine is too busy for Ray to start: {run.stderr}")
    assert run.returncode == 0, run.stderr
    reports: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return reports
