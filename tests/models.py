"""Tiny models with random weights, written as a hub keeps them: a configuration, safetensors, tokenizer files.

Real architectures, a few kilobytes each: loading and embedding run the code that real models run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, Literal

import open_clip
import timm
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import M2M100Config, PreTrainedTokenizerFast, XLMRobertaConfig

Kind = Literal["clip", "siglip", "multilingual", "nllb", "pe", "fastvit", "coca"]
KINDS: tuple[Kind, ...] = ("clip", "siglip", "multilingual")  # one of each way in which towers are built

SENTENCES = (
    "a red boat under a blue sky",
    "Two dogs run over the beach; it's snowing!",
    "ein Leuchtturm am Abend, zwölf Häuser",
    "un faro al atardecer, ¿y los barcos?",
    "un phare près de l'été, naïve façade",
    "夕暮れの灯台と赤い船",
    "雪中的灯塔和两只狗",
)

WORDS = 210  # of the text towers: those of the tokenizer, and a few rows more, as real ones have

_CLIP: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 48, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}
_SIGLIP: dict[str, Any] = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 64,
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 64,
        "vocab_size": WORDS,
        "hf_tokenizer_name": "local",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 64,
        "heads": 2,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
        "act_kwargs": {"approximate": "tanh"},
    },
}
_MULTILINGUAL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 48, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {
        "context_length": 48,
        "vocab_size": WORDS,
        "hf_model_name": "local",
        "hf_tokenizer_name": "local",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "mean_pooler",
    },
}
_NLLB: dict[str, Any] = _SIGLIP | {
    "text_cfg": {
        "hf_model_name": "local",
        "hf_tokenizer_name": "local",
        "hf_proj_type": "linear",
        "hf_pooler_type": "cls_pooler",
    },
}
_WORDS_OF_CLIP: dict[str, Any] = {"vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
_PE: dict[str, Any] = {
    "embed_dim": 32,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 64,
        "timm_model_name": "tiny_pe_core",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": None,
    },
    "text_cfg": {"context_length": 32, **_WORDS_OF_CLIP},
}
_FASTVIT: dict[str, Any] = {
    "embed_dim": 32,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 64,
        "timm_model_name": "fastvit_mci0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": None,
        "timm_drop": 0.0,
        "timm_drop_path": 0.0,
    },
    "text_cfg": {"context_length": 77, "no_causal_mask": True, **_WORDS_OF_CLIP},
}
_COCA: dict[str, Any] = {
    "embed_dim": 32,
    "custom_text": True,
    "vision_cfg": _CLIP["vision_cfg"]
    | {"attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True},
    "text_cfg": {"context_length": 76, "embed_cls": True, "output_tokens": True, **_WORDS_OF_CLIP},
    "multimodal_cfg": {"context_length": 76, "attn_pooler_heads": 2, **_WORDS_OF_CLIP},
}
_CONFIGURATIONS: dict[Kind, dict[str, Any]] = {
    "clip": _CLIP,
    "siglip": _SIGLIP,
    "multilingual": _MULTILINGUAL,
    "nllb": _NLLB,
    "pe": _PE,
    "fastvit": _FASTVIT,
    "coca": _COCA,
}
_HALF = [0.5, 0.5, 0.5]
_SQUASHED = {"mean": _HALF, "std": _HALF, "interpolation": "bicubic", "resize_mode": "squash"}
_PREPROCESSING: dict[Kind, dict[str, Any]] = {
    "clip": {},
    "coca": {},
    "fastvit": {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bilinear"},
    "nllb": _SQUASHED,
    "pe": _SQUASHED | {"interpolation": "bilinear"},
    "siglip": _SQUASHED,
    "multilingual": {"interpolation": "bilinear", "resize_mode": "longest", "fill_color": 127},
}


def write_model(
    directory: Path,
    kind: Kind,
    seed: int = 0,
    *,
    text_cfg: Mapping[str, Any] | None = None,
    quick_gelu: bool = False,
    text_files: Callable[[Path], None] | None = None,
    **preprocessing: Any,
) -> Path:
    """Write a model of `kind` into `directory`; `text_cfg` and `preprocessing` override settings of its own.

    `text_files` writes another tokenizer, and for "multilingual" the configuration of another text tower.
    """
    directory.mkdir(parents=True, exist_ok=True)
    model_settings = deepcopy(_CONFIGURATIONS[kind])
    model_settings["text_cfg"] |= text_cfg or {}
    if quick_gelu:
        model_settings["quick_gelu"] = True
    if text_files is not None:
        text_files(directory)
    elif "hf_tokenizer_name" in model_settings["text_cfg"]:
        write_tokenizer(directory, sentence_starts=kind in ("multilingual", "nllb"))
    if "hf_model_name" in model_settings["text_cfg"]:
        if text_files is None:
            write_text_tower(directory, translator=kind == "nllb")
        model_settings["text_cfg"]["hf_model_name"] = str(directory)
    content = {"model_cfg": model_settings, "preprocess_cfg": _PREPROCESSING[kind] | preprocessing}
    (directory / "open_clip_config.json").write_text(json.dumps(content), encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(model_settings)
        # Initial biases and position embeddings are nearly nothing: noise makes every parameter matter.
        weights = {name: _noisy(name, value) for name, value in model.state_dict().items()}
    save_file(weights, directory / "open_clip_model.safetensors")
    return directory


def _noisy(name: str, value: torch.Tensor) -> torch.Tensor:
    if not value.is_floating_point():
        return value.contiguous()
    noise = 0.05 * torch.randn(value.shape)
    return (value + (noise.abs() if name.endswith("running_var") else noise)).contiguous()


def build(settings: dict[str, Any]) -> torch.nn.Module:
    """The randomly initialised model of an open_clip configuration."""
    arguments = deepcopy(settings)
    custom = arguments.pop("custom_text", False) or "hf_model_name" in arguments["text_cfg"]
    if "hf_model_name" in arguments["text_cfg"]:
        arguments["text_cfg"]["hf_model_pretrained"] = False
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    if "multimodal_cfg" in arguments:
        kind = open_clip.CoCa
    model: torch.nn.Module = kind(**arguments)
    return model


@timm.models.register_model  # type: ignore[untyped-decorator]
def tiny_pe_core(pretrained: bool = False, **settings: Any) -> Any:
    """A Perception Encoder of two layers, in which all else is as in timm's `vit_pe_core_tiny_patch16_384`."""
    own = {
        "img_size": 64,
        "patch_size": 16,
        "embed_dim": 64,
        "depth": 2,
        "num_heads": 2,
        "global_pool": "map",
        "attn_type": "rope",
        "use_pre_transformer_norm": True,
        "use_rot_pos_emb": True,
        "ref_feat_shape": (4, 4),
        "rope_grid_offset": 1.0,
        "rope_grid_indexing": "xy",
        "attn_pool_num_heads": 4,
        "attn_pool_mlp_ratio": 4.0,
        "norm_layer": partial(timm.layers.LayerNorm, eps=1e-5),
    }
    return timm.models.eva._create_eva("vit_pe_core_tiny_patch16_384", False, **(own | settings))


def write_tokenizer(directory: Path, sentence_starts: bool) -> None:
    """A byte-pair tokenizer over a few sentences, with padding and end of sentence as T5's and XLM-R's have it."""
    special = ["<pad>", "</s>", "<s>", "<unk>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    start = "<s> " if sentence_starts else ""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start}$A </s>", special_tokens=[("<s>", 2), ("</s>", 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        bos_token="<s>",
        unk_token="<unk>",
        padding_side="right",
    )
    fast.save_pretrained(directory)


def write_text_tower(directory: Path, *, translator: bool = False) -> None:
    """The configuration of a tiny XLM-R, or of NLLB, a translator, whose encoder alone is used."""
    if translator:
        M2M100Config(
            vocab_size=WORDS,
            d_model=32,
            encoder_layers=2,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=96,
            scale_embedding=True,
            activation_function="relu",
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=1,
        ).save_pretrained(directory)
        return
    XLMRobertaConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=1,
    ).save_pretrained(directory)
