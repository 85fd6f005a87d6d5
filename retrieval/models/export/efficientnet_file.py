"""EfficientNet-Lite read from a file of open_clip's: timm's convolutions, with the batch norms folded into them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

import numpy as np

from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.timm_file import TRUNK
from vasari.retrieval.models.export.tower_weights import Convolution, EfficientNetWeights

TOWERS = frozenset(f"tf_efficientnet_lite{number}" for number in range(5))
"""They differ in sizes that their weights tell; what these do not tell is the same in all."""

_SETTINGS = {"image_size", "timm_model_name", "timm_model_pretrained", "timm_pool", "timm_proj"}
_STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of each stage's first block
_EPS = 1e-3  # of batch norms, as TensorFlow has it


def read_efficientnet(
    settings: Mapping[str, Any], dim: int, tensors: TensorFile
) -> EfficientNetWeights | None:
    """The tower; None for other settings. Raises KeyError or ValueError for other weights."""
    known = settings.keys() <= _SETTINGS and settings["timm_model_name"] in TOWERS
    if not known or (settings.get("timm_pool"), settings.get("timm_proj")) != ("avg", "mlp"):
        return None
    width = tensors.shape(f"{TRUNK}.conv_head.weight")[0]
    return EfficientNetWeights(
        stem=_folded(tensors, f"{TRUNK}.conv_stem", f"{TRUNK}.bn1", stride=2),
        blocks=[
            _block(tensors, name, stride if name.endswith(".0") else 1)
            for stage, stride in enumerate(_STRIDES)
            for name in _names(tensors, f"{TRUNK}.blocks.{stage}")
        ],
        last=_folded(tensors, f"{TRUNK}.conv_head", f"{TRUNK}.bn2"),
        up=tensors.linear("visual.head.mlp.fc1", 2 * dim, width),
        down=tensors.linear("visual.head.mlp.fc2", dim, 2 * dim, bias=False),
    )


def _names(tensors: TensorFile, stage: str) -> list[str]:
    """The blocks of a stage."""
    numbered = (f"{stage}.{number}" for number in count())
    return list(takewhile(lambda name: f"{name}.bn1.weight" in tensors.left, numbered))


def _block(tensors: TensorFile, name: str, stride: int) -> list[Convolution]:
    """An inverted residual, or in the first stage a depthwise separable convolution."""
    layers = [("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")]
    if f"{name}.conv_pwl.weight" not in tensors.left:
        layers = [("conv_dw", "bn1"), ("conv_pw", "bn2")]
    return [
        _folded(
            tensors,
            f"{name}.{layer}",
            f"{name}.{norm}",
            stride=stride if layer == "conv_dw" else 1,
            depthwise=layer == "conv_dw",
            bounded=(layer, norm) != layers[-1],
        )
        for layer, norm in layers
    ]


def _folded(tensors: TensorFile, layer: str, norm: str, **facts: Any) -> Convolution:
    """A convolution without a bias, and the batch norm behind it, as one convolution."""
    kernel = tensors.take(f"{layer}.weight", tensors.shape(f"{layer}.weight"))
    names = ("weight", "bias", "running_mean", "running_var")
    weight, bias, mean, variance = (
        tensors.take(f"{norm}.{name}", (len(kernel),)).astype(np.float64) for name in names
    )
    tensors.left.pop(f"{norm}.num_batches_tracked", None)
    scale = weight / np.sqrt(variance + _EPS)
    folded = (kernel * scale[:, None, None, None]).astype(np.float32)
    return Convolution(folded, (bias - mean * scale).astype(np.float32), **facts)
