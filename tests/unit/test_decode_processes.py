"""Decoding in other processes: the same outcomes as in threads, and a crash costs one picture."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.grey import write_picture
from vasari.indexer.decode import Loader
from vasari.indexer.decode_processes import KnownContents, Reading, are_possible, in_processes
from vasari.indexer.identity import Puzzle
from vasari.indexer.pipeline import Decoding, in_threads
from vasari.indexer.plan import Task
from vasari.indexer.progress import Stopwatch
from vasari.indexer.slabs import Group, Slabs, contents
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Skipped
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.storage.local_files import content_hash

pytestmark = pytest.mark.skipif(not are_possible(), reason="anonymous shared memory is Linux's")


@dataclass(frozen=True)
class Deadly:
    """Reads files, and kills its process at one of them."""

    source: FolderSource
    poison: str

    def __call__(self, candidate: Candidate) -> bytes:
        if candidate.uri.endswith(self.poison):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.source.read(candidate)


def loaded(decoding: Decoding, tasks: list[Task]) -> Group:
    """The tasks as a group that was loaded by the first loader."""
    group = Group(tasks, decoding.slabs or Slabs(len(tasks)))
    group.put(0, decoding.loaders[0](tasks, group, 0))
    return group


def test_processes_come_to_what_threads_come_to_and_die_for_one_picture_only(tmp_path: Path) -> None:
    """Pixels, hashes, facts, failures and puzzles are those of a thread; the picture that kills is left out."""
    for number in range(5):
        write_picture(tmp_path / f"{number}.png", number)
    (tmp_path / "5.png").write_bytes(b"no picture")
    source = FolderSource([tmp_path])
    tasks = [Task(entry) for entry in source.candidates() if isinstance(entry, Candidate)]
    known = KnownContents([content_hash((tmp_path / "1.png").read_bytes()), "f" * 32])
    reading = Reading(source.read, ImagePreprocessing(8, 8), ImageLimits(), known)
    loader = Loader(reading.read, lambda: reading.preparer, reading.limits, reading.known)
    here = loaded(in_threads(loader, 1), tasks)
    watch = Stopwatch()
    deadly = replace(reading, read=Deadly(source, "3.png"))
    assert deadly.can_be_sent()
    with in_processes(deadly, 1, 8, watch) as decoding:
        there = loaded(decoding, tasks)
    assert watch.decode > 0
    assert isinstance(there.outcomes[1], Puzzle)
    assert there.outcomes[1] == here.outcomes[1]
    assert there.outcomes[5] == here.outcomes[5]
    assert isinstance(there.outcomes[5], Skipped)
    assert there.outcomes[3] == Skipped(tasks[3].candidate.uri, "decode", "the decoder crashed on it")
    np.testing.assert_array_equal(contents([there]), np.delete(contents([here]), 2, axis=0))
    for place in (0, 2, 4):
        (task, prepared), (mine, same) = there.outcomes[place], here.outcomes[place]  # type: ignore[misc]
        assert task == mine
        assert replace(prepared, content="") == replace(same, content="")


def test_what_cannot_be_sent_says_so() -> None:
    """A source with a function of its own is read by threads."""
    nothing: Callable[[Candidate], bytes] = lambda candidate: b""  # noqa: E731
    assert not Reading(nothing, ImagePreprocessing(8, 8), ImageLimits()).can_be_sent()
