"""Questions about photos: BLIP's answers are those of transformers' own call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import (
    AutoProcessor,
    BertTokenizer,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
)

from tests.transformers_models import write_blip
from vasari.retrieval.errors import ModelUnavailableError, UnsupportedError, UsageError
from vasari.retrieval.library.picture_models import load_answerer
from vasari.retrieval.models.answerer import BlipAnswerer
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.resolve import resolve
from vasari.retrieval.models.reranker import BlipReranker
from vasari.retrieval.settings import Settings

QUESTIONS = ("what is red?", "how many dogs are there, and where do they run?")


def test_answers_are_those_of_transformers(tmp_path: Path) -> None:
    """Several at once, as one by one; a question without words is refused."""
    folder = write_blip(tmp_path / "blip", BlipForQuestionAnswering)
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)) for _ in QUESTIONS]
    answerer = load_answerer("fast", Settings(answerer=str(folder), precision="float32", device="cpu"))
    model: Any = BlipForQuestionAnswering.from_pretrained(folder).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    expected = []
    for picture, question in zip(pictures, QUESTIONS, strict=True):
        inputs = processor(images=picture, text=question, return_tensors="pt")
        tokens = model.generate(**inputs, max_new_tokens=20)[0]
        expected.append(processor.decode(tokens, skip_special_tokens=True).strip())
    assert answerer.answers(pictures, QUESTIONS) == expected
    assert all(expected)
    assert answerer.answer(pictures[0], QUESTIONS[0]) == expected[0]
    with pytest.raises(UsageError, match="no words"):
        answerer.answer(pictures[0], " ")


def test_a_captioning_model_neither_answers_nor_reranks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its folder lacks their weights: that is said in one line, and no table of them is written."""
    folder = write_blip(tmp_path / "blip", BlipForConditionalGeneration)
    for load in (BlipAnswerer, BlipReranker):
        with pytest.raises(ModelUnavailableError, match="does not hold the weights") as caught:
            load(folder)
        assert "\n" not in str(caught.value)
    assert "MISSING" not in "".join(capfd.readouterr())


def test_a_reranker_answers_no_questions(tmp_path: Path) -> None:
    """It is refused with what to pull, before anything of it is loaded."""
    folder = write_blip(tmp_path / "blip", BlipForImageTextRetrieval)
    with pytest.raises(
        UnsupportedError, match="does not answer questions: `vasari models pull blip-vqa-base`"
    ):
        load_answerer("fast", Settings(answerer=str(folder), device="cpu"))


def test_wrong_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    """Half a tokenizer, weights of another shape, no word of how pictures are prepared, no weights."""
    whole = write_blip(tmp_path / "blip", BlipForQuestionAnswering)

    def refused(spoil: Callable[[Path], object]) -> str:
        folder = shutil.copytree(whole, tmp_path / "spoilt", dirs_exist_ok=True)
        spoil(folder)
        with pytest.raises(ModelUnavailableError) as caught:
            BlipAnswerer(folder)
        shutil.rmtree(folder)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def wider(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        content["vision_config"]["patch_size"] = 8
        (folder / "config.json").write_text(json.dumps(content))

    assert "not all of its files came" in refused(BertTokenizer().save_pretrained)
    assert "patch_embedding" in refused(wider)
    assert "no preprocessor_config.json" in refused(
        lambda folder: (folder / "processor_config.json").unlink()
    )
    assert "holds no weights" in refused(lambda folder: (folder / "model.safetensors").unlink())


def test_florence_as_microsoft_wrote_it_names_the_conversion(tmp_path: Path) -> None:
    """Its layout brings code; the one that transformers loads is another repository."""
    content = {"model_type": "florence2", "auto_map": {"AutoModelForCausalLM": "modeling_florence2.F"}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UnsupportedError, match="florence-community/Florence-2-base"):
        resolve(str(tmp_path), ModelKind.CAPTIONER)
