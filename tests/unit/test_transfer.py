"""Batches on their way to a device: in order, a bounded number at a time, the same vectors as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.models import write_model
from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.clip.pixels import tensor_of
from vasari.retrieval.models.clip.transfer import lane_to
from vasari.retrieval.models.hardware import choose_device, device_names


def batches(count: int) -> Iterator[NDArray[np.uint8]]:
    """Batches of three pictures."""
    for number in range(count):
        yield np.random.default_rng(number).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


def test_begun_batches_come_to_the_vectors_of_each(tmp_path: Path) -> None:
    """Handing over and waiting change when things are copied, not what comes out; in whatever order one waits."""
    model = write_model(tmp_path, "clip")
    encoder = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    begun = [(batch, encoder.begin(batch)) for batch in batches(3)]
    for batch, wait in reversed(begun):
        np.testing.assert_array_equal(wait(), encoder.embed_images(batch))
    assert not encoder.overlaps
    assert encoder.memory_in_use == 0


def test_the_cpu_needs_no_copies() -> None:
    """On the CPU a batch is computed where it lies."""
    batch = next(batches(1))
    assert lane_to(torch.device("cpu")).send(batch).data_ptr() == batch.ctypes.data


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_one_clear_line() -> None:
    """Asked for a GPU that is not there, the error says what torch sees and what to use instead."""
    with pytest.raises(UsageError, match=r"no CUDA device here: use auto or cpu"):
        device_names("all")
    with pytest.raises(UsageError, match=r"no device cuda: torch sees 0 CUDA devices \(use auto or cpu\)"):
        choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_the_vectors_of_the_cpu(tmp_path: Path) -> None:
    """Half precision and overlapped copies are near the CPU's float32."""
    model = str(write_model(tmp_path, "clip"))
    cpu = OpenClipEncoder.load(model, device="cpu", precision="float32", threads=1)
    gpu = OpenClipEncoder.load(model, device="cuda")
    slab = np.empty((3, 48, 48, 3), np.uint8)
    gpu.pin(slab)
    assert tensor_of(slab).is_pinned()
    for batch in batches(5):
        slab[:] = batch
        begun = gpu.begin(batch), gpu.begin(slab)
        for wait in begun:
            assert (wait() * cpu.embed_images(batch)).sum(axis=1).min() > 0.999
    assert 0 < gpu.memory_in_use < 1
