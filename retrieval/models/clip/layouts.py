"""The parts of a dual encoder, of open_clip's layout (`builder`) or transformers' (`transformers_clip`)."""

from __future__ import annotations

from typing import Any

from vasari.retrieval.models.clip import builder
from vasari.retrieval.models.clip.builder import TextTower
from vasari.retrieval.models.clip.transformers_clip import (
    TransformersClip,
    TransformersTokenizer,
)
from vasari.retrieval.models.clip.transformers_clip import image_preprocessing as as_transformers
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.files import ModelFiles
from vasari.retrieval.models.tokenizers import TextPreprocessing


def build_model(files: ModelFiles, *, mapped: bool = False) -> Any:
    """The model with its weights, in float32 on the CPU, ready for inference; see `builder` for `mapped`."""
    if files.transformers is None:
        return builder.build_model(files, mapped=mapped)
    return TransformersClip(files.weights.parent, files.transformers).eval().requires_grad_(False)


def build_tokenizer(files: ModelFiles, model: Any) -> Any:
    """The model's own tokenizer, called with texts for rows of tokens."""
    return model.tokenizer if isinstance(model, TransformersClip) else builder.build_tokenizer(files)


def build_text_tower(files: ModelFiles, model: Any) -> TextTower:
    """The text half, for token batches of any length up to its context."""
    if isinstance(model, TransformersClip):
        return model.text
    return TextTower(model, files.text_settings.get("tokenizer_mode")).eval()


def image_preprocessing(files: ModelFiles, model: Any) -> ImagePreprocessing:
    """Preprocessing as the model's files say."""
    if isinstance(model, TransformersClip):
        return as_transformers(model.folder)
    return builder.image_preprocessing(files, model)


def text_preprocessing(files: ModelFiles, tower: TextTower, tokenizer: Any) -> TextPreprocessing:
    """How this model's texts are cleaned, padded and cropped."""
    if isinstance(tokenizer, TransformersTokenizer):
        return tower.cropping()
    return builder.text_preprocessing(files, tower, tokenizer)
