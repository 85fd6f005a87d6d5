"""LoRA (Hu et al., ICLR 2022): a weight W learns as W + B A of a low rank, and is saved as a plain weight.

A parametrization of torch computes the sum wherever a module reads its weight, so that attention which keeps query, key
and value in one matrix (`nn.MultiheadAttention`, open_clip's own) is reached as well as linear layers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

_STRENGTH = 2.0  # alpha / rank of the paper, as most adapt


class LowRank(nn.Module):
    """Adds B A to a weight (rows, columns). B begins at zero, so that nothing changes before the first step."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.empty(rank, columns, device=weight.device))
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight (rows, columns)."""
        return weight + _STRENGTH * (self.up @ self.down)


def add_low_rank(model: nn.Module, rank: int, wanted: Callable[[str], bool]) -> int:
    """Freeze the matrices of linear layers and attention whose names are `wanted`, and learn changes; their number."""
    found = [entry for entry in _matrices(model) if wanted(entry[0])]
    for _, module, name in found:
        weight: Tensor = getattr(module, name)
        weight.requires_grad_(False)
        parametrize.register_parametrization(module, name, LowRank(weight, rank))
    return len(found)


def merge_low_rank(model: nn.Module) -> None:
    """Make plain weights of the sums: the names and shapes are those from before `add_low_rank`."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def _matrices(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    for path, module in model.named_modules():
        for name in ("weight", "in_proj_weight"):
            weight = module._parameters.get(name)
            if weight is not None and (name != "weight" or isinstance(module, nn.Linear)):
                yield f"{path}.{name}", module, name
