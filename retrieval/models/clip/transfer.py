"""Overlapped host-device copies: pinned memory and a copy stream.

On a GPU a batch is copied by a stream of its own, so that the copy of the next batch runs beside the computation of
this one; results come back the same way. A batch that does not lie in pinned memory goes through a buffer that does.
On a CPU nothing is copied.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vasari.retrieval.models.clip.pixels import tensor_of

_IN_FLIGHT = 2  # batches between the caller and the results


def pin(memory: NDArray[np.uint8]) -> None:
    """Let GPUs read this memory by themselves, until it is freed; where the system refuses, it stays as it is."""
    runtime, address = torch.cuda.cudart(), memory.ctypes.data  # type: ignore[no-untyped-call]
    if int(runtime.cudaHostRegister(address, memory.nbytes, _PORTABLE)) == 0:
        weakref.finalize(memory, runtime.cudaHostUnregister, address)


_PORTABLE = 1  # pinned for all GPUs


class Lane(Protocol):
    """Transfer of batches to a device, and of features back."""

    def send(self, batch: NDArray[np.uint8]) -> Tensor:
        """The batch on the device, perhaps still on its way: what is computed with it waits for it."""

    def fetch(self, features: Tensor) -> Callable[[], NDArray[np.float32]]:
        """Begin to bring features (n, dim) back; the function waits for them."""


class HostLane:
    """The CPU: memory is shared."""

    def send(self, batch: NDArray[np.uint8]) -> Tensor:
        """The same memory as a tensor."""
        return tensor_of(batch)

    def fetch(self, features: Tensor) -> Callable[[], NDArray[np.float32]]:
        """The same numbers, in float32."""
        found = features.float().numpy()
        return lambda: found


class CudaLane:
    """A CUDA device: two pinned buffers, and a stream that only copies."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._free: deque[tuple[Tensor, Any]] = deque()  # a buffer, and when it may be written again

    def send(self, batch: NDArray[np.uint8]) -> Tensor:
        """Copy from pinned memory; the current stream waits for it, the caller does not."""
        here = tensor_of(batch)
        in_place = here.is_pinned()
        buffer = here if in_place else self._buffer(batch).copy_(here)
        with torch.cuda.stream(self._copies):
            there = buffer.to(self._device, non_blocking=True)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record(self._copies)
        current = torch.cuda.current_stream(self._device)
        current.wait_event(done)
        there.record_stream(current)
        if not in_place:
            self._free.append((buffer, done))
        return there

    def fetch(self, features: Tensor) -> Callable[[], NDArray[np.float32]]:
        """Copy into pinned memory behind the computation; the function waits for that copy only."""
        host = torch.empty(features.shape, dtype=torch.float32, pin_memory=True)
        host.copy_(features.float(), non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(torch.cuda.current_stream(self._device))

        def wait() -> NDArray[np.float32]:
            done.synchronize()
            return host.numpy()

        return wait

    def _buffer(self, batch: NDArray[np.uint8]) -> Tensor:
        """A pinned buffer of the batch's shape whose last copy is over."""
        if len(self._free) >= _IN_FLIGHT:
            buffer, done = self._free.popleft()
            done.synchronize()
            if tuple(buffer.shape) == batch.shape:
                return buffer
        return torch.empty(batch.shape, dtype=torch.uint8, pin_memory=True)


def lane_to(device: torch.device) -> Lane:
    """The way to `device`; Apple's GPU shares memory with the CPU and needs no buffers."""
    if device.type == "cuda":
        return CudaLane(device)
    return HostLane() if device.type == "cpu" else _PlainLane(device)


class _PlainLane:
    """A device without streams of its own: copies wait."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def send(self, batch: NDArray[np.uint8]) -> Tensor:
        return tensor_of(batch).to(self._device)

    def fetch(self, features: Tensor) -> Callable[[], NDArray[np.float32]]:
        return lambda: features.float().cpu().numpy()
