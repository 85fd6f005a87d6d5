"""The answerer: BLIP's visual question answering (Li et al., 2022, section 4.4), for questions about photos.

The question attends to the picture, and a decoder writes the answer, a few words. `BlipForQuestionAnswering` and its
processor load by their own `from_pretrained`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoProcessor, BlipForQuestionAnswering

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.clip.vocabulary import check_vocabulary
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.ports import Task
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.settings import Precision

MAX_NEW_TOKENS = 20  # as many as its makers generate


class BlipAnswerer:
    """Answers questions, greedily (deterministic). Safe to call from several threads; they take turns."""

    tasks = frozenset({Task.ANSWER})

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format."""
        self._turn = threading.Lock()
        self._device = choose_device(device)
        self._dtype = choose_dtype(self._device, precision)
        with readable(directory), quiet():
            model = whole(BlipForQuestionAnswering, directory, self._dtype)
            self._processor = AutoProcessor.from_pretrained(
                directory, local_files_only=True, trust_remote_code=False
            )
            check_vocabulary(self._processor.tokenizer, model.text_encoder, directory)
        self._model = model.to(self._device).eval()
        self._most_words = int(model.config.text_config.max_position_embeddings)

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer for each (picture, question) pair; UsageError for a question without words.

        One by one: in a batch the decoder would also read the padding behind a shorter question (transformers 5.24).
        """
        return [self.answer(image, question) for image, question in zip(images, questions, strict=True)]

    @torch.inference_mode()
    def answer(self, image: Picture, question: str) -> str:
        """A short answer to a question about the picture; UsageError for one without words."""
        if not question.strip():
            raise UsageError("the question has no words")
        with self._turn:
            cancellation.check()
            inputs = self._processor(
                images=image,
                text=question,
                truncation=True,
                max_length=self._most_words,
                return_tensors="pt",
            ).to(self._device, self._dtype)
            tokens = self._model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS)
            return str(self._processor.decode(tokens[0], skip_special_tokens=True)).strip()
