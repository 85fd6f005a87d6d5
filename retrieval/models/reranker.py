"""The reranker: BLIP's image-text matching head over cross-attention (Li et al., 2022, section 3.2).

The picture is encoded once to patch features; each text then attends to them. Keeping those features (by content
hash, in `search/reranking.py`) makes the second query over the same candidates several times faster than the first.

The weights are a local folder in the hub's format, or a hub repository; `BlipForImageTextRetrieval` and its
processor load both by their own `from_pretrained`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoTokenizer, BlipForImageTextRetrieval, BlipImageProcessor

from vasari.retrieval.domain import Picture
from vasari.retrieval.models.clip.pixels import tensor_of
from vasari.retrieval.models.clip.vocabulary import check_vocabulary
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.settings import Precision

BICUBIC = 3  # Pillow's number, as BlipImageProcessor's configuration writes it
MAX_TOKENS = 128


class BlipReranker:
    """Match probabilities of (text, picture) pairs. Safe to call from several threads; they take turns.

    `model`, `see` and `logits` are what the training of rerankers differentiates; it works in float32.
    """

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format (`registry.files.locate_folder` finds it)."""
        self._turn = threading.Lock()
        self._device = choose_device(device)
        self._dtype = choose_dtype(self._device, precision)
        with readable(directory), quiet():
            model = whole(BlipForImageTextRetrieval, directory, self._dtype)
            self._tokenizer = AutoTokenizer.from_pretrained(
                directory, local_files_only=True, trust_remote_code=False
            )
            check_vocabulary(self._tokenizer, model.text_encoder, directory)
            processor = BlipImageProcessor.from_pretrained(directory, local_files_only=True)
        self.model = model.to(self._device).eval().requires_grad_(False)
        self.image_size: int = processor.size["height"]
        self._mean = torch.tensor(processor.image_mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(processor.image_std, device=self._device).view(1, 3, 1, 1)

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """Resize to the model's square, as BlipImageProcessor does: (H, W, 3). Safe to call from many threads."""
        side = self.image_size
        return np.asarray(picture.resize((side, side), BICUBIC))

    @torch.inference_mode()
    def encode_images(self, batch: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Patch features (n, patches + 1, width) of prepared pictures (n, H, W, 3), small enough to be kept."""
        with self._turn:
            features = self.see(batch)
        return features.to(torch.float16).cpu().numpy()

    def see(self, batch: NDArray[np.uint8]) -> Tensor:
        """The same features as a tensor of the model's own precision."""
        pixels = tensor_of(batch).to(self._device)
        pixels = pixels.permute(0, 3, 1, 2).float() / 255
        pixels = ((pixels - self._mean) / self._std).to(self._dtype)
        features: Tensor = self.model.vision_model(pixel_values=pixels).last_hidden_state
        return features

    def logits(self, texts: Sequence[str], features: Tensor) -> Tensor:
        """No match and match (n, 2) of text i with picture i, features (n, patches + 1, width)."""
        return self._attend(texts, features, keep=False)[0]

    @torch.inference_mode()
    def score(self, texts: Sequence[str], features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Probability in [0, 1] that text i describes picture i: (n,). One text is compared with all pictures."""
        with self._turn:
            logits = self.logits(texts, self._tensor(features))
        return F.softmax(logits.float(), dim=1)[:, 1].cpu().numpy()

    def attention(self, text: str, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Where one picture (1, patches + 1, width) speaks for the text: the map (rows, columns), summing to 1.

        The cross-attention of the words, each weight times how much it raises the match (Grad-CAM, as ALBEF draws its
        heat maps; Li et al., 2021, section 6.2), over all heads and layers.
        """
        with self._turn, torch.enable_grad():
            logits, layers = self._attend([text], self._tensor(features).requires_grad_(), keep=True)
            gradients = torch.autograd.grad(logits[0, 1] - logits[0, 0], layers)
        raised = [
            (layer * slope.clamp(min=0)).float() for layer, slope in zip(layers, gradients, strict=True)
        ]
        heat = torch.stack([part[0, :, 1:-1, 1:].mean((0, 1)) for part in raised]).mean(0).detach()
        if float(heat.sum()) == 0:
            heat = torch.ones_like(heat)  # nothing in the picture speaks for the text
        side = round(len(heat) ** 0.5)
        return (heat / heat.sum()).view(side, side).cpu().numpy()

    def _tensor(self, features: NDArray[np.float16]) -> Tensor:
        return torch.from_numpy(features).to(self._device, self._dtype)

    def _attend(
        self, texts: Sequence[str], pictures: Tensor, *, keep: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits (n, 2), no match and match; each layer's cross-attention (n, heads, words, patches + 1) if kept."""
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).to(self._device)
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        if len(ids) == 1 < len(pictures):
            ids, mask = ids.expand(len(pictures), -1), mask.expand(len(pictures), -1)
        hidden = self.model.text_encoder(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=pictures,
            encoder_attention_mask=torch.ones(pictures.shape[:2], dtype=torch.long, device=self._device),
            output_attentions=keep,
        )
        logits = self.model.itm_head(hidden.last_hidden_state[:, 0])
        return logits, tuple(hidden.cross_attentions) if keep else ()
