"""CLIP and SigLIP read from their files alone: without torch, mapped into memory.

Importing torch and open_clip takes five seconds and 0.8 GB, and building the model another copy of it: a new library
would wait for that only to write the towers down again. Models of the plain architecture (OpenAI's, and most of
LAION's, DataComp's and Meta's, with XLM-RoBERTa, too), the built-in ones, which have tokenizers of their own and of
which one sees by EfficientNet (`efficientnet_file`), SigLIP (`siglip_file`) and PE-Core (`pe_core_file`) need none of
it, nor do CLIP, MetaCLIP 2, Chinese-CLIP, AltCLIP and SigLIP in transformers' layout (`transformers_towers`); whatever
differs from them in a setting, a name or a shape is left to `from_torch`, and so are the words for what is wrong with a
file.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.models.export.bert_file import read_xlm_roberta
from vasari.retrieval.models.export.efficientnet_file import read_efficientnet
from vasari.retrieval.models.export.pe_core_file import read_pe_core
from vasari.retrieval.models.export.siglip_file import read_siglip
from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.tokenizer_file import read_folder, read_tokenizer
from vasari.retrieval.models.export.tower_weights import (
    EfficientNetWeights,
    Gelu,
    Linear,
    MaskedTextWeights,
    TextWeights,
    VisionWeights,
)
from vasari.retrieval.models.export.transformers_towers import read_towers
from vasari.retrieval.models.preprocessing import ImagePreprocessing, read_image_preprocessing
from vasari.retrieval.models.registry.configurations import read_object
from vasari.retrieval.models.registry.files import ModelFiles
from vasari.retrieval.models.registry.resolve import ReferenceKind, architecture_directory
from vasari.retrieval.models.tokenizers import Crop, TextPreprocessing, byte_order, merge_table

_WORDS = 49408  # of CLIP's tokenizer
_OF_TRANSFORMERS = {"AltCLIPModel", "ChineseCLIPModel", "CLIPModel", "MetaClip2Model", "SiglipModel"}
_EOS = 2  # open_clip's default, which pooling at the highest token does not look at
_SETTINGS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text"}
_VISION = {"image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio", "no_ln_pre"}
_XLM_ROBERTA = _SETTINGS | {"init_logit_scale"}
_XLM_ROBERTA_TEXT = {
    "hf_model_name",
    "hf_tokenizer_name",
    "hf_pooler_type",
    "hf_proj_type",
    "hf_model_pretrained",
}
_XLM_ROBERTA_TEXT |= {"context_length", "vocab_size"}
_CONTEXT = 77  # open_clip's default
_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}
_OWN_WORDS = _TEXT | {"hf_tokenizer_name", "tokenizer_kwargs", "pad_id", "eos_id", "pool_type"}


@dataclass(frozen=True, slots=True)
class PlainModel:
    """Both towers with their preprocessing, and the length of their vectors."""

    vision: VisionWeights | EfficientNetWeights
    text: TextWeights | MaskedTextWeights
    image: ImagePreprocessing
    texts: TextPreprocessing
    dim: int
    forget: Callable[[], None]  # gives back the memory of weights that were read
    tokenizer: str | None = None  # a tokenizer.json's content; None: CLIP's byte pairs


def read_plain_model(files: ModelFiles) -> PlainModel | None:
    """The model in these files; None where it is not of the plain architecture."""
    if files.weights.suffix != ".safetensors":
        return None
    try:
        if files.transformers is not None:
            return _of_transformers(files)
        image = _image_settings(files)
        if image is None:
            return None
        tensors = TensorFile(files.weights)
        if files.text_model is not None:
            return _multilingual(files, image, tensors)
        if files.tokenizer is None:
            return _clip(files.model, image, tensors)
        read = _siglip if files.model.get("custom_text") else _clip_of_own_words
        return read(files.model, image, tensors, files.tokenizer)
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return None


def _image_settings(files: ModelFiles) -> Mapping[str, Any] | None:
    """How pictures are prepared; None where only open_clip knows."""
    if files.image is not None:
        return files.image
    preset = files.source.preset
    return preset.preprocessing if preset and files.source.kind is ReferenceKind.TAG else None


def _clip(settings: Mapping[str, Any], image: Mapping[str, Any], tensors: TensorFile) -> PlainModel | None:
    vision, text = dict(settings["vision_cfg"]), dict(settings["text_cfg"])
    own_text = bool(settings.get("custom_text", False))
    if not (settings.keys() <= _SETTINGS and text.keys() <= _TEXT) or text["vocab_size"] != _WORDS:
        return None
    dim, gelu = int(settings["embed_dim"]), _gelu(settings)
    tensors.take("logit_scale", ())
    if own_text and gelu == "none":
        seen = read_pe_core(vision, dim, tensors)
    else:
        seen = None if own_text else _clip_vision(vision, dim, tensors, gelu)
    if seen is None:
        return None
    read = _clip_text(text, dim, tensors, gelu, "text." if own_text else "")
    if tensors.left:
        return None
    return PlainModel(
        seen,
        read,
        ImagePreprocessing.from_open_clip(vision["image_size"], image),
        TextPreprocessing(int(text["context_length"]), crop=Crop.POOLED, eos_id=_EOS),
        dim,
        tensors.forget,
    )


def _clip_vision(
    settings: Mapping[str, Any], dim: int, tensors: TensorFile, gelu: Gelu
) -> VisionWeights | None:
    size, layers = settings["image_size"], settings["layers"]
    if not (settings.keys() <= _VISION and isinstance(size, int) and isinstance(layers, int)):
        return None
    wide, patch = int(settings["width"]), int(settings["patch_size"])
    side = size // patch
    return VisionWeights(
        kernel=tensors.take("visual.conv1.weight", (wide, 3, patch, patch)),
        token=tensors.take("visual.class_embedding", (wide,)),
        positions=tensors.take("visual.positional_embedding", (side * side + 1, wide)),
        grid=(side, side),
        ln_pre=None if settings.get("no_ln_pre") else tensors.norm("visual.ln_pre", wide),
        blocks=tensors.blocks(
            "visual.transformer", settings, wide // int(settings.get("head_width", 64)), gelu
        ),
        ln_post=tensors.norm("visual.ln_post", wide),
        projection=tensors.take("visual.proj", (wide, dim)),
    )


def _clip_text(
    settings: Mapping[str, Any], dim: int, tensors: TensorFile, gelu: Gelu, part: str = ""
) -> TextWeights:
    """The text tower, whose weights' names begin with `part`."""
    width, context = int(settings["width"]), int(settings["context_length"])
    return TextWeights(
        table=tensors.take(f"{part}token_embedding.weight", (int(settings["vocab_size"]), width)),
        positions=tensors.take(f"{part}positional_embedding", (context, width)),
        blocks=tensors.blocks(f"{part}transformer", settings, int(settings["heads"]), gelu),
        causal=True,
        ln_final=tensors.norm(f"{part}ln_final", width),
        projection=Linear(tensors.take(f"{part}text_projection", (width, dim)).T),
    )


