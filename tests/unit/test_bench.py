"""What `vasari bench` finds out about a folder and an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vasari.indexer.bench import BenchReport, Bottleneck, advice, bench
from vasari.retrieval.domain import EmbeddingSpace, Picture, UnitVectors, unit_vectors
from vasari.retrieval.errors import NotFoundError


class Encoder:
    """Mean colours as vectors."""

    space = EmbeddingSpace("mean", "mean", "", "", 3)
    dim = 3
    image_size = 16

    @property
    def preparer(self) -> Encoder:
        return self

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture.resize((16, 16)), np.uint8)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        return unit_vectors(batch.mean(axis=(1, 2)) + 1)

    def embed_texts(self, texts: object) -> UnitVectors:
        raise AssertionError("no texts are embedded")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures and a file that is none."""
    for number in range(4):
        Image.new("RGB", (64, 48), (number, 9, 200)).save(tmp_path / f"{number}.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return tmp_path


def test_every_stage_is_measured_and_nothing_is_written(photos: Path) -> None:
    """All stages have a speed, the slowest is the bottleneck, broken files are counted, and nothing is written."""
    before = sorted(photos.iterdir())
    report = bench(photos, Encoder(), model="mean", device="cpu", precision="float32", decode_threads=1)
    assert (report.pictures, report.skipped) == (4, 1)
    assert min(report.read, report.decode, report.encode, report.together, report.limit) > 0
    assert getattr(report, report.bottleneck) == min(report.read, report.decode, report.encode)
    assert report.limit < min(report.decode, report.encode)
    assert report.as_json()["share_of_limit"] == pytest.approx(report.together / report.limit, abs=1e-3)
    assert sorted(photos.iterdir()) == before


@pytest.mark.parametrize(
    ("device", "precision", "bottleneck", "words"),
    [
        ("cpu", "float32", "encode", "vasari models optimize"),
        ("cpu", "int8", "encode", "--device cuda"),
        ("cuda:0", "float16", "encode", "larger batch"),
        ("cuda:0", "float16", "decode", "GPU waits"),
        ("cpu", "float32", "decode", "more cores"),
        ("cpu", "float32", "read", "faster disk"),
    ],
)
def test_advice_fits_the_bottleneck_and_the_device(
    device: str, precision: str, bottleneck: Bottleneck, words: str
) -> None:
    """Each bottleneck has advice of its own, which depends on what computes."""
    report = BenchReport(
        100, 0, "m", device, precision, 32, 2, 12.0, 50.0, 40.0, 30.0, 17.0, 17.1, bottleneck
    )
    assert words in " ".join(advice(report))


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    """Nothing to measure on is said in one line."""
    with pytest.raises(NotFoundError, match="no pictures"):
        bench(tmp_path, Encoder(), model="mean", device="cpu", precision="float32")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(NotFoundError, match="can be decoded"):
        bench(tmp_path, Encoder(), model="mean", device="cpu", precision="float32")
