"""Fine-tuning of a reranker on pairs, against what the dual encoder takes for right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.embeddings import load_picture
from vasari.retrieval.models.reranker import BlipReranker
from vasari.training.finetuning import fine_tune
from vasari.training.loop import Schedule
from vasari.training.matching import hard_negatives
from vasari.training.options import FineTuning

COLOURS = ("red", "lime", "blue", "white", "black")


def coloured_pairs(folder: Path, words: tuple[str, ...]) -> Dataset:
    """One picture of one colour a caption, and one that cannot be read."""
    files = [folder / f"{number}.png" for number in range(len(words))]
    for file, colour in zip(files, COLOURS, strict=False):
        Image.new("RGB", (32, 32), colour).save(file)
    files[-1].write_bytes(b"no picture")
    return Dataset("pairs", folder, tuple(files), words, tuple(range(len(words))))


def test_a_reranker_learns_which_caption_belongs_to_which_picture(tmp_path: Path) -> None:
    """The saved folder is a reranker like any other, and prefers what it was taught."""
    pairs = coloured_pairs(tmp_path, ("a red boat", "a forest", "the sea", "snow", "night"))
    plan = Schedule(24, learning_rate=1e-3, warmup=2, evaluate_every=24)
    asked = FineTuning("scenes", plan, 4, device="cpu", reranker="scenes-itm", lora=4)
    left_out = fine_tune(pairs, pairs, tmp_path / "made", asked, progress=False)
    assert [path.name for path in left_out] == ["4.png"]
    reranker = BlipReranker(tmp_path / "made", device="cpu", precision="float32")
    pictures = [reranker.prepare(load_picture(path)) for path in pairs.images[:4]]
    features = reranker.encode_images(pictures)
    scores = np.stack([reranker.score([text], features) for text in pairs.texts[:4]])
    assert (scores.argmax(1) == np.arange(4)).mean() >= 0.75


def test_hard_negatives_are_the_nearest_that_are_not_right() -> None:
    """Best first, and fewer where there are not as many."""
    rows = np.eye(4, dtype=np.float32) + 0.1 * np.arange(4, dtype=np.float32)
    found = hard_negatives(rows, rows, [[0], [1], [2, 3], [0, 1, 3]], 2, block=3)
    assert [list(row) for row in found] == [[3, 2], [3, 2], [1, 0], [2]]


def test_what_a_reranker_cannot_learn_is_refused(tmp_path: Path) -> None:
    """Captions that are all the same, and wishes for dual encoders."""
    plan = Schedule(1, warmup=1)
    asked = FineTuning("scenes", plan, 4, device="cpu", reranker="scenes-itm")
    with pytest.raises(UsageError, match="belongs to every picture"):
        fine_tune(coloured_pairs(tmp_path, ("a", "A", "a")), None, tmp_path / "made", asked, progress=False)
    with pytest.raises(UsageError, match="--loss is for dual encoders"):
        FineTuning("scenes", plan, reranker="scenes-itm", loss="siglip").check()