def _clip_of_own_words(
    settings: Mapping[str, Any], image: Mapping[str, Any], tensors: TensorFile, folder: Path
) -> PlainModel | None:
    """CLIP with a tokenizer of its own, whose rows end with a token that the configuration names."""
    vision, text = dict(settings["vision_cfg"]), dict(settings["text_cfg"])
    kept = dict(text.get("tokenizer_kwargs") or {})
    usual = settings.keys() <= _SETTINGS - {"custom_text"} and text.keys() <= _OWN_WORDS
    if not (usual and text.get("pool_type") == "eos" and kept.keys() <= {"clean"}):
        return None
    dim, gelu = int(settings["embed_dim"]), _gelu(settings)
    tensors.take("logit_scale", ())
    if "timm_model_name" in vision:
        seen: VisionWeights | EfficientNetWeights | None = read_efficientnet(vision, dim, tensors)
    else:
        seen = _clip_vision(vision, dim, tensors, gelu)
    if seen is None:
        return None
    read = replace(_clip_text(text, dim, tensors, gelu), pool="eos", eos=int(text["eos_id"]))
    tokenizer = None if tensors.left else read_tokenizer(folder, len(read.table))
    if tokenizer is None:
        return None
    texts = TextPreprocessing(
        len(read.positions),
        clean=str(kept.get("clean", "whitespace")),
        pad_id=tokenizer.pad_id,
        crop=Crop.POOLED,
        pool="eos",
        eos_id=read.eos,
    )
    preprocessing = ImagePreprocessing.from_open_clip(vision["image_size"], image)
    return PlainModel(seen, read, preprocessing, texts, dim, tensors.forget, tokenizer.content)


