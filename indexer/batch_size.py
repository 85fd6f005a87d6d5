"""How many pictures a batch has: 32 on a CPU; on a GPU what was the fastest when it was tried.

The trial doubles the batch until images a second stop growing or memory is three quarters full. It takes some seconds,
so it is made for jobs that take longer, and what it found is kept beside the space's other files for each device.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import OutOfMemory, Overlapping
from vasari.retrieval.storage.atomic import write_bytes

ON_CPU = 32  # the fastest on CPUs with AMX (134 images/s, against 100 at 8 and 87 at 128)
UNTRIED = 128  # on a GPU, for a job that is too short for a trial
_WORTH_A_TRIAL = 4000  # pictures
_LARGEST = 2048
_GROWTH = 1.05  # of images a second, less than which is none
_FULL = 0.75  # of the device's memory
_FILE = "batch_size.json"


def batch_size_for(library: Library, space: EmbeddingSpace, modality: Modality, fresh: int) -> int:
    """The batch size of a job with so many new files that was told none; on a GPU the model is loaded to find it."""
    if not fresh or modality is Modality.TEXT or not may_overlap(library):
        return ON_CPU
    encoder = library.encoder_on(library.devices[0], space)
    if not isinstance(encoder, Overlapping) or not encoder.overlaps:
        return ON_CPU
    path = library.root / "models" / space.name / _FILE
    known = _read(path)
    if encoder.device_name in known:
        return known[encoder.device_name]
    if fresh < _WORTH_A_TRIAL:
        return UNTRIED
    found = fastest(_trial(encoder), lambda: encoder.memory_in_use)
    write_bytes(path, json.dumps({**known, encoder.device_name: found}).encode())
    return found


def fastest(
    embed: Callable[[int], object],
    memory_in_use: Callable[[], float],
    clock: Callable[[], float] = perf_counter,
) -> int:
    """The batch size with the most images a second; `embed` embeds so many pictures, or raises OutOfMemory."""
    best, speed, size = ON_CPU, 0.0, ON_CPU
    while size <= _LARGEST:
        try:
            embed(size)  # kernels are chosen, and memory is taken
            started = clock()
            embed(size)
            now = size / max(clock() - started, 1e-9)
        except OutOfMemory:
            break
        if now < _GROWTH * speed:
            break
        best, speed = size, now
        if memory_in_use() >= _FULL:
            break
        size *= 2
    return best


def _trial(encoder: Overlapping) -> Callable[[int], object]:
    """Embeds grey pictures, two batches at a time as a job has them."""

    def embed(size: int) -> object:
        batch = np.full((size, *encoder.input_size, 3), 127, np.uint8)
        return [wait() for wait in [encoder.begin(batch), encoder.begin(batch)]]

    return embed


def may_overlap(library: Library) -> bool:
    """Whether a device may compute by itself: worth loading the model to find out."""
    return any(map(_may_be_gpu, library.devices))


def _may_be_gpu(device: str) -> bool:
    """Where there is no driver, there is no CUDA device."""
    if device == "auto":
        return sys.platform == "win32" or any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg")))
    return device.startswith("cuda")


def _read(path: Path) -> dict[str, int]:
    """Batch sizes by the names of devices; none where the file is not there or says something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(device): int(size) for device, size in found.items() if int(size) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
