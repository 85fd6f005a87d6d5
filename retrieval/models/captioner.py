"""The captioner: Florence-2 (Xiao et al., 2023), one sequence-to-sequence model for descriptions, answers and boxes.

A task token or a plain question goes in beside the picture, text comes out; boxes are written as location tokens,
which the model's own processor turns back into pixels. `Florence2ForConditionalGeneration` and its processor load by
their own `from_pretrained`; no remote code is run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoProcessor, Florence2ForConditionalGeneration

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.clip.vocabulary import check_vocabulary
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.ports import Detail, Region
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.settings import Precision

TASKS: dict[Detail, str] = {"short": "<CAPTION>", "detailed": "<DETAILED_CAPTION>"}
MAX_NEW_TOKENS = 128
MAX_QUESTION = 512  # characters
_MARKS = re.compile(r"<[^<>\s]*>")
_ENDS = 2  # tokens that begin and end a prompt


class Florence2Captioner:
    """Writes about pictures, greedily (deterministic). Safe to call from several threads; they take turns."""

    def __init__(self, directory: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load from `directory`, a folder in the hub's format."""
        self._turn = threading.Lock()
        self._device = choose_device(device)
        self._dtype = choose_dtype(self._device, precision)
        with readable(directory), quiet():
            model = whole(Florence2ForConditionalGeneration, directory, self._dtype)
            self._processor = AutoProcessor.from_pretrained(
                directory, local_files_only=True, trust_remote_code=False
            )
            check_vocabulary(self._processor.tokenizer, model.model.language_model, directory)
        self._model = model.to(self._device).eval()
        self.image_size: int = self._processor.image_processor.size["height"]

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """One description for each picture: a sentence, or with `detailed` all that is to be seen."""
        if not images:
            return []
        return [text.strip() for text in self._generate([TASKS[detail]] * len(images), images)]

    def answer(self, image: Picture, question: str) -> str:
        """A short answer to a question about the picture."""
        return self.answers([image], [question])[0]

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer for each (picture, question) pair, in one batch."""
        if not images:
            return []
        return [text.strip() for text in self._generate([self._read(q) for q in questions], images)]

    def _read(self, question: str) -> str:
        places = self._model.config.text_config.max_position_embeddings
        return readable_question(
            question, self._processor.tokenizer, places - self._processor.num_image_tokens - _ENDS
        )

    def locate(self, image: Picture, phrase: str) -> list[Region]:
        """Where in the picture the phrase is to be seen, in its pixels; empty if nowhere."""
        task = "<CAPTION_TO_PHRASE_GROUNDING>"
        return self._regions(image, task, task + phrase[:MAX_QUESTION])

    def detect(self, image: Picture) -> list[Region]:
        """All objects that the model sees, in the picture's pixels."""
        return self._regions(image, "<OD>", "<OD>")

    def _regions(self, image: Picture, task: str, prompt: str) -> list[Region]:
        text = self._generate([prompt], [image], special=True)[0]
        parsed: dict[str, Any] = self._processor.post_process_generation(
            text=text, task=task, image_size=(image.width, image.height)
        )[task]
        boxes = zip(parsed["bboxes"], parsed["labels"], strict=True)
        return [Region(left, top, right, bottom, label) for (left, top, right, bottom), label in boxes]

    @torch.inference_mode()
    def _generate(
        self, prompts: Sequence[str], images: Sequence[Picture], *, special: bool = False
    ) -> list[str]:
        with self._turn:
            cancellation.check()
            inputs = self._processor(
                text=list(prompts), images=list(images), padding=True, return_tensors="pt"
            )
            inputs = inputs.to(self._device, self._dtype)
            tokens = self._model.generate(
                **inputs,
                max_new_tokens=MAX_NEW_TOKENS,
                num_beams=1,
                do_sample=False,
                stopping_criteria=[_go_on],
            )
            if not special:
                return self._processor.batch_decode(tokens, skip_special_tokens=True)  # type: ignore[no-any-return]
            return [self._processor.decode(row, skip_special_tokens=False) for row in tokens]


def readable_question(question: str, tokenizer: Any, room: int) -> str:
    """A question without marks that mean something to the model (`<image>`, `<OD>`), cropped to `room` tokens.

    Raises UsageError for one without words.
    """
    words = _MARKS.sub(" ", question[:MAX_QUESTION]).strip()
    if not words:
        raise UsageError("the question has no words")
    tokens = tokenizer(
        words, add_special_tokens=False, truncation=True, max_length=room, return_offsets_mapping=True
    )
    places = tokens["offset_mapping"]
    # The last of a full row may be a part of a letter: an emoji is several tokens.
    return words if len(places) < room else words[: places[-1][0]]


def _go_on(tokens: Tensor, _scores: Any) -> Tensor:
    """Stopping criterion between two tokens, for each row (n,); AbandonedError if nobody waits any more."""
    cancellation.check()
    return torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