def _gelu(settings: Mapping[str, Any]) -> Gelu:
    return "quick" if settings.get("quick_gelu", False) else "none"


def _siglip(
    settings: Mapping[str, Any], image: Mapping[str, Any], tensors: TensorFile, folder: Path
) -> PlainModel | None:
    towers = read_siglip(settings, tensors)
    if towers is None or tensors.left:
        return None
    vision, text = towers
    tokenizer = read_tokenizer(folder, len(text.table))
    if tokenizer is None:
        return None
    texts = settings["text_cfg"]
    return PlainModel(
        vision,
        text,
        ImagePreprocessing.from_open_clip(settings["vision_cfg"]["image_size"], image),
        TextPreprocessing(
            int(texts["context_length"]),
            clean=str(texts["tokenizer_kwargs"]["clean"]),
            pad_id=tokenizer.pad_id,
            crop=Crop.NONE,
            pool=text.pool,
            eos_id=_EOS,
        ),
        len(vision.ln_post.weight),
        tensors.forget,
        tokenizer.content,
    )


def _multilingual(files: ModelFiles, image: Mapping[str, Any], tensors: TensorFile) -> PlainModel | None:
    """CLIP with XLM-RoBERTa for its text tower."""
    settings, texts = files.model, dict(files.text_settings)
    usual = (
        settings.keys() <= _XLM_ROBERTA
        and texts.keys() <= _XLM_ROBERTA_TEXT
        and not settings.get("quick_gelu")
    )
    if not usual or files.text_model is None or files.tokenizer is None:
        return None
    dim = int(settings["embed_dim"])
    tensors.take("logit_scale", ())
    seen = _clip_vision(dict(settings["vision_cfg"]), dim, tensors, "none")
    read = read_xlm_roberta(texts, read_object(files.text_model / "config.json"), dim, tensors)
    if seen is None or read is None or tensors.left:
        return None
    tokenizer = read_tokenizer(files.tokenizer, len(read.table))
    if tokenizer is None or tokenizer.pad_id != read.pad_id:
        return None
    context = int(texts.get("context_length", _CONTEXT))
    return PlainModel(
        seen,
        read,
        ImagePreprocessing.from_open_clip(settings["vision_cfg"]["image_size"], image),
        TextPreprocessing(context, clean="whitespace", pad_id=read.pad_id, crop=Crop.PADDING),
        dim,
        tensors.forget,
        tokenizer.content,
    )


def _of_transformers(files: ModelFiles) -> PlainModel | None:
    if files.transformers not in _OF_TRANSFORMERS or (found := read_folder(files.weights.parent)) is None:
        return None
    tokenizer, config, image = found
    tensors = TensorFile(files.weights)
    towers = read_towers(config, tensors)
    if towers is None or tensors.left:
        return None
    vision, text = towers
    if isinstance(text, MaskedTextWeights):
        if tokenizer.pad_id != text.pad_id:
            return None
        context = min(tokenizer.longest, text.longest)
        settings = TextPreprocessing(context, clean="none", pad_id=text.pad_id, crop=Crop.PADDING)
    elif tokenizer.masked and not text.causal:
        return None
    else:
        context = min(tokenizer.longest, len(text.positions))
        settings = TextPreprocessing(context, clean="none", pad_id=tokenizer.pad_id)
        if text.causal:
            settings = replace(settings, crop=Crop.POOLED, pool=text.pool, eos_id=text.eos or None)
    dim = len(vision.ln_post.weight) if vision.projection is None else vision.projection.shape[1]
    preprocessing = read_image_preprocessing(image)
    return PlainModel(vision, text, preprocessing, settings, dim, tensors.forget, tokenizer.content)


def clip_merges() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """CLIP's byte pairs from the file that comes with open_clip, as `tokenizers.ClipTokenizer` wants them."""
    path = architecture_directory().parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    pairs = [line.split() for line in lines[1 : _WORDS - 512 - 1]]
    letters = _byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in pairs)]
    numbers = {word: number for number, word in enumerate(words)}
    return merge_table(np.array([(numbers[left], numbers[right]) for left, right in pairs], np.int64))


def _byte_letters() -> list[str]:
    """The letter that stands for each byte, in the order of their token numbers."""
    order = byte_order()
    printable = {byte for byte in order if 0x21 <= byte < 0x7F or 0xA1 <= byte < 0xAD or byte >= 0xAE}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in order]
