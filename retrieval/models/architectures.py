"""open_clip models, built from files on this machine only.

open_clip's own `create_model` would do, but asks the hub about tokenizers and text towers even when all files are
here, and draws random weights (seconds) before it reads the real ones. The golden tests hold both to one result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retrieval.errors import ModelUnavailableError, NotFoundError, UnsupportedError
from retrieval.models import hub
from retrieval.models.preprocessing import Crop, ImagePreprocessing, TextPreprocessing, Tokens
from retrieval.models.sources import ModelFiles, SourceKind

_RANDOM = {"normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "erfinv_"}
_RANDOM |= {"xavier_uniform_", "xavier_normal_", "orthogonal_", "_no_grad_normal_", "_no_grad_uniform_"}
_TAG_SETTINGS = ("mean", "std", "interpolation", "resize_mode")
_TOKENIZER_SETTINGS = ("clean", "strip_sep_token", "language")


class _WithoutRandomWeights(TorchFunctionMode):
    """Skips the random initialisation of parameters that are about to be loaded."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in _RANDOM:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def tag_repository(architecture: str, tag: str) -> tuple[str, tuple[str, ...]]:
    """Hub repository and file names of an open_clip tag; NotFoundError names the tags there are."""
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if (settings := open_clip.get_pretrained_cfg(architecture, tag)) is None or not settings.get("hf_hub"):
        raise NotFoundError(f"{architecture} has no weights {tag!r}, but: {', '.join(tags) or 'none'}")
    repository, _, name = str(settings["hf_hub"]).rpartition("/")
    names = (f"{name.rsplit('.', 1)[0]}.safetensors", name) if name else hub.OPEN_CLIP_WEIGHTS
    return repository, names


def build_model(files: ModelFiles) -> nn.Module:
    """The model with its weights, in float32 on the CPU, ready for inference."""
    settings = deepcopy(dict(files.model))
    if _tag_settings(files).get("quick_gelu"):
        settings["quick_gelu"] = True  # the weights were trained so, whatever the architecture's name says
    text, vision = settings["text_cfg"], settings["vision_cfg"]
    if files.text_model is not None:
        text |= {"hf_model_name": str(files.text_model), "hf_model_pretrained": False}
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    custom_text = settings.pop("custom_text", False) or files.text_model is not None
    kind = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    if "multimodal_cfg" in settings:
        kind = open_clip.CoCa
    try:
        with _WithoutRandomWeights():
            model: nn.Module = kind(**settings)
        open_clip.load_checkpoint(model, str(files.weights), strict=True, weights_only=True)
    except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
        line = " ".join(str(error).split())[:300]
        raise ModelUnavailableError(
            f"{files.weights} does not fit {files.source.reference}: {line}"
        ) from error
    return model.eval().requires_grad_(False)


def image_preprocessing(files: ModelFiles, model: nn.Module) -> ImagePreprocessing:
    """Preprocessing as the model's configuration, or its tag, says."""
    size: Any = model.get_submodule("visual").image_size
    return ImagePreprocessing.from_open_clip(size, files.image or _tag_settings(files))


def _tag_settings(files: ModelFiles) -> dict[str, Any]:
    """What open_clip knows about a tag. For a checkpoint file: what all tags of the architecture agree on."""
    source = files.source
    if source.kind is SourceKind.TAG:
        return dict(open_clip.get_pretrained_cfg(source.architecture, source.tag) or {})
    if source.kind is not SourceKind.CHECKPOINT:
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
    return HFTokenizer(
        str(files.tokenizer),
        context_length=context,
        tokenizer_mode=text.get("tokenizer_mode"),
        trust_remote_code=False,
        **{name: value for name, value in settings.items() if name != "trust_remote_code"},
    )


def text_preprocessing(files: ModelFiles, tower: TextTower) -> TextPreprocessing:
    """How this model's texts are cleaned, padded and cropped."""
    text = files.model["text_cfg"]
    settings = dict(text.get("tokenizer_kwargs") or {})
    plain = files.tokenizer is None
    return replace(
        tower.cropping(),
        context_length=int(text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)),
        clean=str(settings.get("clean", "lower" if plain else "whitespace")),
    )


class TextTower(nn.Module):
    """The text side of a model, for token batches of any length up to its context.

    open_clip's own forward wants the full context of 77 tokens; a causal tower never looks past the end token, so
    that cropping the batch to its longest caption gives the same result in a fraction of the time.
    """

    def __init__(self, model: nn.Module, tokenizer_mode: str | None = None) -> None:
        super().__init__()
        self.model = model
        self._tower: Any = getattr(model, "text", model)
        self._hugging_face = hasattr(self._tower, "pooler")
        self._native = (
            isinstance(model, (open_clip.CLIP, open_clip.CustomTextCLIP))
            and not self._hugging_face
            and getattr(self._tower, "cls_emb", None) is None
        )
        self._tokenizer_mode = tokenizer_mode
        own = model is self._tower
        self._pool = str(getattr(self._tower, "text_pool_type" if own else "pool_type", ""))
        self._eos: int = getattr(self._tower, "text_eos_id" if own else "eos_id", None) or 0

    def cropping(self) -> TextPreprocessing:
        """Which columns of a token batch this tower has to see."""
        if self._hugging_face:
            pooled = type(self._tower.pooler).__name__ in {
                "MeanPooler",
                "ClsPooler",
                "ClsLastHiddenStatePooler",
            }
            crop = Crop.PADDING if pooled and not self._tokenizer_mode else Crop.NONE
            return TextPreprocessing(0, crop=crop, pad_id=int(self._tower.config.pad_token_id or 0))
        causal = (
            self._native and self._tower.attn_mask is not None and self._pool in {"argmax", "eos", "first"}
        )
        return TextPreprocessing(
            0, crop=Crop.POOLED if causal else Crop.NONE, pool=self._pool, eos_id=self._eos
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed `tokens` (n, length): (n, dim), not normalised."""
        if self._hugging_face:
            out: Tensor = self._tower(tokens)
            return out
        if not self._native:
            return self.model.encode_text(tokens)  # type: ignore[operator,no-any-return]
        return self._pooled(tokens)

    def _pooled(self, tokens: Tensor) -> Tensor:
        tower, length = self._tower, tokens.shape[1]
        dtype = tower.transformer.get_cast_dtype()
        x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(
            dtype
        )  # (n, l, width)
        mask = None if tower.attn_mask is None else tower.attn_mask[:length, :length]
        x = tower.ln_final(tower.transformer(x, attn_mask=mask))
        x = self._at_pooled_position(x, tokens)  # (n, width)
        projection = tower.text_projection
        if projection is None:
            return x
        out: Tensor = projection(x) if isinstance(projection, nn.Linear) else x @ projection
        return out

    def _at_pooled_position(self, x: Tensor, tokens: Tensor) -> Tensor:
        if self._pool == "first":
            return x[:, 0]
        if self._pool == "last":
            return x[:, -1]
        if self._pool not in {"argmax", "eos"}:
            raise UnsupportedError(f"text pooling {self._pool!r} gives no single vector")
        ends = tokens.eq(self._eos).int() if self._pool == "eos" else tokens
        return x[torch.arange(len(x), device=x.device), ends.argmax(dim=-1)]


def tokenize(tokenizer: Callable[[list[str]], Tensor], texts: Sequence[str]) -> Tokens:
    """Rows of tokens (n, context) for `texts`."""
    return np.asarray(tokenizer(list(texts)).numpy(), dtype=np.int64)
