"""Hybrid search is measured over what a captioner wrote, with the engine's own parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vasari.retrieval.domain import Picture
from vasari.retrieval.evaluation.hybrid import BATCH, CaptionIndex, Captioning
from vasari.retrieval.models.ports import Detail
from vasari.retrieval.search.relevance import Null


class Painter:
    """Names a picture by its grey; may be interrupted."""

    def __init__(self, patience: int = 100) -> None:
        self.patience = patience
        self.asked = 0

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        if self.patience == 0:
            raise KeyboardInterrupt
        self.patience -= 1
        self.asked += len(images)
        return [f"grey{int(np.asarray(image)[0, 0, 0])}" for image in images]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """One picture more than a batch, each of a grey of its own."""
    paths = [tmp_path / f"{number}.png" for number in range(BATCH + 1)]
    for grey, path in enumerate(paths):
        Image.new("RGB", (4, 4), (grey, grey, grey)).save(path)
    return paths


def test_words_of_captions_lift_the_picture_they_are_about() -> None:
    """A picture that is third by cosine and alone named by the words comes first; without words nothing changes."""
    scores = np.array([[0.3, 0.2, 0.15], [0.3, 0.2, 0.15]], np.float32)
    nulls = [Null(0.3, 0.2)] * 2
    with CaptionIndex.of(["boats", "cars", "the lighthouse"]) as index:
        raised = index.raised(["a lighthouse", "qqq"], scores, nulls)
    assert np.argsort(-raised, axis=1).tolist() == [[2, 0, 1], [0, 1, 2]]
    assert (raised[1] == scores[1]).all()


def test_an_interrupted_captioning_goes_on_where_it_was(pictures: list[Path], tmp_path: Path) -> None:
    """Captions of finished batches are kept, those of another captioner are not taken for them."""
    kept = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        Captioning(Painter(patience=1), "a", kept).write(pictures, lambda _done: None)
    painter = Painter()
    captions = Captioning(painter, "a", kept).write(pictures, lambda _done: None)
    assert captions == [f"grey{number}" for number in range(BATCH + 1)]
    assert painter.asked == 1
    other = Painter()
    Captioning(other, "b", kept).write(pictures, lambda _done: None)
    assert other.asked == BATCH + 1


def test_a_torn_line_is_written_again(pictures: list[Path], tmp_path: Path) -> None:
    """What was being written when the power failed is captioned anew."""
    kept = tmp_path / "kept"
    whole = Captioning(Painter(), "a", kept).write(pictures, lambda _done: None)
    [file] = kept.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert Captioning(Painter(), "a", kept).write(pictures, lambda _done: None) == whole
    assert len(file.read_text().splitlines()) == len(pictures)
