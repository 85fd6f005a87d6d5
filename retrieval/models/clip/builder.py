"""open_clip models, built from files on this machine only.

open_clip's own `create_model` would do, but asks the hub about tokenizers and text towers even when all files are
here, and draws random weights (seconds) before it reads the real ones. The golden tests hold both to one result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.checkpoints import check_file, readable
from vasari.retrieval.models.registry.files import ModelFiles
from vasari.retrieval.models.registry.resolve import ReferenceKind
from vasari.retrieval.models.tokenizers import Crop, TextPreprocessing, Tokens

_LOG = logging.getLogger(__name__)
_RANDOM = {"normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "erfinv_"}
_RANDOM |= {"xavier_uniform_", "xavier_normal_", "orthogonal_", "_no_grad_normal_", "_no_grad_uniform_"}
_TAG_SETTINGS = ("mean", "std", "interpolation", "resize_mode")


class _WithoutRandomWeights(TorchFunctionMode):
    """Skips the random initialisation of parameters that are about to be loaded."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in _RANDOM:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def model_settings(files: ModelFiles) -> dict[str, Any]:
    """open_clip's `model_cfg`, as the model's weights were trained."""
    settings = deepcopy(dict(files.model))
    if _tag_settings(files).get("quick_gelu"):
        settings["quick_gelu"] = True  # whatever the architecture's name says
    elif files.source.kind is ReferenceKind.CHECKPOINT:
        _tell_of_quick_gelu(files)
    return settings


def _tell_of_quick_gelu(files: ModelFiles) -> None:
    """A file does not tell its activation, so the architecture's name does, as in open_clip: say that it has to."""
    name = files.source.architecture or ""
    known = (open_clip.get_pretrained_cfg(name, tag) for tag in open_clip.list_pretrained_tags_by_model(name))
    if not files.model.get("quick_gelu") and any((tag or {}).get("quick_gelu") for tag in known):
        _LOG.warning(
            "%s is read with GELU: weights that were trained with QuickGELU (those of OpenAI, DFN and MetaCLIP) are"
            " %s-quickgelu:FILE",
            files.source.reference,
            name,
        )


def build_model(files: ModelFiles, *, mapped: bool = False) -> nn.Module:
    """The model with its weights, in float32 on the CPU, ready for inference.

    With `mapped`, weights of a safetensors file stay where they are mapped into memory, and are not copied: for models
    that are converted or written elsewhere at once, since the file must not change meanwhile.
    """
    check_file(files.weights)
    with readable(Path(files.source.reference)), _WithoutRandomWeights():
        model = construct(model_settings(files), files.text_model)
    with readable(files.weights, "does not fit its configuration"):
        if mapped:  # open_clip has no option for it
            model.load_state_dict = partial(model.load_state_dict, assign=True)  # type: ignore[method-assign]
        open_clip.load_checkpoint(model, str(files.weights), strict=True, weights_only=True)
    vars(model).pop("load_state_dict", None)
    return model.float().eval().requires_grad_(False)


def construct(settings: dict[str, Any], text_model: Path | None) -> nn.Module:
    """The modules that open_clip's `model_cfg` describes; `text_model` is the folder of a Hugging Face text tower."""
    settings = deepcopy(settings)
    text, vision = settings["text_cfg"], settings["vision_cfg"]
    if text_model is not None:
        text |= {"hf_model_name": str(text_model), "hf_model_pretrained": False}
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    custom_text = settings.pop("custom_text", False) or text_model is not None
    kind = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    if "multimodal_cfg" in settings:
        kind = open_clip.CoCa
    model: nn.Module = kind(**settings)
    return model


def image_preprocessing(files: ModelFiles, model: nn.Module) -> ImagePreprocessing:
    """Preprocessing as the model's configuration, or its tag, says."""
    size: Any = model.get_submodule("visual").image_size
    return ImagePreprocessing.from_open_clip(size, files.image or _tag_settings(files))


def _tag_settings(files: ModelFiles) -> dict[str, Any]:
    """What open_clip knows about a tag. For a checkpoint file: what all tags of the architecture agree on."""
    source = files.source
    if source.kind is ReferenceKind.TAG:
        return dict(open_clip.get_pretrained_cfg(source.architecture, source.tag) or {})
    if source.kind is not ReferenceKind.CHECKPOINT:
        return {}
    tags = open_clip.list_pretrained_tags_by_model(source.architecture)
    known = [open_clip.get_pretrained_cfg(source.architecture, tag) for tag in tags]
    agreed = known[0] if known else {}
    return {
        name: agreed[name]
        for name in _TAG_SETTINGS
        if name in agreed and all(other.get(name) == agreed[name] for other in known)
    }


def build_tokenizer(files: ModelFiles) -> HFTokenizer | SimpleTokenizer:
    """open_clip's tokenizer for the model, from local files."""
    text = files.model["text_cfg"]
    context = int(text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH))
    settings = dict(text.get("tokenizer_kwargs") or {})
    if files.tokenizer is None:
        return SimpleTokenizer(context_length=context, **settings)
    with readable(files.tokenizer):
        return HFTokenizer(
            str(files.tokenizer),
            context_length=context,
            tokenizer_mode=text.get("tokenizer_mode"),
            trust_remote_code=False,
            **{name: value for name, value in settings.items() if name != "trust_remote_code"},
        )


