"""Cross-attention of few words over many patches, with the projections of keys and values absorbed.

BLIP projects each patch to a key and a value in every layer: 577 patches for a sentence of ten words. As

    q · (W_k x) = (W_kᵀ q) · x        and        Σ p (W_v x) = W_v (Σ p x),

the same attention can be had by projecting the words instead, which takes fewer products as long as there are few of
them (below 63 in BLIP base). The bias of the keys adds the same to all scores of a query, which the softmax takes off
again. DeepSeek-V2 absorbs the projections of its attention by the same identity (2024, section 2.1.2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def absorb(layers: nn.Module, kind: type[nn.Module]) -> None:
    """Let the cross-attentions in `layers`, of transformers' class `kind`, absorb their projections.

    Weights stay where they are and keep their names; in training mode nothing changes.
    """
    absorbing = type(f"Absorbed{kind.__name__}", (_Absorbed, kind), {})
    for name, layer in layers.named_modules():
        if type(layer) is kind and ".crossattention." in name:
            layer.__class__ = absorbing


class _Absorbed(nn.Module):
    """What stands before transformers' attention, of which it has `query`, `key`, `value` and the number of heads."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    num_attention_heads: int
    attention_head_size: int

    def forward(
        self, hidden_states: Tensor, *args: Any, encoder_hidden_states: Tensor | None = None, **given: Any
    ) -> tuple[Tensor, Tensor]:
        """What the words (n, words, width) read, and how much of each patch: (n, heads, words, patches).

        Each picture's patches are all attended to: no mask is looked at.
        """
        seen = encoder_hidden_states
        if self.training or seen is None or not self._saves(hidden_states.shape[1], *seen.shape[1:]):
            found: tuple[Tensor, Tensor] = super().forward(
                hidden_states, *args, encoder_hidden_states=seen, **given
            )
            return found
        count, words, _ = hidden_states.shape
        heads, size = self.num_attention_heads, self.attention_head_size
        asked = self.query(hidden_states).view(count, words, heads, size) * size**-0.5
        asked = torch.einsum("nthd,hdw->nhtw", asked, self.key.weight.view(heads, size, -1))
        scores = asked.reshape(count, heads * words, -1) @ seen.transpose(1, 2)
        shares = scores.view(count, heads, words, -1).softmax(dim=-1)
        read = (shares.reshape(count, heads * words, -1) @ seen).view(count, heads, words, -1)
        context = torch.einsum("nhtw,hdw->nthd", read, self.value.weight.view(heads, size, -1))
        return context.reshape(count, words, -1) + self.value.bias, shares

    def _saves(self, words: int, patches: int, width: int) -> bool:
        """Whether it takes fewer products than projecting the patches."""
        heads, size = self.num_attention_heads, self.attention_head_size
        absorbed = words * heads * width * (patches + size)
        plain = patches * heads * size * (width + words)
        return absorbed < plain
