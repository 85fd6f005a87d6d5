"""What people ask the captioner, made into what it can read."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.captioner import readable_question
from vasari.retrieval.models.registry.presets import builtin_models_directory


def test_any_question_fits_the_model() -> None:
    """Long ones are cropped by tokens, not letters (an emoji is several); marks of the model's own are no words."""
    folder = builtin_models_directory() / "scenes-florence"
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert readable_question("What is red?", tokenizer, 100) == "What is red?"
    for question in ("\U0001f600" * 500, "x " * 256, "<image>" * 10 + "what" + "<OD>" * 50):
        cropped = readable_question(question, tokenizer, 20)
        assert 0 < len(tokenizer(cropped, add_special_tokens=False)["input_ids"]) <= 20
        assert "<" not in cropped
    assert readable_question("is 1 < 2 and 3 > 2?", tokenizer, 100) == "is 1 < 2 and 3 > 2?"
    with pytest.raises(UsageError):
        readable_question(" <image> ", tokenizer, 100)
