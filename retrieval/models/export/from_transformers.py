"""The weights of BLIP's vision tower as transformers loads it, as the graph writer wants them; few are copied."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vasari.retrieval.models.export.tower_weights import Array, Block, Linear, Norm, VisionWeights


def blip_vision_weights(vision: Any) -> VisionWeights:
    """Those of a `BlipVisionModel`, which gives all its patches."""
    embeddings, side = vision.embeddings, vision.embeddings.image_size // vision.embeddings.patch_size
    token = _array(embeddings.class_embedding)[0, 0]
    positions = _array(embeddings.position_embedding)[0].copy()
    positions[1:] += _array(embeddings.patch_embedding.bias)
    return VisionWeights(
        kernel=_array(embeddings.patch_embedding.weight),
        token=token,
        positions=positions,
        grid=(side, side),
        ln_pre=None,
        blocks=[_block(layer) for layer in vision.encoder.layers],
        ln_post=_norm(vision.post_layernorm),
        projection=None,
        pool="none",
    )


def _block(layer: Any) -> Block:
    return Block(
        ln_1=_norm(layer.layer_norm1),
        given=_linear(layer.self_attn.qkv),
        out=_linear(layer.self_attn.projection),
        ln_2=_norm(layer.layer_norm2),
        up=_linear(layer.mlp.fc1),
        down=_linear(layer.mlp.fc2),
        heads=layer.self_attn.num_heads,
        gelu="none",
    )


def _norm(layer: Any) -> Norm:
    return Norm(_array(layer.weight), _array(layer.bias), layer.eps)


def _linear(layer: Any) -> Linear:
    return Linear(_array(layer.weight), _array(layer.bias))


def _array(value: Tensor) -> Array:
    with torch.no_grad():
        return value.detach().float().cpu().numpy()
