"""Tiny models with random weights, written as a hub keeps them: a configuration, safetensors, tokenizer files.

Real architectures, a few kilobytes each: loading and embedding run the code that real models run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

Kind = Literal["clip", "siglip", "multilingual"]
KINDS: tuple[Kind, ...] = ("clip", "siglip", "multilingual")

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
_CONFIGURATIONS: dict[Kind, dict[str, Any]] = {
    "clip": _CLIP,
    "siglip": _SIGLIP,
    "multilingual": _MULTILINGUAL,
}
_HALF = [0.5, 0.5, 0.5]
_PREPROCESSING: dict[Kind, dict[str, Any]] = {
    "clip": {},
    "siglip": {"mean": _HALF, "std": _HALF, "interpolation": "bicubic", "resize_mode": "squash"},
    "multilingual": {"interpolation": "bilinear", "resize_mode": "longest", "fill_color": 127},
}


def write_model(
    directory: Path,
    kind: Kind,
    seed: int = 0,
    *,
    text_cfg: Mapping[str, Any] | None = None,
    **preprocessing: Any,
) -> Path:
    """Write a model of `kind` into `directory`; `text_cfg` and `preprocessing` override settings of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    model_settings = deepcopy(_CONFIGURATIONS[kind])
    model_settings["text_cfg"] |= text_cfg or {}
    if kind != "clip":
        write_tokenizer(directory, sentence_starts=kind == "multilingual")
    if kind == "multilingual":
        write_text_tower(directory)
        model_settings["text_cfg"]["hf_model_name"] = str(directory)
    content = {"model_cfg": model_settings, "preprocess_cfg": _PREPROCESSING[kind] | preprocessing}
    (directory / "open_clip_config.json").write_text(json.dumps(content), encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(model_settings)
        # Initial biases and position embeddings are nearly nothing: noise makes every parameter matter.
        weights = {
            name: (value + 0.05 * torch.randn(value.shape)).contiguous()
            if value.is_floating_point()
            else value.contiguous()
            for name, value in model.state_dict().items()
        }
    save_file(weights, directory / "open_clip_model.safetensors")
    return directory


def build(settings: dict[str, Any]) -> torch.nn.Module:
    """The randomly initialised model of an open_clip configuration."""
    arguments = deepcopy(settings)
    custom = arguments.pop("custom_text", False) or "hf_model_name" in arguments["text_cfg"]
    if "hf_model_name" in arguments["text_cfg"]:
        arguments["text_cfg"]["hf_model_pretrained"] = False
    model: torch.nn.Module = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**arguments)
    return model


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


def write_text_tower(directory: Path) -> None:
    """The configuration of a tiny XLM-R."""
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
