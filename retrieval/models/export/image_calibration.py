"""Calibration and quantisation of a vision tower for `image_int8`: activation ranges measured on pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transformer import QuickGELU
from safetensors.torch import save
from torch import Tensor, nn

from vasari.retrieval.models.clip.transfer import tensor_of
from vasari.retrieval.models.export.image_graph import first_product
from vasari.retrieval.models.exported.image_int8 import QUICK, Shape, attended, patches_of
from vasari.retrieval.models.preprocessing import ImagePreprocessing

_BATCH = 16
_LEVELS = 127  # a weight in 8 bits: -127 … 127
_STEPS = 255  # an activation: 0 … 255
_INPUTS = (
    4  # of a layer's products: queries, keys and values; attention's output; the two of the feed-forward
)


@torch.inference_mode()
def write(visual: Any, preprocessing: ImagePreprocessing, pictures: NDArray[np.uint8], path: Path) -> None:
    """Write the tower (float32, on the CPU; one that `image_graph.can_write` knows) to the file `path`.

    Ranges are those that the prepared `pictures` (n, H, W, 3) show; what lies outside later is cut off.
    """
    blocks = visual.transformer.resblocks
    shape = _shape(visual)
    weight, shift = (torch.from_numpy(part) for part in first_product(visual, preprocessing))
    positions = visual.positional_embedding
    tensors = {"positions": positions[1:] + shift, "token": visual.class_embedding + positions[0]}
    start = _Start(visual, shape, weight, tensors)
    steps = _steps(visual, start, pictures)
    _add_product(tensors, "first", weight.T, torch.zeros(weight.shape[1]), torch.tensor([1.0, 0.0]))
    for number, (block, inputs) in enumerate(zip(blocks, steps, strict=True)):
        _add_block(tensors, f"blocks.{number}.", block, inputs, shape.activation)
    if not isinstance(visual.ln_pre, nn.Identity):
        _add_norm(tensors, "ln_pre", visual.ln_pre)
    _add_norm(tensors, "ln_post", visual.ln_post)
    if visual.proj is not None:
        tensors["proj"] = visual.proj
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    path.write_bytes(save(contiguous, {"shape": shape.as_text()}))  # `save_file` makes it private to the user


def _shape(visual: Any) -> Shape:
    blocks = visual.transformer.resblocks
    gelu = blocks[0].mlp.gelu
    activation = "gelu_tanh" if getattr(gelu, "approximate", "none") == "tanh" else "gelu"
    return Shape(
        layers=len(blocks),
        heads=blocks[0].attn.num_heads,
        grid=tuple(visual.grid_size),
        patch=tuple(visual.patch_size),
        eps=float(visual.ln_post.eps),
        activation="quick_gelu" if isinstance(gelu, QuickGELU) else activation,
        pool=visual.pool_type,
        norm_after_pool=bool(visual.final_ln_after_pool),
    )


class _Start:
    """What enters the first layer (n, patches + 1, width), in float32."""

    def __init__(self, visual: Any, shape: Shape, weight: Tensor, tensors: dict[str, Tensor]) -> None:
        self._visual, self._shape, self._weight, self._tensors = visual, shape, weight, tensors

    def of(self, pixels: Tensor) -> Tensor:
        patches = patches_of(pixels.float(), self._shape.grid, self._shape.patch) @ self._weight
        x = patches.view(len(pixels), -1, patches.shape[1]) + self._tensors["positions"]
        token = self._tensors["token"].expand(len(pixels), 1, -1)
        found: Tensor = self._visual.ln_pre(torch.cat([token, x], dim=1))
        return found


def _steps(visual: Any, start: _Start, pictures: NDArray[np.uint8]) -> Tensor:
    """Scale and zero point of the four quantised inputs of each layer: (layers, 4, 2)."""
    blocks = visual.transformer.resblocks
    least, most = torch.zeros(len(blocks), _INPUTS), torch.zeros(len(blocks), _INPUTS)
    for begin in range(0, len(pictures), _BATCH):
        x = start.of(tensor_of(pictures[begin : begin + _BATCH]))
        for number, block in enumerate(blocks):
            x, inputs = _layer(block, x)
            ends = [torch.aminmax(given) for given in inputs]
            least[number] = torch.minimum(least[number], torch.stack([end.min for end in ends]))
            most[number] = torch.maximum(most[number], torch.stack([end.max for end in ends]))
    step = ((most - least) / _STEPS).clamp_min(1e-12)
    return torch.stack([step, torch.round(-least / step)], dim=2)


def _layer(block: Any, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The layer of `x` (n, length, width), and what its four products are given."""
    attention, mlp = block.attn, block.mlp
    normed = block.ln_1(x)
    qkv = nn.functional.linear(normed, attention.in_proj_weight, attention.in_proj_bias)
    found = attended(qkv, attention.num_heads).view_as(x)
    x = x + block.ls_1(attention.out_proj(found))
    second = block.ln_2(x)
    hidden = mlp.gelu(mlp.c_fc(second))
    return x + block.ls_2(mlp.c_proj(hidden)), (normed, found, second, hidden)


def _add_block(tensors: dict[str, Tensor], prefix: str, block: Any, inputs: Tensor, activation: str) -> None:
    attention, mlp, width = block.attn, block.mlp, block.attn.embed_dim
    _add_norm(tensors, f"{prefix}ln_1", block.ln_1, inputs[0])
    weight, bias = attention.in_proj_weight.clone(), attention.in_proj_bias.clone()
    step, zero = inputs[1]
    weight[2 * width :] /= (
        step  # attention's weights sum to 1: what is added to the values comes out as it is
    )
    bias[2 * width :] = bias[2 * width :] / step + zero + 0.5
    _add_product(tensors, f"{prefix}qkv", weight, bias, inputs[0])
    _add_product(tensors, f"{prefix}out", *_scaled(attention.out_proj, block.ls_1), inputs[1])
    _add_norm(tensors, f"{prefix}ln_2", block.ln_2, inputs[2])
    factor = QUICK if activation == "quick_gelu" else 1.0
    _add_product(tensors, f"{prefix}c_fc", mlp.c_fc.weight * factor, mlp.c_fc.bias * factor, inputs[2])
    _add_product(tensors, f"{prefix}c_proj", *_scaled(mlp.c_proj, block.ls_2), inputs[3])


def _scaled(layer: nn.Linear, scale: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias, with the layer scale in them where there is one."""
    gamma = getattr(scale, "gamma", None)
    return (
        (layer.weight, layer.bias) if gamma is None else (layer.weight * gamma[:, None], layer.bias * gamma)
    )


def _add_norm(tensors: dict[str, Tensor], name: str, norm: Any, follows: Tensor | None = None) -> None:
    """A norm; one that is followed by a product counts the steps of its input."""
    weight, bias = norm.weight, norm.bias
    if follows is not None:
        step, zero = follows
        weight, bias = weight / step, bias / step + zero + 0.5
    tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}


def _add_product(tensors: dict[str, Tensor], name: str, weight: Tensor, bias: Tensor, given: Tensor) -> None:
    """A product by `weight` (outputs, inputs), rounded with a scale for each output."""
    steps = (weight.abs().amax(dim=1) / _LEVELS).clamp_min(1e-12)
    whole = torch.round(weight / steps[:, None]).to(torch.int8)
    tensors |= {f"{name}.weight": whole, f"{name}.steps": steps, f"{name}.bias": bias, f"{name}.input": given}
