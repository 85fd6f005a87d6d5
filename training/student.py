"""A dual encoder in training: loaded in any layout, adapted, and written as `--model` reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.hf_model import HFTextEncoder
from open_clip.modified_resnet import ModifiedResNet
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from vasari.retrieval.errors import UnsupportedError, UsageError
from vasari.retrieval.models.clip.builder import model_settings
from vasari.retrieval.models.clip.layouts import build_model, build_tokenizer, image_preprocessing
from vasari.retrieval.models.clip.transformers_clip import TransformersClip
from vasari.retrieval.models.preprocessing import ImagePreprocessing, ResizeMode
from vasari.retrieval.models.registry.configurations import INDEX_SUFFIX
from vasari.retrieval.models.registry.files import ModelFiles, locate
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.resolve import architectures, resolve
from vasari.retrieval.models.registry.transformers_folder import quiet
from vasari.retrieval.storage.atomic import replaced
from vasari.training.lora import add_low_rank, merge_low_rank
from vasari.training.options import FineTuning, Tower


class Student:
    """A dual encoder in training, with its preprocessing and all that its directory holds.

    `config` is open_clip's configuration; `files` are what it was loaded from (None: it began at random), of which the
    tokenizer's are copied when it is saved.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        config: dict[str, Any],
        image: ImagePreprocessing,
        files: ModelFiles | None,
        device: torch.device,
    ) -> None:
        self.model, self.tokenizer, self.config = model.to(device), tokenizer, config
        self.image, self.files, self.device = image, files, device
        self.locked: list[nn.Module] = []
        self.config["preprocess_cfg"] = {
            "mean": list(image.mean),
            "std": list(image.std),
            "interpolation": image.interpolation,
            "resize_mode": str(image.resize_mode),
        }

    @classmethod
    def loaded(cls, reference: str, access: HubAccess, device: torch.device) -> Student:
        """The model of a reference; raises as loading does, and UnsupportedError for pictures of any shape (NaFlex)."""
        files = locate(resolve(reference), access)
        model = build_model(files)
        image = image_preprocessing(files, model)
        if image.resize_mode is ResizeMode.PATCHES:
            raise UnsupportedError(
                f"{reference} reads pictures as patches of any shape: it is not trained here"
            )
        config = {"model_cfg": model_settings(files)}
        return cls(model, build_tokenizer(files, model), config, image, files, device)

    @classmethod
    def untrained(cls, architecture: str, device: torch.device) -> Student:
        """An architecture of open_clip with random weights."""
        if architecture not in architectures():
            raise UsageError(
                f"--from-scratch needs the name of an open_clip architecture, not {architecture!r}"
            )
        config = open_clip.get_model_config(architecture)
        text = (config or {}).get("text_cfg", {})
        if config is None or "hf_tokenizer_name" in text or "hf_model_name" in text:
            raise UsageError(
                f"{architecture} needs a tokenizer of its own: train from a directory that holds it"
            )
        model: Any = open_clip.create_model(architecture, pretrained=None)
        image = ImagePreprocessing.from_open_clip(model.visual.image_size, {})
        return cls(model, open_clip.get_tokenizer(architecture), {"model_cfg": config}, image, None, device)

    def adapt(self, options: FineTuning) -> None:
        """Prepare for training: what is locked, what learns in full and what by low-rank changes."""
        self.locked = adapt(self.model, options, _tower_of)

    @property
    def side(self) -> int:
        """Pixels of the shorter side of what it is shown."""
        return min(self.image.height, self.image.width)

    def keep_locked(self) -> None:
        """Batch normalisation of a locked tower goes on with its own statistics, and dropout leaves nothing out."""
        for module in self.locked:
            module.eval()

    def pixels(self, batch: NDArray[np.uint8]) -> Tensor:
        """(n, H, W, 3) uint8 to (n, 3, H, W) as the model wants it."""
        pixels = torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (
            torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (self.image.mean, self.image.std)
        )
        return (pixels - mean) / std

    def embed_pictures(self, batch: NDArray[np.uint8]) -> Tensor:
        """Unit embeddings (n, dim) of prepared pictures (n, H, W, 3)."""
        model: Any = self.model
        embedded: Tensor = model.encode_image(self.pixels(batch), normalize=True)
        return embedded

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit embeddings (n, dim) of texts."""
        model: Any = self.model
        embedded: Tensor = model.encode_text(self.tokenizer(list(texts)).to(self.device), normalize=True)
        return embedded

    def save(self, output: Path) -> None:
        """Write configuration, tokenizer and weights in the hub's format: the layout that the model was read in."""
        merge_low_rank(self.model)
        if isinstance(self.model, TransformersClip):
            copy_text_files(self.model.folder, output)
            with quiet():
                self.model.saved_as[0].save_pretrained(output)
            return
        if self.files is not None:
            for folder in {self.files.tokenizer, self.files.text_model} - {None}:
                copy_text_files(Path(str(folder)), output)
        (output / "open_clip_config.json").write_text(json.dumps(self.config, indent=2) + "\n", "utf-8")
        weights = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        with replaced(output / "open_clip_model.safetensors") as (unfinished,):
            save_file(weights, unfinished, metadata={"format": "pt"})


def _tower_of(parameter: str) -> Tower | None:
    """Which tower a parameter belongs to; None for the temperature and bias, which always learn."""
    if parameter in ("logit_scale", "logit_bias"):
        return None
    return "image" if parameter.startswith("visual.") else "text"


def copy_text_files(source: Path, output: Path) -> None:
    """Copy what a model's folder holds beside its weights: tokenizer and configurations."""
    for pattern in ("*.json", "*.txt", "*.model"):
        for file in source.glob(pattern):
            if file.name != "open_clip_config.json" and not file.name.endswith(INDEX_SUFFIX):
                shutil.copyfile(file, output / file.name)


def adapt(model: nn.Module, options: FineTuning, tower_of: Callable[[str], Tower | None]) -> list[nn.Module]:
    """Set what learns, as the options say; the modules of a locked tower, which stay in evaluation.

    What `tower_of` counts to no tower (temperature, bias, a head) learns in any case, and in full.
    """
    if options.gradient_checkpointing:
        _recompute_activations(model)
    for name, parameter in model.named_parameters():
        tower = tower_of(name)
        parameter.requires_grad_(tower is None or (tower != options.lock and not options.lora))
    if options.lora:
        add_low_rank(model, options.lora, lambda name: tower_of(name) not in (None, options.lock))
    return [
        child
        for name, child in model.named_children()
        if options.lock is not None and tower_of(f"{name}.") == options.lock
    ]


def _recompute_activations(model: nn.Module) -> None:
    """Gradient checkpointing (Chen et al., 2016): each block's activations are computed again in the backward pass."""
    again: dict[str, Any] = {"use_reentrant": False}  # the other form loses gradients behind frozen inputs
    visual: Any = getattr(model, "visual", None)
    if isinstance(visual, ModifiedResNet):
        raise UnsupportedError("--gradient-checkpointing: open_clip has none for its ResNets")
    if isinstance(model, TransformersClip):
        model.saved_as[0].gradient_checkpointing_enable(gradient_checkpointing_kwargs=again)
    elif isinstance(model, PreTrainedModel):
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=again)
    else:
        whole: Any = model
        whole.set_grad_checkpointing(True)
        if isinstance(text := getattr(model, "text", None), HFTextEncoder):
            text.transformer.gradient_checkpointing_enable(gradient_checkpointing_kwargs=again)
