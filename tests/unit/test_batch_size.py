"""How large a batch is on a device that nobody has told one for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grey import GreyLibrary, write_picture
from vasari.indexer.batch_size import batch_size_for, fastest
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.models.ports import DualEncoder, OutOfMemory


class Device:
    """Takes a fixed time for a batch and some for each picture; its clock goes by what it does."""

    def __init__(self, fixed: float, each: float, most: int = 10**9, full_at: int = 10**9) -> None:
        self.fixed, self.each, self.most, self.full_at = fixed, each, most, full_at
        self.now = 0.0
        self.largest = 0

    def embed(self, size: int) -> None:
        if size > self.most:
            raise OutOfMemory("too many")
        self.largest = max(self.largest, size)
        self.now += self.fixed + size * self.each

    def fastest(self) -> int:
        return fastest(self.embed, lambda: self.largest / self.full_at, lambda: self.now)


@pytest.mark.parametrize(
    ("device", "size"),
    [
        (Device(fixed=0, each=1), 32),  # a larger one is no faster
        (Device(fixed=100, each=1), 1024),  # until the fixed part is a twentieth of the whole
        (Device(fixed=100, each=1, most=300), 256),
        (Device(fixed=100, each=1, full_at=300), 256),  # the first that fills three quarters
        (Device(fixed=10**9, each=1), 2048),
        (Device(fixed=1, each=1, most=8), 32),  # none fits: the job halves it
    ],
)
def test_a_batch_is_doubled_while_that_is_faster_and_memory_is_left(device: Device, size: int) -> None:
    """It ends where images a second stop growing, where memory is three quarters full, or where it is short."""
    assert device.fastest() == size


class Unloaded(GreyLibrary):
    """A library with a GPU, whose model must not be loaded."""

    devices = ("cuda:0",)
    loaded = False

    def encoder_on(self, device: str, space: EmbeddingSpace) -> DualEncoder:
        self.loaded = True
        raise AssertionError(f"the model was loaded on {device}")

    def encoder(self, space: EmbeddingSpace | None = None) -> DualEncoder:
        return self.encoder_on("cuda:0", space or self.space())


def test_a_job_with_nothing_new_asks_no_gpu(tmp_path: Path) -> None:
    """Moves and touches need no model; a new file on a GPU does."""
    with Unloaded.open(tmp_path / "library", create=True) as library:
        space = library.use_model("grey")
        assert batch_size_for(library, space, Modality.IMAGE, 0) == 32
        assert batch_size_for(library, space, Modality.TEXT, 9) == 32
        with pytest.raises(AssertionError, match="cuda:0"):
            batch_size_for(library, space, Modality.IMAGE, 1)


def test_a_run_of_moves_loads_no_model_on_a_gpu(tmp_path: Path) -> None:
    """What new files hold is looked at before a device is asked; a copy is no move, and needs it."""
    photos = tmp_path / "photos"
    for seed in range(3):
        write_picture(photos / f"{seed}.png", seed)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([photos]))
    (photos / "0.png").rename(photos / "moved.png")
    with Unloaded.open(tmp_path / "library") as library:
        report = index(library, FolderSource([photos]))
        assert (report.moved, report.added, report.failed, library.loaded) == (1, 0, 0, False)
        (photos / "copied.png").write_bytes((photos / "1.png").read_bytes())
        with pytest.raises(AssertionError, match="cuda:0"):
            index(library, FolderSource([photos]))
