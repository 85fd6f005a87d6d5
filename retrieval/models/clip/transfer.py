"""Overlapped host-device copies: two pinned buffers and a copy stream.

On a GPU a batch is copied into one of the buffers and from there by a stream of its own, so that the copy of the
next batch runs beside the computation of this one; results come back the same way. On a CPU nothing is copied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_IN_FLIGHT = 2  # batches between the caller and the results


def tensor_of(batch: NDArray[np.uint8]) -> Tensor:
    """A batch of pixels as a tensor, in the same memory where torch can take it: in rows, and writable."""
    return torch.from_numpy(np.require(batch, requirements=["C", "W"]))


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
        """Copy through a pinned buffer; the current stream waits for it, the caller does not."""
        buffer = self._buffer(batch)
        buffer.copy_(tensor_of(batch))
        with torch.cuda.stream(self._copies):
            there = buffer.to(self._device, non_blocking=True)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record(self._copies)
        current = torch.cuda.current_stream(self._device)
        current.wait_event(done)
        there.record_stream(current)
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


def stream(
    lane: Lane, batches: Iterable[NDArray[np.uint8]], compute: Callable[[Tensor], Tensor]
) -> Iterator[NDArray[np.float32]]:
    """Features (n, dim) of each batch (n, H, W, 3), in order; one more batch is asked for while one is computed."""
    waiting: deque[Callable[[], NDArray[np.float32]]] = deque()
    for batch in batches:
        waiting.append(lane.fetch(compute(lane.send(batch))))
        if len(waiting) >= _IN_FLIGHT:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()
