"""The weights of loaded towers of open_clip, as the graph writers want them; nothing is copied."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.timm_model import TimmModel
from open_clip.transformer import QuickGELU, ResidualAttentionBlock, VisionTransformer
from timm.layers import GELU, AttentionPoolLatent, GELUTanh
from timm.models import vision_transformer as timm
from torch import Tensor, nn

from vasari.retrieval.models.clip.builder import TextTower
from vasari.retrieval.models.export.tower_weights import (
    Array,
    Block,
    Gelu,
    LatentPool,
    Linear,
    Norm,
    TextWeights,
    VisionWeights,
)

GELUS: dict[type, Gelu] = {nn.GELU: "none", GELU: "none", GELUTanh: "tanh"}


def vision_weights(visual: Any) -> VisionWeights | None:
    """Those of a vision tower; None for one that has layers which are not written."""
    if type(visual) is TimmModel:
        return _siglip_weights(visual)
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


def _siglip_weights(visual: Any) -> VisionWeights | None:
    """Those of timm's vision transformer as SigLIP has it: no class token, pooled by a learned vector."""
    trunk = visual.trunk
    if not (type(trunk) is timm.VisionTransformer and len(visual.head) == 0 and _is_siglip(trunk)):
        return None
    pool, projection = trunk.attn_pool, trunk.patch_embed.proj
    return VisionWeights(
        kernel=_array(projection.weight),
        shift=_array(projection.bias),
        token=None,
        positions=_array(trunk.pos_embed)[0],
        grid=tuple(trunk.patch_embed.grid_size),
        ln_pre=None,
        blocks=[
            Block(
                ln_1=_norm(block.norm1),
                given=_linear(block.attn.qkv),
                out=_linear(block.attn.proj, block.ls1),
                ln_2=_norm(block.norm2),
                up=_linear(block.mlp.fc1),
                down=_linear(block.mlp.fc2, block.ls2),
                heads=block.attn.num_heads,
                gelu=GELUS[type(block.mlp.act)],
            )
            for block in trunk.blocks
        ],
        ln_post=_norm(trunk.norm),
        projection=None,
        pool=LatentPool(
            latent=_array(pool.latent)[0, 0],
            asking=_linear(pool.q),
            given=_linear(pool.kv),
            out=_linear(pool.proj),
            norm=_norm(pool.norm),
            up=_linear(pool.mlp.fc1),
            down=_linear(pool.mlp.fc2),
            heads=pool.num_heads,
            gelu=GELUS[type(pool.mlp.act)],
        ),
    )


def _is_siglip(trunk: Any) -> bool:
    """Whether a vision transformer of timm has the layers of SigLIP's, and no others."""
    pool = trunk.attn_pool
    absent = [trunk.norm_pre, trunk.fc_norm, trunk.head]
    for block in trunk.blocks:
        if (
            type(block) is not timm.Block
            or type(block.attn) is not timm.Attention
            or block.attn.gate is not None
        ):
            return False
        absent += [block.attn.q_norm, block.attn.k_norm, block.attn.norm, block.mlp.norm]
    return (
        trunk.cls_token is None
        and trunk.reg_token is None
        and trunk.pos_embed is not None
        and type(pool) is AttentionPoolLatent
        and (pool.pool, pool.latent_len, pool.pos_embed) == ("token", 1, None)
        and all(
            isinstance(layer, nn.Identity) for layer in [*absent, pool.q_norm, pool.k_norm, pool.mlp.norm]
        )
        and all(type(part.mlp.act) in GELUS for part in [*trunk.blocks, pool])
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
