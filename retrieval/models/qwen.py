"""Qwen3-VL (Qwen team, 2025), a language model that sees: it describes pictures and answers questions about them.

`Qwen3VLForConditionalGeneration` and its processor load by their own `from_pretrained`; the prompt is made by the chat
template of the folder, which transformers renders in a sandbox.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.models.clip.vocabulary import check_vocabulary
from vasari.retrieval.models.generation import MAX_QUESTION, go_on, readable_words
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.ports import Detail, Task
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.settings import Precision

PROMPTS: dict[Detail, str] = {
    "short": "Describe this picture in one sentence.",
    "detailed": "Describe in two or three sentences all that is to be seen in this picture.",
    "more": "Describe this picture in a paragraph, in every detail.",
}
MAX_NEW_TOKENS = 512
_SAMPLING = ("temperature", "top_p", "top_k")


def load_qwen(directory: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model in a folder and its processor; ModelUnavailableError where something of it is missing."""
    with readable(directory), quiet():
        model = whole(Qwen3VLForConditionalGeneration, directory, dtype)
        processor = AutoProcessor.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        check_vocabulary(processor.tokenizer, model.model.language_model, directory)
    if processor.chat_template is None:
        raise ModelUnavailableError(f"{directory} says not how it is spoken to: no chat_template.jinja")
    return model, processor


class QwenCaptioner:
    """Writes greedily, so always the same of the same. Safe to call from several threads; they take turns."""

    tasks = frozenset({Task.CAPTION, Task.PARAGRAPH, Task.ANSWER})

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format."""
        self._turn = threading.Lock()
        self._device = choose_device(device)
        self._dtype = choose_dtype(self._device, precision)
        model, self._processor = load_qwen(directory, self._dtype)
        for name in _SAMPLING:  # without them transformers warns that they have no effect
            setattr(model.generation_config, name, None)
        self._model = model.to(self._device).eval()

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """One description for each picture: a sentence, a few, or a paragraph."""
        return [self._say(image, PROMPTS[detail]) for image in images]

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer for each (picture, question) pair, one by one: each picture has a length of its own."""
        return [self.answer(image, question) for image, question in zip(images, questions, strict=True)]

    def answer(self, image: Picture, question: str) -> str:
        """An answer to a question about the picture; UsageError for one without words."""
        return self._say(image, readable_words(question, self._processor.tokenizer, MAX_QUESTION))

    @torch.inference_mode()
    def _say(self, image: Picture, words: str) -> str:
        content = [{"type": "image", "image": image}, {"type": "text", "text": words}]
        with self._turn:
            cancellation.check()
            inputs = self._processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self._device, self._dtype)
            tokens = self._model.generate(
                **inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, stopping_criteria=[go_on]
            )
            said = tokens[0, inputs["input_ids"].shape[1] :]
            return str(self._processor.decode(said, skip_special_tokens=True)).strip()
