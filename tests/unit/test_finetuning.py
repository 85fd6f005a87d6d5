"""Fine-tuning on pairs some of which cannot be used."""

from __future__ import annotations

from pathlib import Path

from tests.grey import write_picture
from tests.models import write_model
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.training.finetuning import FineTuning, fine_tune
from vasari.training.loop import Schedule


def test_pictures_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    """Of the training set and of the validation set."""
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for number, file in enumerate(files[:3]):
        write_picture(file, number)
    files[3].write_bytes(b"no picture")

    def pairs(images: list[Path]) -> Dataset:
        words, answers = tuple(image.stem for image in images), tuple(range(len(images)))
        return Dataset("pairs", tmp_path, tuple(images), words, answers)

    plan = Schedule(steps=1, learning_rate=0.001, warmup=1, evaluate_every=1)
    options = FineTuning(str(write_model(tmp_path / "model", "clip")), plan, batch=4, device="cpu")
    left_out = fine_tune(pairs(files), pairs(files), tmp_path / "made", options, progress=False)
    assert list(left_out) == [files[3]]
    assert (tmp_path / "made" / "open_clip_model.safetensors").is_file()
