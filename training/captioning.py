"""Training of a Florence-2 captioner: one sequence-to-sequence loss for captions, answers and boxes.

Florence-2 (Xiao et al., CVPR 2024, section 3) writes every task as text: a prompt goes in beside the picture, the
answer comes out, boxes as location tokens. The examples of one picture share its pass through the vision tower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CAPTION = "What does the image describe?"  # what Florence2Processor makes of <CAPTION>, and so on
DETAILED = "Describe in detail what is shown in the image."
DETECT = "Locate the objects with category name in the image."
GROUND = "Locate the phrases in the caption: {}"
BINS = 1000  # Florence-2 cuts the picture's sides into so many
_LEVELS = 50  # that sides of boxes are rounded to: few tokens need learning
_IGNORED = -100

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt about picture `picture` of the batch, and what should come out."""

    picture: int
    prompt: str
    answer: str


def located(label: str, boxes: Sequence[Box]) -> str:
    """A label with its boxes in location tokens."""
    step = BINS // _LEVELS
    corners = (min(BINS - 1, max(0, round(side * _LEVELS) * step)) for box in boxes for side in box)
    return label + "".join(f"<loc_{corner}>" for corner in corners)


def encode_examples(examples: Sequence[Example], tokenizer: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Which picture (n,), prompt ids (n, longest prompt) and labels (n, longest answer) with -100 for padding.

    A prompt is <s> words </s>, as Florence2Processor writes it; an answer is words </s>.
    """
    start, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    prompts = tokenizer([e.prompt for e in examples], add_special_tokens=False)["input_ids"]
    answers = tokenizer([e.answer for e in examples], add_special_tokens=False)["input_ids"]
    pictures = torch.tensor([e.picture for e in examples])
    ids = _padded([[start, *row, end] for row in prompts], pad)
    return pictures, ids, _padded([[*row, end] for row in answers], _IGNORED)


def answer_loss(
    model: Any, features: Tensor, pictures: Tensor, prompts: Tensor, labels: Tensor
) -> tuple[Tensor, float]:
    """Cross-entropy per answer token, and the share of answers all of whose tokens are right.

    `model` is a Florence2ForConditionalGeneration; `features` are its projected image features (pictures, tokens,
    width), and the rest comes from `encode_examples`.
    """
    config = model.config.text_config
    language = model.model.language_model
    shown = features[pictures]  # (n, image tokens, width)
    inputs = torch.cat([shown, language.get_input_embeddings()(prompts)], dim=1)
    mask = torch.cat(
        [torch.ones(shown.shape[:2], dtype=torch.long), (prompts != config.pad_token_id).long()], dim=1
    )
    encoded = language.encoder(inputs_embeds=inputs, attention_mask=mask)[0]
    before = labels.masked_fill(labels == _IGNORED, config.pad_token_id).roll(1, dims=1)
    before[:, 0] = config.decoder_start_token_id
    hidden = language.decoder(
        input_ids=before, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
    )[0]
    logits = model.lm_head(hidden)
    wrong = (logits.argmax(-1) != labels) & (labels != _IGNORED)
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED)
    return loss, 1 - wrong.any(dim=1).float().mean().item()


def _padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    result = torch.full((len(rows), max(map(len, rows))), fill)
    for number, row in enumerate(rows):
        result[number, : len(row)] = torch.tensor(row)
    return result
