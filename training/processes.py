"""Data-parallel training by several processes (torchrun): each sees its share of a batch, and all take the same step.

The contrastive loss is that of the joined batch: features are gathered, and every process computes the whole loss, of
which it differentiates its own rows. Gradients are averaged once a step, in one call a dtype, after the backward pass:
what DistributedDataParallel overlaps with it is milliseconds beside such steps, and its hooks would have to know which
parameters a loss leaves out. Without torchrun everything here is the identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.hardware import choose_device

Told = TypeVar("Told")


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Join the other processes that torchrun started, and leave them at the end; gives the device of this one."""
    if not dist.is_torchelastic_launched():
        yield device
        return
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(
            f"torchrun gives each process a GPU of its own: leave out --device {device}, or use cpu"
        )
    with_cuda = device != "cpu" and torch.cuda.is_available()
    own = f"cuda:{dist.get_node_local_rank(0)}" if with_cuda else "cpu"
    if with_cuda:
        torch.cuda.set_device(choose_device(own))
    dist.init_process_group("nccl" if with_cuda else "gloo")
    try:
        yield own
    finally:
        dist.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Whether this is the process that writes files and speaks."""
    return rank() == 0


def share(size: int) -> slice:
    """This process's part of a batch of `size`."""
    return slice(size * rank() // count(), size * (rank() + 1) // count())


def agreed(value: Told) -> Told:
    """What the leading process holds: plain values, at all of them."""
    if count() == 1:
        return value
    told: list[Any] = [value]
    dist.broadcast_object_list(told)
    found: Told = told[0]
    return found


def merged(found: dict[Told, str]) -> dict[Told, str]:
    """What any of the processes found."""
    if count() == 1:
        return found
    parts: list[Any] = [None] * count()
    dist.all_gather_object(parts, found)
    return {key: value for part in parts for key, value in part.items()}


def gathered(features: Tensor) -> Tensor:
    """The rows (n, dim) of all processes (N, dim), in their order; their numbers may differ.

    The gradient is that of a loss which every process computes from all rows, for `average_gradients` after it.
    """
    if count() == 1:
        return features
    sizes: list[int] = [0] * count()
    dist.all_gather_object(sizes, len(features))
    joined_rows: Tensor = _Gathered.apply(features, sizes)
    return joined_rows


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        padded = features.new_zeros(max(sizes), *features.shape[1:])
        padded[: len(features)] = features
        rows = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(rows, padded)
        return torch.cat([part[:size] for part, size in zip(rows, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        own: Tensor = torch.split(gradients[0], ctx.sizes)[rank()]
        return own * count(), None  # the mean over processes divides by it


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by the mean over all processes."""
    if count() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for dtype in sorted({gradient.dtype for gradient in gradients}, key=str):
        alike = [gradient for gradient in gradients if gradient.dtype == dtype]
        flat = torch.cat([gradient.flatten() for gradient in alike])
        dist.all_reduce(flat)
        flat /= count()
        means = flat.split([gradient.numel() for gradient in alike])  # type: ignore[no-untyped-call]
        for gradient, mean in zip(alike, means, strict=True):
            gradient.copy_(mean.view_as(gradient))
