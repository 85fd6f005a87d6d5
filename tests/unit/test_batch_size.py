"""How large a batch is on a device that nobody has told one for."""

from __future__ import annotations

import pytest

from vasari.indexer.batch_size import fastest
from vasari.retrieval.models.ports import OutOfMemory


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
