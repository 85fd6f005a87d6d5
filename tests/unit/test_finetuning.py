"""Fine-tuning on pairs some of which cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.grey import write_picture
from tests.models import build, write_model
from tests.transformers_models import write_transformers_model
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.models.clip.builder import model_settings
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.registry.files import ModelFiles
from vasari.retrieval.models.registry.resolve import resolve
from vasari.training.finetuning import fine_tune
from vasari.training.loop import Run, Schedule
from vasari.training.options import FineTuning

WEIGHTS = "open_clip_model.safetensors"


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


def small_pairs(folder: Path) -> Dataset:
    """Three pictures with a word each."""
    files = [folder / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        write_picture(file, number)
    return Dataset("pairs", folder, tuple(files), ("one", "two", "three"), (0, 1, 2))


def test_a_locked_tower_keeps_its_statistics(tmp_path: Path) -> None:
    """Batch normalisation of a locked vision tower counts no batch."""
    folder = write_model(tmp_path / "model", "clip")
    content = json.loads((folder / "open_clip_config.json").read_text())
    content["model_cfg"]["vision_cfg"] = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
    content["model_cfg"]["text_cfg"] |= {"vocab_size": 49408, "context_length": 16}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    weights = build(content["model_cfg"]).state_dict()
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    options = FineTuning(
        str(folder), Schedule(steps=2, learning_rate=0.1, warmup=1), 3, lock="image", device="cpu"
    )
    fine_tune(small_pairs(tmp_path), None, tmp_path / "made", options, progress=False)
    trained = load_file(tmp_path / "made" / WEIGHTS)
    for name, value in weights.items():
        if name.startswith("visual."):
            assert torch.equal(trained[name], value), name
    assert not torch.equal(trained["text_projection"], weights["text_projection"])


def test_a_model_of_transformers_is_saved_as_one(tmp_path: Path) -> None:
    """It is what transformers and Vasari load, tokenizer and all."""
    folder = write_transformers_model(tmp_path / "model", "clip")
    options = FineTuning(str(folder), Schedule(steps=2, learning_rate=0.01, warmup=1), 3, device="cpu")
    fine_tune(small_pairs(tmp_path), None, tmp_path / "made", options, progress=False)
    before, after = (
        OpenClipEncoder.load(str(path), precision="float32").embed_texts(["one"])
        for path in (folder, tmp_path / "made")
    )
    assert float((before * after).sum()) < 0.9999


def test_weights_that_were_trained_with_quick_gelu_keep_it(tmp_path: Path) -> None:
    """For every tag of open_clip: the architecture's configuration says nothing of it, the tag's does."""
    quick = 0
    for architecture, tag in open_clip.list_pretrained():
        config = open_clip.get_model_config(architecture) or {}
        asked = (open_clip.get_pretrained_cfg(architecture, tag) or {}).get("quick_gelu", False)
        files = ModelFiles(resolve(f"{architecture}/{tag}"), tmp_path, config, None, None, None)
        found = model_settings(files).get("quick_gelu", False)
        assert found == (asked or config.get("quick_gelu", False)), f"{architecture}/{tag}"
        quick += found and not config.get("quick_gelu", False)
    assert quick >= 27


def test_a_checkpoint_file_has_the_activation_of_its_architecture_s_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As in open_clip; that an architecture has weights of both kinds is told, with the name of the other."""
    file = tmp_path / "weights.safetensors"
    file.touch()
    for name, quick in (("ViT-B-32", False), ("ViT-B-32-quickgelu", True), ("ViT-B-32-256", False)):
        caplog.clear()
        config = open_clip.get_model_config(name) or {}
        files = ModelFiles(resolve(f"{name}:{file}"), file, config, None, None, None)
        assert model_settings(files).get("quick_gelu", False) is quick
        assert ("ViT-B-32-quickgelu:" in caplog.text) is (name == "ViT-B-32")


def test_a_model_with_quick_gelu_is_saved_as_one(tmp_path: Path) -> None:
    """A run that learns nothing saves the same function."""
    folder = write_model(tmp_path / "model", "clip", quick_gelu=True)
    options = FineTuning(str(folder), Schedule(steps=1, learning_rate=1e-12, warmup=1), 3, device="cpu")
    fine_tune(small_pairs(tmp_path), None, tmp_path / "made", options, progress=False)
    before, after = (
        OpenClipEncoder.load(str(path), device="cpu", precision="float32").embed_texts(["one", "two dogs"])
        for path in (folder, tmp_path / "made")
    )
    assert centred_cosines(after, before).min() > 0.99999
    content = json.loads((tmp_path / "made" / "open_clip_config.json").read_text())
    content["model_cfg"].pop("quick_gelu")
    (tmp_path / "made" / "open_clip_config.json").write_text(json.dumps(content))
    plain = OpenClipEncoder.load(str(tmp_path / "made"), device="cpu", precision="float32")
    assert centred_cosines(plain.embed_texts(["one", "two dogs"]), before).min() < 0.9999


def test_a_run_with_a_bad_picture_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had never been: the same weights, and the picture is named."""
    pairs = small_pairs(tmp_path)
    pairs.images[1].write_bytes(b"no picture")
    plan = Schedule(steps=4, learning_rate=0.01, warmup=1, save_every=1)
    options = FineTuning(str(write_model(tmp_path / "model", "clip")), plan, 3, device="cpu")
    left_out = fine_tune(pairs, None, tmp_path / "quiet", options, progress=False)
    assert list(left_out) == [pairs.images[1]]

    update = Run._update

    def stopping(run: Run, *parts: Any) -> dict[str, float]:
        if run.step == 2:
            raise KeyboardInterrupt
        return update(run, *parts)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "_update", stopping)
        with pytest.raises(KeyboardInterrupt):
            fine_tune(pairs, None, tmp_path / "stopped", options, progress=False)
    assert not (tmp_path / "stopped" / WEIGHTS).exists()
    assert list(fine_tune(pairs, None, tmp_path / "stopped", options, progress=False)) == [pairs.images[1]]
    quiet, gone_on = (load_file(tmp_path / name / WEIGHTS) for name in ("quiet", "stopped"))
    for name, value in quiet.items():
        torch.testing.assert_close(gone_on[name], value)
