"""Cross-attention with absorbed projections is transformers' own, to the last digits, and changes no weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BlipConfig, BlipForImageTextRetrieval
from transformers.models.blip.modeling_blip_text import BlipTextSelfAttention

from tests.unit.test_locating import drawn_scene
from vasari.retrieval.models.cross_attention import absorb
from vasari.retrieval.models.registry.presets import builtin_models_directory
from vasari.retrieval.models.reranker import BlipReranker

TEXTS = ["a dog", "a red boat on the sea at night, with two people in it", "dog " * 120]


@pytest.mark.parametrize("text", TEXTS)
def test_a_match_is_that_of_transformers(text: str) -> None:
    """For few words, where it takes another way, and for many, where it does not."""
    folder = builtin_models_directory() / "scenes-itm"
    reranker = BlipReranker(folder, device="cpu", precision="float32")
    pictures = [reranker.prepare(drawn_scene(seed)) for seed in (1, 2, 3)]
    model: Any = BlipForImageTextRetrieval.from_pretrained(folder, dtype=torch.float32).eval()
    words = AutoTokenizer.from_pretrained(folder)(
        [text] * 3, truncation=True, max_length=128, return_tensors="pt"
    )
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    mean, std = (part.cpu() for part in (reranker._mean, reranker._std))
    with torch.inference_mode():
        logits = model(pixel_values=(pixels - mean) / std, use_itm_head=True, **words).itm_score
    found = reranker.score([text], reranker.encode_images(pictures))
    np.testing.assert_allclose(found, logits.softmax(1)[:, 1], atol=2e-3)  # features are kept in float16
    exact = reranker.logits([text], reranker.see(np.stack(pictures)))
    torch.testing.assert_close(exact, logits, atol=2e-4, rtol=1e-4)


def test_both_ways_read_the_same() -> None:
    """One layer by itself: what is read, and how much of each patch."""
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        part = {"hidden_size": 48, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3}
        config = BlipConfig(text_config=part, vision_config=part | {"image_size": 32})
        model = BlipForImageTextRetrieval(config).text_encoder.eval()
        layer = model.encoder.layer[0].crossattention.self
        words, patches = torch.randn(2, 2, 48), torch.randn(2, 50, 48)
        plain = layer(words, encoder_hidden_states=patches)
        names = list(model.state_dict())
        absorb(model, BlipTextSelfAttention)
        assert type(layer) is not BlipTextSelfAttention
        assert list(model.state_dict()) == names
        absorbed = layer(words, encoder_hidden_states=patches)
    for one, other in zip(absorbed, plain, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
