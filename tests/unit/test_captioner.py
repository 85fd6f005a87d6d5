"""What people ask the captioner, made into what it can read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from vasari.retrieval.errors import ModelUnavailableError, UsageError
from vasari.retrieval.models.captioner import Florence2Captioner
from vasari.retrieval.models.generation import readable_words
from vasari.retrieval.models.registry.presets import builtin_models_directory


def test_weights_that_lack_a_part_are_refused(tmp_path: Path) -> None:
    """transformers would draw it at random, and every caption would be noise."""
    folder = shutil.copytree(builtin_models_directory() / "scenes-florence", tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    lost = "model.multi_modal_projector.image_projection.weight"
    del tensors[lost]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=lost) as refused:
        Florence2Captioner(folder, device="cpu")
    assert "\n" not in str(refused.value)


def test_any_question_fits_the_model() -> None:
    """Long ones are cropped by tokens, not letters (an emoji is several); marks of the model's own are no words."""
    folder = builtin_models_directory() / "scenes-florence"
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert readable_words("What is red?", tokenizer, 100) == "What is red?"
    for question in ("\U0001f600" * 500, "x " * 256, "<image>" * 10 + "what" + "<OD>" * 50):
        cropped = readable_words(question, tokenizer, 20)
        assert 0 < len(tokenizer(cropped, add_special_tokens=False)["input_ids"]) <= 20
        assert "<" not in cropped
    assert readable_words("is 1 < 2 and 3 > 2?", tokenizer, 100) == "is 1 < 2 and 3 > 2?"
    with pytest.raises(UsageError):
        readable_words(" <image> ", tokenizer, 100)
