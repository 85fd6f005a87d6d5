"""The captioner: Florence-2 (Xiao et al., 2023), one sequence-to-sequence model for descriptions, answers and boxes.

A task token or a plain question goes in beside the picture, text comes out; boxes are written as location tokens,
which the model's own processor turns back into pixels. Text is sought by beams, as its makers do: three, where the
folder's `generation_config.json` says nothing else. `Florence2ForConditionalGeneration` and its processor load by
their own `from_pretrained`; no remote code is run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor, Florence2ForConditionalGeneration

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture, Region, TextLine
from vasari.retrieval.models.clip.vocabulary import check_vocabulary
from vasari.retrieval.models.generation import go_on, readable_words
from vasari.retrieval.models.hardware import choose_device, choose_dtype
from vasari.retrieval.models.ports import Detail, Task
from vasari.retrieval.models.registry.checkpoints import readable
from vasari.retrieval.models.registry.transformers_folder import quiet, whole
from vasari.retrieval.settings import Precision

PROMPTS: dict[Detail, str] = {
    "short": "<CAPTION>",
    "detailed": "<DETAILED_CAPTION>",
    "more": "<MORE_DETAILED_CAPTION>",
}
BEAMS = 3
MAX_NEW_TOKENS = 1024  # as many as its makers generate
_PROMPT = 12  # tokens of a prompt beside the words given: those that begin and end it, and of a task


class Florence2Captioner:
    """Writes about pictures, always the same of the same. Safe to call from several threads; they take turns."""

    def __init__(
        self,
        directory: Path,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        tasks: frozenset[Task] = frozenset(Task),
        name: str = "",
    ) -> None:
        """Load from `directory`, a folder in the hub's format; what it was taught is said by who knows its name."""
        self.tasks = tasks
        self.name = name or directory.name
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
        self._beams = model.generation_config.num_beams or BEAMS
        self._places = int(model.config.text_config.max_position_embeddings)

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """One description for each picture: a sentence, all that is to be seen, or with `more` a paragraph."""
        if not images:
            return []
        return [text.strip() for text in self._generate([PROMPTS[detail]] * len(images), images)]

    def answer(self, image: Picture, question: str) -> str:
        """A short answer to a question about the picture."""
        return self.answers([image], [question])[0]

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer for each (picture, question) pair, in one batch."""
        if not images:
            return []
        return [text.strip() for text in self._generate([self._read(q) for q in questions], images)]

    def locate(self, image: Picture, phrase: str, size: tuple[int, int] | None = None) -> list[Region]:
        """Where the phrase is to be seen: phrase grounding, in which a sentence gives a box for each thing it names."""
        task = "<CAPTION_TO_PHRASE_GROUNDING>"
        return self._regions(image, task, task + self._read(phrase), size)

    def detect(
        self, image: Picture, size: tuple[int, int] | None = None, *, describe: bool = False
    ) -> list[Region]:
        """All objects that the model sees, each with its category, or with a description of its own."""
        task = "<DENSE_REGION_CAPTION>" if describe else "<OD>"
        return self._regions(image, task, task, size)

    def read(self, picture: Picture) -> list[TextLine]:
        """The lines of text in the picture, in its own pixels; how sure it is the model does not say: 1."""
        task = "<OCR_WITH_REGION>"
        parsed = self._parsed(picture, task, task, None)
        found = zip(parsed["quad_boxes"], parsed["labels"], strict=True)
        lines = ((label.replace("</s>", "").strip(), [round(each) for each in quad]) for quad, label in found)
        return [
            TextLine(text, 1.0, tuple(zip(quad[::2], quad[1::2], strict=True)))
            for text, quad in lines
            if text
        ]

    def _read(self, words: str) -> str:
        room = self._places - self._processor.num_image_tokens - _PROMPT
        return readable_words(words, self._processor.tokenizer, room)

    def _regions(self, image: Picture, task: str, prompt: str, size: tuple[int, int] | None) -> list[Region]:
        parsed = self._parsed(image, task, prompt, size)
        boxes = zip(parsed["bboxes"], parsed["labels"], strict=True)
        return [Region(left, top, right, bottom, label) for (left, top, right, bottom), label in boxes]

    def _parsed(self, image: Picture, task: str, prompt: str, size: tuple[int, int] | None) -> dict[str, Any]:
        """What the model wrote, as its processor reads it: places in pixels of `size`, or of the picture."""
        text = self._generate([prompt], [image], special=True)[0]
        parsed: dict[str, Any] = self._processor.post_process_generation(
            text=text, task=task, image_size=size or (image.width, image.height)
        )[task]
        return parsed

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
                max_new_tokens=min(MAX_NEW_TOKENS, self._places - 1),
                num_beams=self._beams,
                do_sample=False,
                stopping_criteria=[go_on],
            )
            if not special:
                return self._processor.batch_decode(tokens, skip_special_tokens=True)  # type: ignore[no-any-return]
            return [self._processor.decode(row, skip_special_tokens=False) for row in tokens]
