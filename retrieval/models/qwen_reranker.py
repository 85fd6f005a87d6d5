"""Qwen3-VL-Reranker (Qwen team, 2026): a language model that sees is asked whether a picture answers a query.

Its makers' prompt, and their score: the sigmoid of the logit of "yes" less that of "no" behind it. The folder is one of
`Qwen3VLForConditionalGeneration`, such as Qwen/Qwen3-VL-Reranker-2B. What the vision tower makes of a picture, with the
features that are added in the first layers (deepstack), is kept; a pair is the language model's pass over it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.models.clip.pixels import tensor_of
from vasari.retrieval.models.generation import without_marks
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.matching import BICUBIC
from vasari.retrieval.models.qwen import load_qwen
from vasari.retrieval.settings import Precision

SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided."
    ' Note that the answer can only be "yes" or "no".'
)
INSTRUCTION = "Given a search query, retrieve relevant candidates that answer the query."
MOST_PIXELS = 512 * 512  # 256 tokens, of 4 MB in the 2B model; its makers allow five times as many
LEAST_PIXELS = 64 * 64
MOST_LETTERS = 2000  # of a text
_LONGEST = 200  # times as long as wide: the processor takes no more
_NOTHING = "NULL"  # what the makers write for a query without words


class QwenReranker:
    """Match probabilities of (text, picture) pairs. Safe to call from several threads; they take turns."""

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format."""
        self._seeing, self._comparing = threading.Lock(), threading.Lock()
        self._device = choose_device(device)
        self._dtype = choose_dtype(self._device, precision)
        model, self._processor = load_qwen(directory, self._dtype)
        self._model = model.to(self._device).eval().requires_grad_(False)
        words = self._processor.tokenizer.get_vocab()
        if not {"yes", "no"} <= words.keys():
            raise ModelUnavailableError(f'{directory} has a tokenizer without the words "yes" and "no"')
        head = self._model.lm_head.weight
        self._yes = (head[words["yes"]] - head[words["no"]]).float()
        images = self._processor.image_processor
        self._step: int = images.patch_size * images.merge_size

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """Resize to at most `MOST_PIXELS` in steps of a token, keeping the shape: (H, W, 3). Thread-safe."""
        height, width = np.asarray(picture).shape[:2]
        height, width = max(height, -(-width // _LONGEST)), max(width, -(-height // _LONGEST))
        high, wide = smart_resize(height, width, self._step, LEAST_PIXELS, MOST_PIXELS)
        return np.asarray(picture.resize((wide, high), BICUBIC))

    @torch.inference_mode()
    def encode_images(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """What the vision tower makes of each picture: (rows, columns, width · (1 + layers of deepstack))."""
        with self._seeing:
            given = self._processor.image_processor(
                images=[tensor_of(picture).permute(2, 0, 1) for picture in pictures],
                input_data_format="channels_first",
                do_resize=False,
                return_tensors="pt",
            ).to(self._device)
            seen = self._model.model.get_image_features(
                given["pixel_values"], given["image_grid_thw"], return_dict=True
            )
        parts = (seen.pooler_output, *seen.deepstack_features)
        merge = self._processor.image_processor.merge_size
        return [
            torch.cat(of_one, dim=-1)
            .to(torch.float16)
            .cpu()
            .numpy()
            .reshape(high // merge, wide // merge, -1)
            for *of_one, (_, high, wide) in zip(*parts, given["image_grid_thw"].tolist(), strict=True)
        ]

    @torch.inference_mode()
    def score(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Probability in [0, 1] that text i describes picture i: (n,). One text is compared with all pictures."""
        asked = [texts[0]] * len(features) if len(texts) == 1 else list(texts)
        with self._comparing:
            cancellation.check()
            hidden = self._model.model(**self._inputs(asked, features)).last_hidden_state[:, -1]
            return torch.sigmoid(hidden.float() @ self._yes).cpu().numpy()

    def _inputs(self, texts: Sequence[str], features: Sequence[NDArray[np.float16]]) -> dict[str, Any]:
        grids = [features_of.shape[:2] for features_of in features]
        prompts = [
            self._prompt(text, rows * columns) for text, (rows, columns) in zip(texts, grids, strict=True)
        ]
        given = self._processor.tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt").to(
            self._device
        )
        merge = self._processor.image_processor.merge_size
        return {
            "input_ids": given["input_ids"],
            "attention_mask": given["attention_mask"],
            "mm_token_type_ids": (given["input_ids"] == self._processor.image_token_id).int(),
            "image_grid_thw": torch.tensor(
                [[1, rows * merge, columns * merge] for rows, columns in grids], device=self._device
            ),
            "mm_encoder_outputs": {"image": self._seen(features)},
        }

    def _prompt(self, text: str, tokens: int) -> str:
        words = without_marks(text[:MOST_LETTERS]) or _NOTHING
        content = [
            {"type": "text", "text": f"<Instruct>: {INSTRUCTION}"},
            {"type": "text", "text": "<Query>:"},
            {"type": "text", "text": words},
            {"type": "text", "text": "\n<Document>:"},
            {"type": "image"},
        ]
        system = {"role": "system", "content": [{"type": "text", "text": SYSTEM}]}
        told: str = self._processor.apply_chat_template(
            [system, {"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        mark = self._processor.image_token
        return told.replace(mark, mark * tokens)

    def _seen(self, features: Sequence[NDArray[np.float16]]) -> Any:
        each: list[Sequence[Tensor]] = [
            torch.split(self._flat(of_one), self._model.config.text_config.hidden_size, dim=1)
            for of_one in features
        ]
        first, *deeper = (list(parts) for parts in zip(*each, strict=True))
        return BaseModelOutputWithDeepstackFeatures(pooler_output=first, deepstack_features=deeper)

    def _flat(self, features: NDArray[np.float16]) -> Tensor:
        """The tokens of a picture, row by row: (rows · columns, width)."""
        return torch.from_numpy(features.reshape(-1, features.shape[-1])).to(self._device, self._dtype)
