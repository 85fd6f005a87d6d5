"""Tiny models with random weights in transformers' layout, written by its own `save_pretrained`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AltCLIPConfig,
    AltCLIPModel,
    AltCLIPProcessor,
    AutoTokenizer,
    BertTokenizer,
    BlipConfig,
    BlipImageProcessor,
    BlipProcessor,
    ChineseCLIPConfig,
    ChineseCLIPImageProcessor,
    ChineseCLIPModel,
    ChineseCLIPProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    MetaClip2Config,
    MetaClip2Model,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Processor,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
    XLMRobertaTokenizer,
)
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer
from transformers.utils import logging

from tests.models import SENTENCES
from vasari.retrieval.models.registry.presets import builtin_models_directory

_SIDE, _LENGTH = 48, 24
_VISION: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 16,
}
_TEXT: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_SQUARE = {"height": _SIDE, "width": _SIDE}
_Made = tuple[Any, Any]  # a model and its processor


def write_transformers_model(directory: Path, family: str, seed: int = 0) -> Path:
    """Write a model of the family, one of `FAMILIES`, into `directory`."""
    logging.disable_progress_bar()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model, processor = FAMILIES[family]()
        for parameter in model.parameters():
            if parameter.ndim:  # as drawn, most are so small that they do nothing
                parameter.add_(0.08 * torch.randn(parameter.shape))
    model.save_pretrained(directory)
    processor.save_pretrained(directory)
    return directory


def write_blip(directory: Path, kind: Any) -> Path:
    """A tiny BLIP of a class, with random weights."""
    words = AutoTokenizer.from_pretrained(builtin_models_directory() / "scenes-itm")
    part = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    marks = {
        "bos_token_id": words.cls_token_id,
        "sep_token_id": words.sep_token_id,
        "eos_token_id": words.sep_token_id,
        "pad_token_id": words.pad_token_id,
    }
    text = part | marks | {"vocab_size": len(words), "encoder_hidden_size": 32}
    config = BlipConfig(text_config=text, vision_config=part | {"image_size": 32, "patch_size": 16})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kind(config).save_pretrained(directory)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), words).save_pretrained(directory)
    return directory


def _clip(eos: int | None = None) -> _Made:
    words = _byte_pairs()
    last = len(words) - 1
    text = _text(words, eos_token_id=last if eos is None else eos, bos_token_id=last - 1, pad_token_id=last)
    config = CLIPConfig(text_config=text, vision_config=_vision(), projection_dim=40)
    return CLIPModel(config), CLIPProcessor(_cropping(), words)


def _metaclip() -> _Made:
    words = _unigrams()
    text = _text(words, eos_token_id=2, bos_token_id=0, pad_token_id=1)
    config = MetaClip2Config(text_config=text, vision_config=_vision(), projection_dim=40)
    return MetaClip2Model(config), CLIPProcessor(_cropping(), words)


def _chinese() -> _Made:
    letters = sorted(set("".join(SENTENCES).lower()) - {" "})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    words = BertTokenizer(vocab={word: place for place, word in enumerate(pieces)}, model_max_length=_LENGTH)
    config = ChineseCLIPConfig(text_config=_text(words), vision_config=_vision(), projection_dim=40)
    images = ChineseCLIPImageProcessor(size=_SQUARE, do_center_crop=False)
    return ChineseCLIPModel(config), ChineseCLIPProcessor(images, words)


def _alt() -> _Made:
    words = _unigrams()
    text = _text(words, project_dim=48, pad_token_id=1) | {"max_position_embeddings": _LENGTH + 2}
    config = AltCLIPConfig(text_config=text, vision_config=_vision(), projection_dim=40)
    return AltCLIPModel(config), AltCLIPProcessor(_cropping(), words)


def _siglip() -> _Made:
    words = _gemma("right")
    config = SiglipConfig(text_config=_text(words, pad_token_id=0), vision_config=_vision())
    return SiglipModel(config), SiglipProcessor(SiglipImageProcessor(size=_SQUARE, resample=2), words)


def _naflex() -> _Made:
    words = _gemma("left")
    vision = _VISION | {"num_patches": 16}
    config = Siglip2Config(text_config=_text(words, pad_token_id=0), vision_config=vision)
    return Siglip2Model(config), Siglip2Processor(
        Siglip2ImageProcessor(max_num_patches=16, patch_size=16), words
    )


FAMILIES: dict[str, Callable[[], _Made]] = {
    "clip": _clip,
    "clip of old": lambda: _clip(eos=2),
    "metaclip 2": _metaclip,
    "chinese-clip": _chinese,
    "altclip": _alt,
    "siglip 2": _siglip,
    "naflex": _naflex,
}


def _text(words: Any, **settings: Any) -> dict[str, Any]:
    return _TEXT | {"vocab_size": len(words), "max_position_embeddings": _LENGTH} | settings


def _vision() -> dict[str, Any]:
    return _VISION | {"image_size": _SIDE}


def _cropping() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": _SIDE}, crop_size=_SQUARE)


def _trained(tokenizer: Tokenizer, trainer: Any) -> dict[str, Any]:
    """The model that a tokenizer learns from a few sentences."""
    tokenizer.train_from_iterator(SENTENCES, trainer)
    learnt: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return learnt


def _byte_pairs() -> CLIPTokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=700, show_progress=False, initial_alphabet=letters, end_of_word_suffix="</w>"
    )
    merges = [tuple(pair) for pair in _trained(inner, trainer)["merges"]]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(left + right for left, right in merges)]
    marks = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: place for place, word in enumerate([*dict.fromkeys(words), *marks])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=_LENGTH)


def _unigrams() -> XLMRobertaTokenizer:
    inner = Tokenizer(models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]
    )
    pieces = [tuple(piece) for piece in _trained(inner, trainer)["vocab"] if piece[0] != "<unk>"]
    marks = [(mark, 0.0) for mark in ("<s>", "<pad>", "</s>", "<unk>")]
    return XLMRobertaTokenizer(vocab=[*marks, *pieces, ("<mask>", 0.0)], model_max_length=_LENGTH)


def _gemma(side: str) -> Siglip2Tokenizer:
    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    inner.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=500, show_progress=False, special_tokens=marks)
    learnt = _trained(inner, trainer)
    words = Siglip2Tokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(pair) for pair in learnt["merges"]],
        padding_side=side,
        model_max_length=_LENGTH,
    )
    words._tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    return words
