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
from vasari.retrieval.models.clip.transfer import HostLane, lane_to, stream
from vasari.retrieval.models.hardware import choose_device


def batches(count: int, taken: list[int] | None = None) -> Iterator[NDArray[np.uint8]]:
    """Batches of three pictures; `taken` hears of each that was asked for."""
    for number in range(count):
        if taken is not None:
            taken.append(number)
        yield np.random.default_rng(number).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


def test_a_stream_gives_the_vectors_of_each_batch_in_order(tmp_path: Path) -> None:
    """Streaming changes when things are copied, not what comes out."""
    model = write_model(tmp_path, "clip")
    encoder = OpenClipEncoder.load(str(model), device="cpu", precision="float32", threads=1)
    streamed = list(encoder.towers.embed_stream(batches(4)))
    for found, batch in zip(streamed, batches(4), strict=True):
        np.testing.assert_allclose(found, encoder.embed_images(batch), atol=1e-6)


def test_at_most_two_batches_are_on_their_way() -> None:
    """The source is asked for a batch only when there is room for it."""
    taken: list[int] = []
    results = stream(HostLane(), batches(6, taken), lambda pixels: pixels.float().mean(dim=(1, 2)))
    assert taken == []
    for number in range(6):
        next(results)
        assert len(taken) <= number + 2


def test_the_cpu_needs_no_copies() -> None:
    """On the CPU a batch is computed where it lies."""
    batch = next(batches(1))
    assert lane_to(torch.device("cpu")).send(batch).data_ptr() == batch.ctypes.data


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_one_clear_line() -> None:
    """Asked for a GPU that is not there, the error says what torch sees and what to use instead."""
    with pytest.raises(UsageError, match=r"no device cuda: torch sees 0 CUDA devices \(use auto or cpu\)"):
        choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_the_vectors_of_the_cpu(tmp_path: Path) -> None:
    """Half precision and overlapped copies are near the CPU's float32."""
    model = str(write_model(tmp_path, "clip"))
    cpu = OpenClipEncoder.load(model, device="cpu", precision="float32", threads=1)
    gpu = OpenClipEncoder.load(model, device="cuda")
    for found, batch in zip(gpu.towers.embed_stream(batches(5)), batches(5), strict=True):
        assert (found * cpu.embed_images(batch)).sum(axis=1).min() > 0.999
