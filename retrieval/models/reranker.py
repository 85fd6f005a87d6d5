"""The reranker: BLIP's image-text matching head over cross-attention (Li et al., 2022, section 3.2).

The picture is encoded once to patch features; each text then attends to them. Keeping those features (by content
hash, in `search/reranking.py`) makes the second query over the same candidates several times faster than the first.
What is left of a pair is mostly the projection of patches in each layer, which `cross_attention` does without.

The weights are a local folder in the hub's format, or a hub repository; `BlipForImageTextRetrieval` and its
processor load both by their own `from_pretrained`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BlipForImageTextRetrieval
from transformers.models.blip.modeling_blip_text import BlipTextSelfAttention

from vasari.retrieval.models.cross_attention import absorb
from vasari.retrieval.models.matching import MatchingReranker
from vasari.retrieval.settings import Precision


class BlipReranker(MatchingReranker):
    """BLIP's, which can also say where in a picture it looks."""

    kind = BlipForImageTextRetrieval

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format."""
        super().__init__(directory, device=device, precision=precision)
        absorb(self.model.text_encoder, BlipTextSelfAttention)

    @staticmethod
    def reading_part(model: Any) -> nn.Module:
        """The text encoder."""
        part: nn.Module = model.text_encoder
        return part

    def logits(self, texts: Sequence[str], features: Tensor) -> Tensor:
        """No match and match (n, 2) of text i with picture i, features (n, patches + 1, width)."""
        return self._attend(texts, features, keep=False)[0]

    def attention(self, text: str, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Where one picture (patches + 1, width) speaks for the text: the map (rows, columns), summing to 1.

        The cross-attention of the words, each weight times how much it raises the match (Grad-CAM, as ALBEF draws its
        heat maps; Li et al., 2021, section 6.2), over all heads and layers.
        """
        with self._comparing, torch.enable_grad():
            logits, layers = self._attend([text], self._tensor([features]).requires_grad_(), keep=True)
            gradients = torch.autograd.grad(logits[0, 1] - logits[0, 0], layers)
        raised = [
            (layer * slope.clamp(min=0)).float() for layer, slope in zip(layers, gradients, strict=True)
        ]
        heat = torch.stack([part[0, :, 1:-1, 1:].mean((0, 1)) for part in raised]).mean(0).detach()
        if float(heat.sum()) == 0:
            heat = torch.ones_like(heat)  # nothing in the picture speaks for the text
        side = round(len(heat) ** 0.5)
        return (heat / heat.sum()).view(side, side).cpu().numpy()

    def _attend(
        self, texts: Sequence[str], pictures: Tensor, *, keep: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits (n, 2), no match and match; each layer's cross-attention (n, heads, words, patches + 1) if kept."""
        ids, mask = self._tokens(texts, len(pictures))
        hidden = self.model.text_encoder(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=pictures,
            encoder_attention_mask=torch.ones(pictures.shape[:2], dtype=torch.long, device=self._device),
            output_attentions=keep,
        )
        logits = self.model.itm_head(hidden.last_hidden_state[:, 0])
        return logits, tuple(hidden.cross_attentions) if keep else ()
