"""Dual encoders in transformers' layout, by its own classes: CLIP, SigLIP, SigLIP 2, Chinese-CLIP, AltCLIP, MetaCLIP 2.

Model, tokenizer and image processor are what `from_pretrained` makes of a folder; here they get the calls that
open_clip's have, so that all that stands on these stays the same. Attention masks are made of the tokens, which are all
that an exported graph gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoTokenizer

from vasari.retrieval.models import naflex
from vasari.retrieval.models.clip.builder import TextTower
from vasari.retrieval.models.clip.picture_settings import picture_settings
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.models.tokenizers import Crop, TextPreprocessing

_CAUSAL = {"clip", "metaclip_2"}  # nothing behind the end token is looked at
_FIRST = {"chinese_clip", "altclip"}  # the first position is pooled, padding is masked
_LEGACY_EOS = 2  # of configurations from before the end token was looked for: the highest token is pooled


class TransformersClip(nn.Module):
    """A dual encoder of transformers behind the calls of open_clip's. `folder` is where it was loaded from."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        with readable(folder), quiet():
            inner = whole(getattr(transformers, name), folder, torch.float32)
            self.tokenizer = TransformersTokenizer(folder, inner.config)
        self.visual = VisionTower(inner)
        self.text = TransformersTextTower(inner, self.tokenizer)
        self.logit_scale: nn.Parameter = inner.logit_scale
        if hasattr(inner, "logit_bias"):
            self.logit_bias: nn.Parameter = inner.logit_bias
        self.folder = folder
        self.saved_as = (inner,)  # in a tuple, for it is no part of this module: its parts are

    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        """Features (n, dim) of normalised pixels (n, 3, H, W)."""
        features: Tensor = self.visual(pixels)
        return F.normalize(features, dim=-1) if normalize else features

    def encode_text(self, tokens: Tensor, normalize: bool = False) -> Tensor:
        """Features (n, dim) of tokens (n, length)."""
        features: Tensor = self.text(tokens)
        return F.normalize(features, dim=-1) if normalize else features


class VisionTower(nn.Module):
    """The picture half, with its projection."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.vision_model = inner.vision_model
        self.projection = getattr(inner, "visual_projection", None)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features (n, dim) of normalised pixels (n, 3, H, W)."""
        return self._projected(self.vision_model(pixel_values=pixels))

    def of_patches(self, packed: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Features (n, dim) of packed patches (n, most + 1, patch², 3), see `naflex`; `scale` and `shift` are (3,)."""
        sides = packed[:, -1, :2, :2].long()
        grids = sides[..., 0] * naflex.BYTE + sides[..., 1]  # (n, 2)
        places = torch.arange(packed.shape[1] - 1, device=packed.device)
        real = places < grids.prod(1, keepdim=True)  # (n, most)
        patches = (packed[:, :-1].float() * scale + shift) * real[..., None, None]
        dtype = next(self.parameters()).dtype
        return self._projected(
            self.vision_model(
                pixel_values=patches.flatten(2).to(dtype),
                pixel_attention_mask=real.int(),
                spatial_shapes=grids,
            )
        )

    def _projected(self, output: Any) -> Tensor:
        pooled: Tensor = output.pooler_output
        return pooled if self.projection is None else self.projection(pooled)


class TransformersTokenizer:
    """A tokenizer of transformers, called as open_clip's are: texts to rows of the full context."""

    def __init__(self, folder: Path, config: Any) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        places = int(config.text_config.max_position_embeddings)
        if config.model_type == "altclip":  # RoBERTa counts positions from behind that of the padding
            places -= int(config.text_config.pad_token_id) + 1
        self.context_length = min(int(self.tokenizer.model_max_length), places)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Tokens (n, context)."""
        rows: Tensor = self.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self.context_length,
            return_tensors="pt",
        )["input_ids"]
        return rows


class TransformersTextTower(TextTower):
    """The text half, with its projection; where the model masks padding, the tokens tell what that is."""

    def __init__(self, inner: Any, tokenizer: TransformersTokenizer) -> None:
        nn.Module.__init__(self)
        self.hugging_face, self.native, self.tokenizer_mode = True, False, None
        words = tokenizer.tokenizer
        self.family: str = inner.config.model_type
        self.text_model = inner.text_model
        self.projection = getattr(inner, "text_projection", None)
        self.masked = self.family in _FIRST or (
            self.family not in _CAUSAL and "attention_mask" in words.model_input_names
        )
        self.pad_id, self.eos_id = int(words.pad_token_id or 0), words.eos_token_id
        self.preprocessing = self._preprocessing(
            tokenizer.context_length, pad_left=words.padding_side == "left"
        )

    def cropping(self) -> TextPreprocessing:
        """How texts become rows, and which of their columns this tower has to see."""
        return self.preprocessing

    def _preprocessing(self, context: int, *, pad_left: bool) -> TextPreprocessing:
        settings = TextPreprocessing(context, clean="none", pad_id=self.pad_id, pad_left=pad_left)
        if pad_left:
            return settings
        if self.family in _FIRST:
            return replace(settings, crop=Crop.PADDING)
        if self.family not in _CAUSAL:
            return settings
        eos = int(self.text_model.config.eos_token_id)
        if self.family == "clip" and eos == _LEGACY_EOS:
            return replace(settings, crop=Crop.POOLED, pool="argmax")
        return replace(settings, crop=Crop.POOLED, pool="eos", eos_id=eos)

    def forward(self, tokens: Tensor) -> Tensor:
        """Features (n, dim) of tokens (n, length)."""
        found = self.text_model(input_ids=tokens, attention_mask=self._mask(tokens))
        pooled: Tensor = found.last_hidden_state[:, 0] if self.family in _FIRST else found.pooler_output
        return pooled if self.projection is None else self.projection(pooled)

    def _mask(self, tokens: Tensor) -> Tensor | None:
        if not self.masked:
            return None
        if self.pad_id == self.eos_id:  # padding begins behind the first end
            return (tokens.eq(self.pad_id).long().cumsum(1) <= 1).long()
        return tokens.ne(self.pad_id).long()


def image_preprocessing(folder: Path) -> ImagePreprocessing:
    """Preprocessing as the folder's image processor does it; UnsupportedError for one that does something else."""
    with readable(folder), quiet():
        processor: Any = AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        return picture_settings(processor, folder)
