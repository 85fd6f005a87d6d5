"""The weights of loaded towers of open_clip, as the graph writers want them; nothing is copied."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn

from vasari.retrieval.models.clip.builder import TextTower
from vasari.retrieval.models.export.tower_weights import (
    Array,
    Block,
    Linear,
    Norm,
    TextWeights,
    VisionWeights,
)


def vision_weights(visual: Any) -> VisionWeights | None:
    """Those of a vision tower; None for one that has layers which are not written."""
    known = (
        type(visual) is VisionTransformer
        and visual.attn_pool is None
        and visual.pool_type in {"tok", "avg"}
        and _has_plain_blocks(visual.transformer)
    )
    if not known:
        return None
    return VisionWeights(
        kernel=_array(visual.conv1.weight),
        token=_array(visual.class_embedding),
        positions=_array(visual.positional_embedding),
        grid=tuple(visual.grid_size),
        ln_pre=None if isinstance(visual.ln_pre, nn.Identity) else _norm(visual.ln_pre),
        blocks=_blocks(visual.transformer),
        ln_post=_norm(visual.ln_post),
        projection=None if visual.proj is None else _array(visual.proj),
        pool=visual.pool_type,
        norm_after_pool=visual.final_ln_after_pool,
    )


def text_weights(tower: TextTower) -> TextWeights | None:
    """Those of a text tower; None for one that has layers which are not written."""
    known = (
        tower.native
        and tower.pool in {"argmax", "eos", "first", "last"}
        and _has_plain_blocks(tower.parts.transformer)
    )
    if not known:
        return None
    parts = tower.parts
    projection = parts.text_projection
    if isinstance(projection, nn.Linear):
        last: Linear | None = _linear(projection)
    else:
        last = None if projection is None else Linear(_array(projection).T)
    return TextWeights(
        table=_array(parts.token_embedding.weight),
        positions=_array(parts.positional_embedding),
        blocks=_blocks(parts.transformer),
        causal=parts.attn_mask is not None,
        ln_final=_norm(parts.ln_final),
        projection=last,
        pool=tower.pool,  # type: ignore[arg-type]
        eos=tower.eos,
    )


def _has_plain_blocks(transformer: Any) -> bool:
    blocks = getattr(transformer, "resblocks", None)
    return blocks is not None and all(
        type(block) is ResidualAttentionBlock and type(block.mlp.gelu) in (nn.GELU, QuickGELU)
        for block in blocks
    )


def _blocks(transformer: Any) -> list[Block]:
    return [
        Block(
            ln_1=_norm(block.ln_1),
            given=Linear(_array(block.attn.in_proj_weight), _array(block.attn.in_proj_bias)),
            out=_linear(block.attn.out_proj, block.ls_1),
            ln_2=_norm(block.ln_2),
            up=_linear(block.mlp.c_fc),
            down=_linear(block.mlp.c_proj, block.ls_2),
            heads=block.attn.num_heads,
            gelu="quick" if isinstance(block.mlp.gelu, QuickGELU) else block.mlp.gelu.approximate,
        )
        for block in transformer.resblocks
    ]


def _norm(layer: Any) -> Norm:
    return Norm(_array(layer.weight), _array(layer.bias), layer.eps)


def _linear(layer: Any, scale: nn.Module | None = None) -> Linear:
    """A layer; the layer scale, where there is one, goes into the weights."""
    gamma = getattr(scale, "gamma", None)
    weight, bias = layer.weight, layer.bias
    if gamma is not None:
        weight, bias = weight * gamma[:, None], None if bias is None else bias * gamma
    return Linear(_array(weight), None if bias is None else _array(bias))


def _array(value: Tensor) -> Array:
    with torch.no_grad():
        return value.detach().float().cpu().numpy()
