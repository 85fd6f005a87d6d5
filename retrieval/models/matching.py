"""What rerankers with an image-text matching head share: BLIP's and BLIP-2's folders, pictures and scores."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoTokenizer, BlipImageProcessor

from vasari.retrieval.domain import Picture
from vasari.retrieval.models.clip.pixels import tensor_of
from vasari.retrieval.models.clip.vocabulary import check_vocabulary
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.settings import Precision

BICUBIC = 3  # Pillow's number, as BlipImageProcessor's configuration writes it
MAX_TOKENS = 128


class MatchingReranker(ABC):
    """Match probabilities of (text, picture) pairs. Safe to call from several threads; they take turns.

    `model`, `see` and `logits` are what the training of rerankers differentiates; it works in float32.
    """

    kind: type[nn.Module]
    """The class of transformers that loads the folder."""

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format (`registry.files.locate_folder` finds it)."""
        self._seeing = threading.Lock()
        self._comparing = threading.Lock()  # another: pairs need not wait for a picture
        self._device = choose_device(device)
        self._dtype = choose_dtype(self._device, precision)
        with readable(directory), quiet():
            model = whole(self.kind, directory, self._dtype)
            self._tokenizer = AutoTokenizer.from_pretrained(
                directory, local_files_only=True, trust_remote_code=False
            )
            check_vocabulary(self._tokenizer, self.reading_part(model), directory)
            processor = BlipImageProcessor.from_pretrained(directory, local_files_only=True)
        self.model = model.to(self._device).eval().requires_grad_(False)
        self.image_size: int = processor.size["height"]
        self._mean = torch.tensor(processor.image_mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(processor.image_std, device=self._device).view(1, 3, 1, 1)

    @staticmethod
    @abstractmethod
    def reading_part(model: Any) -> nn.Module:
        """The part of the model that has the table of its words."""

    @abstractmethod
    def logits(self, texts: Sequence[str], features: Tensor) -> Tensor:
        """No match and match (n, 2) of text i with picture i, features (n, patches + 1, width)."""

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """Resize to the model's square, as BlipImageProcessor does: (H, W, 3). Safe to call from many threads."""
        side = self.image_size
        return np.asarray(picture.resize((side, side), BICUBIC))

    @torch.inference_mode()
    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """Patch features (patches + 1, width) of each prepared picture (H, W, 3), small enough to be kept."""
        with self._seeing:
            features = self.see(np.stack(pictures))
        return list(features.to(torch.float16).cpu().numpy())

    def see(self, batch: NDArray[np.uint8]) -> Tensor:
        """The same features of (n, H, W, 3) as a tensor of the model's own precision."""
        pixels = tensor_of(batch).to(self._device)
        pixels = pixels.permute(0, 3, 1, 2).float() / 255
        pixels = ((pixels - self._mean) / self._std).to(self._dtype)
        features: Tensor = self.model.vision_model(pixel_values=pixels).last_hidden_state
        return features

    @torch.inference_mode()
    def score(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Probability in [0, 1] that text i describes picture i: (n,). One text is compared with all pictures."""
        with self._comparing:
            logits = self.logits(texts, self._tensor(features))
        return F.softmax(logits.float(), dim=1)[:, 1].cpu().numpy()

    def _tensor(self, features: Sequence[NDArray[np.float16]]) -> Tensor:
        return torch.from_numpy(np.stack(features)).to(self._device, self._dtype)

    def _tokens(self, texts: Sequence[str], pictures: int) -> tuple[Tensor, Tensor]:
        """Tokens and mask (n, length) for so many pictures."""
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).to(self._device)
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        if len(ids) == 1 < pictures:
            return ids.expand(pictures, -1), mask.expand(pictures, -1)
        return ids, mask
