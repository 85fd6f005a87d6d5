"""BLIP-2's reranker (Li et al., 2023, section 3.1): learned queries read the picture beside the words.

`Blip2ForImageTextRetrieval` as it is released (`Salesforce/blip2-itm-vit-g`, `-coco`): 32 queries attend to the patches
in every second layer of the Q-Former and to the words in each; the matching head's logits are their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Blip2ForImageTextRetrieval
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerMultiHeadAttention

from vasari.retrieval.models.cross_attention import absorb
from vasari.retrieval.models.matching import MatchingReranker
from vasari.retrieval.settings import Precision


class Blip2Reranker(MatchingReranker):
    """BLIP-2's. Its Q-Former computes in float32 always, as transformers keeps it."""

    kind = Blip2ForImageTextRetrieval

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format."""
        super().__init__(directory, device=device, precision=precision)
        absorb(self.model.qformer, Blip2QFormerMultiHeadAttention)

    @staticmethod
    def reading_part(model: Any) -> nn.Module:
        """The embeddings of the Q-Former."""
        part: nn.Module = model.embeddings
        return part

    def logits(self, texts: Sequence[str], features: Tensor) -> Tensor:
        """No match and match (n, 2) of text i with picture i, features (n, patches + 1, width)."""
        model, count = self.model, len(features)
        ids, mask = self._tokens(texts, count)
        asking = model.query_tokens.expand(count, -1, -1)
        queries = asking.shape[1]
        hidden = model.qformer(
            query_embeds=model.embeddings(input_ids=ids, query_embeds=asking),
            query_length=queries,
            attention_mask=torch.cat([mask.new_ones(count, queries), mask], dim=1),
            encoder_hidden_states=features.to(asking.dtype),
            encoder_attention_mask=mask.new_ones(features.shape[:2]),
        ).last_hidden_state[:, :queries]
        found: Tensor = model.itm_head(hidden.to(model.itm_head.weight.dtype)).mean(dim=1)
        return found
