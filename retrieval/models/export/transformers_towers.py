"""Towers in transformers' layout read from their files alone: CLIP's and its relatives', and SigLIP's.

MetaCLIP 2 is built as CLIP is; Chinese-CLIP and AltCLIP have another text tower (`bert_file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vasari.retrieval.models.export.bert_file import read_altclip, read_chinese_clip
from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.tower_weights import (
    Array,
    Block,
    Gelu,
    LatentPool,
    Linear,
    MaskedTextWeights,
    TextWeights,
    VisionWeights,
    joined,
)

_GELUS: dict[str, Gelu] = {
    "quick_gelu": "quick",
    "gelu": "none",
    "gelu_pytorch_tanh": "tanh",
    "gelu_new": "tanh",
}
_MASKED = {"altclip": read_altclip, "chinese_clip": read_chinese_clip}
_SEEN, _HEAD = "vision_model.embeddings", "vision_model.head"
_LEGACY_EOS = 2  # of configurations from before the end token was looked for: the highest token is pooled


def read_towers(
    config: Mapping[str, Any], tensors: TensorFile
) -> tuple[VisionWeights, TextWeights | MaskedTextWeights] | None:
    """Both towers; None for settings that are not known, KeyError or ValueError for other weights."""
    vision, text, kind = config["vision_config"], config["text_config"], config["model_type"]
    if not {vision["hidden_act"], text["hidden_act"]} <= _GELUS.keys():
        return None
    for name in ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"):
        tensors.left.pop(name, None)  # of earlier versions: 0, 1, 2, …
    if kind == "siglip":
        for name in ("logit_scale", "logit_bias"):
            tensors.take(name, (1,))
        return _siglip_vision(tensors, vision), _siglip_text(tensors, text)
    tensors.take("logit_scale", ())
    seen = _vision(tensors, vision, config["projection_dim"])
    if kind in _MASKED:
        read = _MASKED[kind](config, tensors)
        return None if read is None else (seen, read)
    return seen, _text(tensors, text, config["projection_dim"], legacy=kind == "clip")


def _vision(tensors: TensorFile, settings: Mapping[str, Any], dim: int) -> VisionWeights:
    width, patch, eps = settings["hidden_size"], settings["patch_size"], settings["layer_norm_eps"]
    side = settings["image_size"] // patch
    return VisionWeights(
        kernel=tensors.take(f"{_SEEN}.patch_embedding.weight", (width, 3, patch, patch)),
        token=tensors.take(f"{_SEEN}.class_embedding", (width,)),
        positions=tensors.take(f"{_SEEN}.position_embedding.weight", (side * side + 1, width)),
        grid=(side, side),
        ln_pre=tensors.norm("vision_model.pre_layrnorm", width, eps),
        blocks=_blocks(tensors, "vision_model", settings),
        ln_post=tensors.norm("vision_model.post_layernorm", width, eps),
        projection=tensors.take("visual_projection.weight", (dim, width)).T,
    )


def _siglip_vision(tensors: TensorFile, settings: Mapping[str, Any]) -> VisionWeights:
    width, patch, eps = settings["hidden_size"], settings["patch_size"], settings["layer_norm_eps"]
    side, hidden = settings["image_size"] // patch, settings["intermediate_size"]
    weight = tensors.take(f"{_HEAD}.attention.in_proj_weight", (3 * width, width))
    bias = tensors.take(f"{_HEAD}.attention.in_proj_bias", (3 * width,))
    return VisionWeights(
        kernel=tensors.take(f"{_SEEN}.patch_embedding.weight", (width, 3, patch, patch)),
        shift=tensors.take(f"{_SEEN}.patch_embedding.bias", (width,)),
        token=None,
        positions=tensors.take(f"{_SEEN}.position_embedding.weight", (side * side, width)),
        grid=(side, side),
        ln_pre=None,
        blocks=_blocks(tensors, "vision_model", settings),
        ln_post=tensors.norm("vision_model.post_layernorm", width, eps),
        projection=None,
        pool=LatentPool(
            latent=tensors.take(f"{_HEAD}.probe", (1, 1, width))[0, 0],
            asking=Linear(weight[:width], bias[:width]),
            given=Linear(weight[width:], bias[width:]),
            out=tensors.linear(f"{_HEAD}.attention.out_proj", width, width),
            norm=tensors.norm(f"{_HEAD}.layernorm", width, eps),
            up=tensors.linear(f"{_HEAD}.mlp.fc1", hidden, width),
            down=tensors.linear(f"{_HEAD}.mlp.fc2", width, hidden),
            heads=settings["num_attention_heads"],
            gelu=_GELUS[settings["hidden_act"]],
        ),
    )


def _text(tensors: TensorFile, settings: Mapping[str, Any], dim: int, *, legacy: bool) -> TextWeights:
    width, eos = settings["hidden_size"], int(settings["eos_token_id"])
    highest = legacy and eos == _LEGACY_EOS
    return TextWeights(
        *_embeddings(tensors, settings),
        blocks=_blocks(tensors, "text_model", settings),
        causal=True,
        ln_final=tensors.norm("text_model.final_layer_norm", width, settings["layer_norm_eps"]),
        projection=Linear(tensors.take("text_projection.weight", (dim, width))),
        pool="argmax" if highest else "eos",
        eos=0 if highest else eos,
    )


def _siglip_text(tensors: TensorFile, settings: Mapping[str, Any]) -> TextWeights:
    width = settings["hidden_size"]
    return TextWeights(
        *_embeddings(tensors, settings),
        blocks=_blocks(tensors, "text_model", settings),
        causal=False,
        ln_final=tensors.norm("text_model.final_layer_norm", width, settings["layer_norm_eps"]),
        projection=tensors.linear("text_model.head", settings["projection_size"], width),
        pool="last",
    )


def _embeddings(tensors: TensorFile, settings: Mapping[str, Any]) -> tuple[Array, Array]:
    """Of words, and of positions."""
    words, places = ("vocab_size", "token_embedding"), ("max_position_embeddings", "position_embedding")
    found = [
        tensors.take(f"text_model.embeddings.{name}.weight", (settings[count], settings["hidden_size"]))
        for count, name in (words, places)
    ]
    return found[0], found[1]


def _blocks(tensors: TensorFile, tower: str, settings: Mapping[str, Any]) -> list[Block]:
    width, hidden, eps = settings["hidden_size"], settings["intermediate_size"], settings["layer_norm_eps"]
    layers = f"{tower}.encoder.layers"
    if f"{layers}.0.mlp.fc1.weight" not in tensors.left:
        layers = f"{tower}.encoder.layer"  # as transformers 5 saves AltCLIP's
    names = [f"{layers}.{number}" for number in range(settings["num_hidden_layers"])]
    return [
        Block(
            ln_1=tensors.norm(f"{each}.layer_norm1", width, eps),
            given=joined([tensors.linear(f"{each}.self_attn.{part}_proj", width, width) for part in "qkv"]),
            out=tensors.linear(f"{each}.self_attn.out_proj", width, width),
            ln_2=tensors.norm(f"{each}.layer_norm2", width, eps),
            up=tensors.linear(f"{each}.mlp.fc1", hidden, width),
            down=tensors.linear(f"{each}.mlp.fc2", width, hidden),
            heads=settings["num_attention_heads"],
            gelu=_GELUS[settings["hidden_act"]],
        )
        for each in names
    ]
