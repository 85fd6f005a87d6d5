"""BLIP-2 and Qwen3-VL as rerankers: scores are those of transformers' own call, from folders in the hub's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoProcessor,
    AutoTokenizer,
    Blip2Config,
    Blip2ForImageTextRetrieval,
    BlipImageProcessor,
    Qwen3VLForConditionalGeneration,
)

from tests.unit.test_locating import drawn_scene
from tests.unit.test_qwen import write_qwen
from vasari.retrieval.domain import Item, Modality, Rerank, Term, TermKind
from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.library.loading import load_reranker
from vasari.retrieval.models.blip2_reranker import Blip2Reranker
from vasari.retrieval.models.ports import PointingReranker
from vasari.retrieval.models.qwen_reranker import (
    INSTRUCTION,
    LEAST_PIXELS,
    MOST_PIXELS,
    SYSTEM,
    QwenReranker,
)
from vasari.retrieval.models.registry.presets import builtin_models_directory
from vasari.retrieval.search.feature_cache import FeatureCache
from vasari.retrieval.search.reranking import RerankStage, rerank
from vasari.retrieval.settings import Settings

TEXT = "a red boat on the sea, with two people in it"


def write_blip2(directory: Path) -> Path:
    """A tiny model with random weights; its words are those of the built-in reranker."""
    words = AutoTokenizer.from_pretrained(builtin_models_directory() / "scenes-itm")
    part = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Blip2Config(
        vision_config=part | {"image_size": 64, "patch_size": 8, "hidden_size": 48},
        qformer_config=part
        | {"vocab_size": len(words), "encoder_hidden_size": 48, "use_qformer_text_input": True},
        num_query_tokens=4,
        image_text_hidden_size=16,
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model: Any = Blip2ForImageTextRetrieval(config)
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    model.save_pretrained(directory)
    words.save_pretrained(directory)
    BlipImageProcessor(size={"height": 64, "width": 64}).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def blip2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one."""
    return write_blip2(tmp_path_factory.mktemp("blip2"))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one."""
    return write_qwen(tmp_path_factory.mktemp("qwen"))


def settings(folder: Path) -> Settings:
    """A reranker by its folder."""
    return Settings(reranker=str(folder), device="cpu", precision="float32")


def shapes() -> list[Image.Image]:
    """Pictures of several shapes, one longer than the processor takes."""
    scene = drawn_scene(1)
    return [scene, scene.resize((90, 200)), scene.resize((300, 40)), scene.resize((900, 2))]


def test_blip2_matches_as_transformers_does(blip2: Path) -> None:
    """The matching head's probability, of several pictures in one batch."""
    reranker = load_reranker("fast", settings(blip2))
    assert isinstance(reranker, Blip2Reranker)
    assert not isinstance(reranker, PointingReranker)
    pictures = [drawn_scene(seed) for seed in (1, 2, 3)]
    model: Any = Blip2ForImageTextRetrieval.from_pretrained(blip2).eval()
    pixels = BlipImageProcessor.from_pretrained(blip2)(pictures, return_tensors="pt")["pixel_values"]
    words = AutoTokenizer.from_pretrained(blip2)([TEXT] * 3, return_tensors="pt")
    with torch.inference_mode():
        logits = model(
            pixels, words["input_ids"], words["attention_mask"], use_image_text_matching_head=True
        ).logits_per_image
    found = reranker.score([TEXT], reranker.encode_images([reranker.prepare(each) for each in pictures]))
    expected = logits.softmax(1)[:, 1].numpy()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=2e-3)


def by_transformers(folder: Path, picture: Image.Image, text: str) -> float:
    """The makers' own call: the logits of the answer behind their prompt, of one picture that is there in pixels."""
    model: Any = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    processor.image_processor.size = {"shortest_edge": LEAST_PIXELS, "longest_edge": MOST_PIXELS}
    said = [f"<Instruct>: {INSTRUCTION}", "<Query>:", text, "\n<Document>:"]
    content = [*({"type": "text", "text": each} for each in said), {"type": "image", "image": picture}]
    inputs = processor.apply_chat_template(
        [
            {"role": "system", "content": [{"type": "text", "text": SYSTEM}]},
            {"role": "user", "content": content},
        ],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    yes, no = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1]
    return float(torch.sigmoid(logits[yes] - logits[no]))


def test_qwen_says_yes_as_transformers_does(qwen: Path) -> None:
    """Pictures of several shapes, encoded and compared in one batch, each with what is kept of it."""
    reranker = load_reranker("fast", settings(qwen))
    assert isinstance(reranker, QwenReranker)
    pixels = [reranker.prepare(picture) for picture in shapes()]
    features = reranker.encode_images(pixels)
    assert len({each.shape for each in features}) == len(features)
    expected = [by_transformers(qwen, Image.fromarray(each), TEXT) for each in pixels]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(reranker.score([TEXT], features), expected, atol=2e-3)


def test_qwen_s_batches_change_nothing(qwen: Path) -> None:
    """Each pair by itself has the score it has beside longer ones; marks of the model's own are no words."""
    reranker = QwenReranker(qwen, device="cpu", precision="float32")
    features = reranker.encode_images([reranker.prepare(picture) for picture in shapes()])
    texts = ["a dog", TEXT * 3, "", "<|image_pad|> a dog"]
    together = reranker.score(texts, features)
    alone = [float(reranker.score([text], [each])[0]) for text, each in zip(texts, features, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert reranker.score(["a dog"], features)[3] == pytest.approx(together[3], abs=1e-4)


def test_qwen_reranks_within_the_stage(qwen: Path) -> None:
    """Like any other reranker: the order is that of its scores."""
    reranker = QwenReranker(qwen, device="cpu", precision="float32")
    pictures = dict(enumerate(shapes()))
    items = {n: Item(n, Modality.IMAGE, f"/{n}.png", f"hash {n}", 1, 1) for n in pictures}
    stage = RerankStage(reranker, FeatureCache(10**8), lambda wanted: pictures[wanted.id])  # type: ignore[union-attr]
    terms = (Term(TermKind.TEXT, text=TEXT),)
    outcome = rerank(
        terms, None, [(n, 0.1) for n in items], items, Rerank(deadline_ms=None, weight=1.0), stage
    )
    scores = reranker.score(
        [TEXT], [kept for n in items if (kept := stage.cache.get(f"hash {n}")) is not None]
    )
    assert [n for n, _ in outcome.ranked] == np.argsort(-scores, kind="stable").tolist()


def test_a_folder_of_another_kind_is_refused_in_one_line(blip2: Path, qwen: Path, tmp_path: Path) -> None:
    """What its configuration names has to be what its weights are."""
    for folder, other, named in (
        (blip2, "Qwen3VLForConditionalGeneration", "qwen3_vl"),
        (qwen, "Blip2ForImageTextRetrieval", "blip_2"),
        (blip2, "BlipForImageTextRetrieval", "blip"),
    ):
        wrong = tmp_path / named
        wrong.mkdir()
        for file in folder.iterdir():
            (wrong / file.name).symlink_to(file)
        content = json.loads((wrong / "config.json").read_text())
        (wrong / "config.json").unlink()
        (wrong / "config.json").write_text(json.dumps(content | {"architectures": [other]}))
        with pytest.raises(ModelUnavailableError, match=named) as caught:
            load_reranker("fast", settings(wrong))
        assert "\n" not in str(caught.value)
