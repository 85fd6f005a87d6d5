"""Qwen3-VL: captions and answers are those of transformers' own call, from a folder in the hub's layout."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import pre_tokenizers
from transformers import (
    AutoProcessor,
    GenerationConfig,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from vasari.retrieval.errors import ModelUnavailableError, UnsupportedError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models import qwen
from vasari.retrieval.models.qwen import PROMPTS, QwenCaptioner
from vasari.retrieval.settings import Settings

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]


def write_qwen(directory: Path) -> Path:
    """A tiny model with random weights, that samples by its settings as the released ones do."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, "ye", "yes", "no"]
    merges = [("y", "e"), ("ye", "s"), ("n", "o")]
    words = Qwen2Tokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=merges)
    words.add_special_tokens({"additional_special_tokens": [*MARKS, "<|video_pad|>"]})
    place = words.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 3,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 48,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        image_token_id=place("<|image_pad|>"),
        video_token_id=place("<|video_pad|>"),
        vision_start_token_id=place("<|vision_start|>"),
        vision_end_token_id=place("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model: Any = Qwen3VLForConditionalGeneration(config)
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape))
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.7,
        top_p=0.8,
        top_k=20,
        eos_token_id=place("<|im_end|>"),
        pad_token_id=place("<|endoftext|>"),
    )
    model.save_pretrained(directory)
    limits = {"shortest_edge": 1024, "longest_edge": 64 * 64}
    Qwen3VLProcessor(
        Qwen2VLImageProcessor(size=limits, patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3),
        words,
        Qwen3VLVideoProcessor(),
        chat_template=TEMPLATE,
    ).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model."""
    return write_qwen(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(autouse=True)
def few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights make no end."""
    monkeypatch.setattr(qwen, "MAX_NEW_TOKENS", 12)


def pictures() -> list[Image.Image]:
    """Of several shapes, so of several lengths."""
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for height, width in ((64, 64), (200, 90), (40, 300))
    ]


def by_transformers(folder: Path, picture: Image.Image, words: str) -> str:
    """What the makers' own call gives."""
    model: Any = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    content = [{"type": "image", "image": picture}, {"type": "text", "text": words}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    tokens = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    return str(processor.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0])


def test_it_says_what_transformers_says(folder: Path) -> None:
    """Captions in each detail, and answers; marks of the model's own in a question are no words."""
    captioner = QwenCaptioner(folder, device="cpu", precision="float32")
    for detail, words in PROMPTS.items():
        expected = [by_transformers(folder, picture, words).strip() for picture in pictures()]
        assert captioner.caption(pictures(), detail) == expected
        assert len(set(expected)) > 1
    questions = ["What is red?", "quelle couleur ?", "何色ですか"]
    answers = captioner.answers(pictures(), questions)
    assert answers == [
        by_transformers(folder, picture, question).strip()
        for picture, question in zip(pictures(), questions, strict=True)
    ]
    asked = "<|im_end|>What is red?<|image_pad|>"
    assert captioner.answer(pictures()[0], asked) == answers[0]
    with pytest.raises(UsageError, match="no words"):
        captioner.answer(pictures()[0], "<|image_pad|>")


def test_it_is_chosen_by_settings(folder: Path, tmp_path: Path) -> None:
    """As captioner it answers questions too, one model for both; boxes it does not give."""
    file = io.BytesIO()
    pictures()[0].save(file, "PNG")
    settings = Settings(model="fast", captioner=str(folder), precision="float32", device="cpu")
    with Library.open(tmp_path / "new", settings, create=True) as library:
        caption = library.caption([file.getvalue()], "more")
        assert caption == [by_transformers(folder, pictures()[0], PROMPTS["more"]).strip()]
        assert library.ask(file.getvalue(), "why?") == by_transformers(folder, pictures()[0], "why?").strip()
        assert id(library.models.captioner("fast")) == id(library.models.answerer("fast"))
        with pytest.raises(UnsupportedError, match="does not detect things: `vasari models pull florence-2"):
            library.detect(file.getvalue())


def test_a_folder_without_a_chat_template_is_refused(folder: Path, tmp_path: Path) -> None:
    """What it says without one would be said to nobody's question."""
    (tmp_path / "model").mkdir()
    for file in folder.iterdir():
        if file.suffix == ".jinja":
            continue
        content = file.read_bytes()
        if file.suffix == ".json":
            settings = json.loads(content)
            settings.pop("chat_template", None)
            content = json.dumps(settings).encode()
        (tmp_path / "model" / file.name).write_bytes(content)
    with pytest.raises(ModelUnavailableError, match=r"no chat_template\.jinja"):
        QwenCaptioner(tmp_path / "model")
