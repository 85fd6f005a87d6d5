"""SigLIP as open_clip keeps it, read from its files: timm's vision transformer, and a text tower without a mask."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any

from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.timm_file import TRUNK, latent_pool, trunk_blocks
from vasari.retrieval.models.export.tower_weights import Gelu, Linear, TextWeights, VisionWeights

_SETTINGS = {"embed_dim", "vision_cfg", "text_cfg", "custom_text", "init_logit_bias", "init_logit_scale"}
_VISION = {"image_size", "timm_model_name", "timm_model_pretrained", "timm_pool", "timm_proj"}
_TEXT = {"context_length", "vocab_size", "hf_tokenizer_name", "tokenizer_kwargs", "width", "heads", "layers"}
_TEXT |= {"mlp_ratio", "no_causal_mask", "proj_bias", "proj_type", "pool_type", "norm_kwargs", "act_kwargs"}
_EPS = 1e-6  # of timm's norms
VISION: dict[str, tuple[int, Gelu]] = {
    "vit_base_patch16_siglip_224": (12, "none"),
    "vit_base_patch16_siglip_256": (12, "none"),
    "vit_base_patch16_siglip_384": (12, "none"),
    "vit_base_patch16_siglip_512": (12, "none"),
    "vit_base_patch32_siglip_256": (12, "tanh"),
    "vit_large_patch16_siglip_256": (16, "none"),
    "vit_large_patch16_siglip_384": (16, "none"),
    "vit_large_patch16_siglip_512": (16, "tanh"),
    "vit_so400m_patch14_siglip_224": (16, "none"),
    "vit_so400m_patch14_siglip_378": (16, "none"),
    "vit_so400m_patch14_siglip_384": (16, "none"),
    "vit_so400m_patch16_siglip_256": (16, "tanh"),
    "vit_so400m_patch16_siglip_384": (16, "tanh"),
    "vit_so400m_patch16_siglip_512": (16, "tanh"),
    "vit_giantopt_patch16_siglip_256": (16, "tanh"),
    "vit_giantopt_patch16_siglip_384": (16, "tanh"),
}
"""Of timm's vision towers what their weights do not tell: heads, and the activation."""


def read_siglip(settings: Mapping[str, Any], tensors: TensorFile) -> tuple[VisionWeights, TextWeights] | None:
    """Both towers; None for other settings. Raises KeyError or ValueError for other weights."""
    vision, text = dict(settings["vision_cfg"]), dict(settings["text_cfg"])
    known = settings.keys() <= _SETTINGS and vision.keys() <= _VISION and text.keys() <= _TEXT
    pooled = (vision.get("timm_pool"), vision.get("timm_proj"), text.get("pool_type")) == (
        "map",
        "none",
        "last",
    )
    if not (known and pooled and settings.get("custom_text") and text.get("no_causal_mask")):
        return None
    if vision["timm_model_name"] not in VISION or set(text["tokenizer_kwargs"]) != {"clean"}:
        return None
    for name in ("logit_scale", "logit_bias"):
        tensors.left.pop(name, None)
    seen = _vision(tensors, *VISION[vision["timm_model_name"]], size=int(vision["image_size"]))
    read = _text(tensors, text, dim=int(settings["embed_dim"]))
    if read is None or len(seen.ln_post.weight) != settings["embed_dim"]:
        return None
    return seen, read


def _vision(tensors: TensorFile, heads: int, gelu: Gelu, size: int) -> VisionWeights:
    width, _, patch, _ = tensors.shape(f"{TRUNK}.patch_embed.proj.weight")
    _, patches, _ = tensors.shape(f"{TRUNK}.pos_embed")
    side = isqrt(patches)
    if side != size // patch:
        raise ValueError("positions for another size of picture")
    return VisionWeights(
        kernel=tensors.take(f"{TRUNK}.patch_embed.proj.weight", (width, 3, patch, patch)),
        shift=tensors.take(f"{TRUNK}.patch_embed.proj.bias", (width,)),
        token=None,
        positions=tensors.take(f"{TRUNK}.pos_embed", (1, side * side, width))[0],
        grid=(side, side),
        ln_pre=None,
        blocks=trunk_blocks(tensors, width, heads, gelu, _EPS),
        ln_post=tensors.norm(f"{TRUNK}.norm", width, _EPS),
        projection=None,
        pool=latent_pool(tensors, width, heads, gelu, _EPS),
    )


def _text(tensors: TensorFile, settings: Mapping[str, Any], dim: int) -> TextWeights | None:
    width, words = int(settings["width"]), int(settings["vocab_size"])
    norms, activation = dict(settings.get("norm_kwargs") or {}), dict(settings.get("act_kwargs") or {})
    if not norms.keys() <= {"eps"} or activation not in (
        {},
        {"approximate": "none"},
        {"approximate": "tanh"},
    ):
        return None
    eps, gelu = float(norms.get("eps", 1e-5)), activation.get("approximate", "none")
    projection: Linear | None = None
    if settings.get("proj_bias"):
        projection = tensors.linear("text.text_projection", dim, width)
    elif settings.get("proj_type") != "none":
        projection = Linear(tensors.take("text.text_projection", (width, dim)).T)
    elif dim != width:
        return None
    return TextWeights(
        table=tensors.take("text.token_embedding.weight", (words, width)),
        positions=tensors.take("text.positional_embedding", (int(settings["context_length"]), width)),
        blocks=tensors.blocks("text.transformer", settings, int(settings["heads"]), gelu, eps),
        causal=False,
        ln_final=tensors.norm("text.ln_final", width, eps),
        projection=projection,
        pool="last",
    )
