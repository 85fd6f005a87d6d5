"""Text towers built as BERT is, read from their files: XLM-RoBERTa of open_clip, Chinese-CLIP's and AltCLIP's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.tower_weights import Block, Linear, MaskedTextWeights, joined

_ROBERTA = "text_model.roberta"


def read_xlm_roberta(
    text: Mapping[str, Any], config: Mapping[str, Any], dim: int, tensors: TensorFile
) -> MaskedTextWeights | None:
    """The text tower by open_clip's `text_cfg` and the config.json of XLM-RoBERTa; None for other settings.

    Raises KeyError or ValueError for other weights.
    """
    usual = (
        config["model_type"] == "xlm-roberta"
        and text.get("hf_pooler_type", "mean_pooler") == "mean_pooler"
        and text.get("hf_proj_type", "mlp") == "mlp"
    )
    if not usual:
        return None
    tensors.left.pop("text.transformer.embeddings.position_ids", None)  # of earlier versions: 0, 1, 2, …
    hidden, _ = tensors.shape("text.proj.0.weight")
    head = [
        Linear(tensors.take("text.proj.0.weight", (hidden, config["hidden_size"]))),
        Linear(tensors.take("text.proj.2.weight", (dim, hidden))),
    ]
    return _tower(tensors, "text.transformer", config, head, counted=True, pool="mean")


def read_chinese_clip(config: Mapping[str, Any], tensors: TensorFile) -> MaskedTextWeights | None:
    """The text tower of Chinese-CLIP by the model's config.json; as `read_xlm_roberta`."""
    text = config["text_config"]
    shape = (config["projection_dim"], text["hidden_size"])
    head = [Linear(tensors.take("text_projection.weight", shape))]
    return _tower(tensors, "text_model", text, head, counted=False, pool="first")


def read_altclip(config: Mapping[str, Any], tensors: TensorFile) -> MaskedTextWeights | None:
    """The text tower of AltCLIP by the model's config.json; as `read_xlm_roberta`. Its two products become one."""
    text = config["text_config"]
    tensors.left.pop(f"{_ROBERTA}.embeddings.position_ids", None)
    width, inner = text["hidden_size"], text["project_dim"]
    norm = tensors.norm("text_model.pre_LN", width, text["layer_norm_eps"])
    weight = tensors.take("text_model.transformation.weight", (inner, width))
    bias = tensors.take("text_model.transformation.bias", (inner,))
    last = np.asarray(tensors.take("text_projection.weight", (config["projection_dim"], inner)), np.float32)
    head = [Linear(last @ weight, last @ bias)]
    tower = _tower(tensors, _ROBERTA, text, head, counted=True, pool="first")
    return None if tower is None else replace(tower, ln_final=norm)


def _tower(
    tensors: TensorFile,
    name: str,
    settings: Mapping[str, Any],
    head: Sequence[Linear],
    *,
    counted: bool,
    pool: Literal["first", "mean"],
) -> MaskedTextWeights | None:
    if (
        settings["hidden_act"] != "gelu"
        or settings.get("position_embedding_type", "absolute") != "absolute"
        or settings.get("is_decoder", False)
    ):
        return None
    width, eps = settings["hidden_size"], settings["layer_norm_eps"]
    part = f"{name}.embeddings"
    kinds = tensors.take(f"{part}.token_type_embeddings.weight", (settings["type_vocab_size"], width))
    places = tensors.take(f"{part}.position_embeddings.weight", (settings["max_position_embeddings"], width))
    return MaskedTextWeights(
        table=tensors.take(f"{part}.word_embeddings.weight", (settings["vocab_size"], width)),
        positions=places + kinds[0],  # all tokens are of the first kind
        ln_embedded=tensors.norm(f"{part}.LayerNorm", width, eps),
        blocks=[
            _block(tensors, f"{name}.encoder.layer.{number}", settings)
            for number in range(settings["num_hidden_layers"])
        ],
        pad_id=int(settings["pad_token_id"]),
        counted=counted,
        pool=pool,
        head=head,
    )


def _block(tensors: TensorFile, name: str, settings: Mapping[str, Any]) -> Block:
    width, hidden, eps = settings["hidden_size"], settings["intermediate_size"], settings["layer_norm_eps"]
    asked = [
        tensors.linear(f"{name}.attention.self.{part}", width, width) for part in ("query", "key", "value")
    ]
    return Block(
        ln_1=tensors.norm(f"{name}.attention.output.LayerNorm", width, eps),
        given=joined(asked),
        out=tensors.linear(f"{name}.attention.output.dense", width, width),
        ln_2=tensors.norm(f"{name}.output.LayerNorm", width, eps),
        up=tensors.linear(f"{name}.intermediate.dense", hidden, width),
        down=tensors.linear(f"{name}.output.dense", width, hidden),
        heads=settings["num_attention_heads"],
        gelu="none",
    )