def text_preprocessing(
    files: ModelFiles, tower: TextTower, tokenizer: HFTokenizer | SimpleTokenizer
) -> TextPreprocessing:
    """How this model's texts are cleaned, padded and cropped."""
    text = files.model["text_cfg"]
    settings = dict(text.get("tokenizer_kwargs") or {})
    cropping = replace(tower.cropping(), context_length=int(tokenizer.context_length))
    if isinstance(tokenizer, SimpleTokenizer):
        return replace(cropping, clean=str(settings.get("clean", "lower")))
    inner = tokenizer.tokenizer
    pad_id = int(inner.pad_token_id or 0)
    crop = cropping.crop
    if crop is Crop.PADDING and (pad_id != cropping.pad_id or inner.padding_side != "right"):
        crop = Crop.NONE  # the tower masks other tokens than those that the tokenizer pads with
    return replace(
        cropping,
        clean=str(settings.get("clean", "whitespace")),
        pad_id=pad_id,
        crop=crop,
        strip_sep_id=inner.sep_token_id if tokenizer.strip_sep_token else None,
    )


class TextTower(nn.Module):
    """The text side of a model, for token batches of any length up to its context.

    open_clip's own forward wants the full context of 77 tokens; a causal tower never looks past the end token, so
    that cropping the batch to its longest caption gives the same result in a fraction of the time.
    """

    def __init__(self, model: nn.Module, tokenizer_mode: str | None = None) -> None:
        super().__init__()
        self.model = model
        self.parts: Any = getattr(model, "text", model)
        self.hugging_face = hasattr(self.parts, "pooler")
        self.native = (
            isinstance(model, (open_clip.CLIP, open_clip.CustomTextCLIP))
            and not self.hugging_face
            and getattr(self.parts, "cls_emb", None) is None
        )
        self.tokenizer_mode = tokenizer_mode
        own = model is self.parts
        self.pool = str(getattr(self.parts, "text_pool_type" if own else "pool_type", ""))
        self.eos: int = getattr(self.parts, "text_eos_id" if own else "eos_id", None) or 0

    def cropping(self) -> TextPreprocessing:
        """Which columns of a token batch this tower has to see."""
        if self.hugging_face:
            pooled = type(self.parts.pooler).__name__ in {
                "MeanPooler",
                "ClsPooler",
                "ClsLastHiddenStatePooler",
            }
            crop = Crop.PADDING if pooled and not self.tokenizer_mode else Crop.NONE
            return TextPreprocessing(0, crop=crop, pad_id=int(self.parts.config.pad_token_id or 0))
        causal = self.native and self.parts.attn_mask is not None and self.pool in {"argmax", "eos", "first"}
        return TextPreprocessing(
            0, crop=Crop.POOLED if causal else Crop.NONE, pool=self.pool, eos_id=self.eos
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed `tokens` (n, length): (n, dim), not normalised."""
        if self.hugging_face:
            out: Tensor = self.parts(tokens)
            return out
        if not self.native:
            return self.model.encode_text(tokens)  # type: ignore[operator,no-any-return]
        return self._pooled(tokens)

    def _pooled(self, tokens: Tensor) -> Tensor:
        tower, length = self.parts, tokens.shape[1]
        dtype = tower.transformer.get_cast_dtype()
        positions = tower.positional_embedding[:length].to(dtype)
        x = tower.token_embedding(tokens).to(dtype) + positions  # (n, length, width)
        mask = None if tower.attn_mask is None else tower.attn_mask[:length, :length]
        x = self._at_pooled_position(tower.transformer(x, attn_mask=mask), tokens)  # (n, width)
        x = tower.ln_final(x)  # works on each position for itself: only the pooled one is needed
        return self._projected(x)

    def _projected(self, x: Tensor) -> Tensor:
        projection: nn.Module | Tensor | None = self.parts.text_projection
        if projection is None:
            return x
        return cast(Tensor, projection(x)) if isinstance(projection, nn.Module) else x @ projection

    def _at_pooled_position(self, x: Tensor, tokens: Tensor) -> Tensor:
        if self.pool == "first":
            return x[:, 0]
        if self.pool == "last":
            return x[:, -1]
        if self.pool not in {"argmax", "eos"}:
            raise UnsupportedError(f"text pooling {self.pool!r} gives no single vector")
        ends = tokens.eq(self.eos).int() if self.pool == "eos" else tokens
        return x[torch.arange(len(x), device=x.device), ends.argmax(dim=-1)]


def tokenize(tokenizer: Callable[[list[str]], Tensor], texts: Sequence[str]) -> Tokens:
    """Rows of tokens (n, context) for `texts`."""
    return np.asarray(tokenizer(list(texts)).numpy(), dtype=np.int64)
