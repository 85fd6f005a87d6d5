"""Checkpoints from elsewhere: they run no code, and wrong ones are refused in one line that says what is wrong."""

from __future__ import annotations

import ast
import json
import pickle  # noqa: TID251 (what an attacker writes)
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models import write_model, write_tokenizer
from vasari.retrieval.errors import ModelUnavailableError, VasariError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.reranker import BlipReranker
from vasari.training import checkpoints

ROOT = Path(__file__).parents[2]
WEIGHTS = "open_clip_model.safetensors"


class Program:
    """Unpickling it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.target, "run")


def refused(load: Callable[[], object]) -> str:
    """The one line of the error that `load` raises."""
    with pytest.raises(VasariError) as caught:
        load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_checkpoint_of_a_run_that_brings_code_is_not_run(tmp_path: Path, writer: str) -> None:
    """Going on with a run whose checkpoint somebody replaced ends in a line, and the program in it never runs."""
    state = {"model": Program(tmp_path / "ran"), "random": {}}
    if writer == "torch":
        torch.save(state, tmp_path / checkpoints.NAME)
    else:
        (tmp_path / checkpoints.NAME).write_bytes(pickle.dumps(state, protocol=2))
    assert "code of its own" in refused(lambda: checkpoints.resume(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", WEIGHTS])
def test_weights_that_bring_code_are_not_run(tmp_path: Path, name: str) -> None:
    """Nor those of a model folder, whatever the file is called."""
    model = write_model(tmp_path / "model", "clip")
    (model / WEIGHTS).unlink()
    torch.save({"visual.proj": Program(tmp_path / "ran")}, model / name)
    refused(lambda: OpenClipEncoder.load(str(model)))
    assert not (tmp_path / "ran").exists()


def test_a_run_goes_on_from_the_checkpoint_of_an_earlier_version(tmp_path: Path) -> None:
    """Earlier ones kept numpy's generator as an array; it is put back all the same."""
    np.random.seed(7)
    old = {"random": {"python": __import__("random").getstate(), "numpy": np.random.get_state()}}
    expected = np.random.rand(3)
    old["random"]["torch"] = torch.get_rng_state()
    torch.save({**old, "step": 4}, tmp_path / checkpoints.NAME)
    np.random.seed(8)
    assert checkpoints.resume(tmp_path) == {"step": 4}
    np.testing.assert_array_equal(np.random.rand(3), expected)


def _cut(model: Path) -> None:
    data = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(data[: len(data) // 2])


def _cut_in_its_header(model: Path) -> None:
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:100])


def _empty(model: Path) -> None:
    (model / WEIGHTS).write_bytes(b"")


def _web_page(model: Path) -> None:
    (model / WEIGHTS).write_text("<!doctype html><title>Sign in</title>")


def _pointer(model: Path) -> None:
    (model / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _noise(model: Path) -> None:
    (model / WEIGHTS).write_bytes(bytes(range(256)) * 9)


def _other_shapes(model: Path) -> None:
    tensors = load_file(model / WEIGHTS)
    save_file(tensors | {"visual.proj": torch.zeros(7, 7)}, model / WEIGHTS)


def _other_architecture(model: Path) -> None:
    shutil.copy(write_model(model.parent / "other", "siglip") / WEIGHTS, model / WEIGHTS)


def _other_configuration(model: Path) -> None:
    name = "open_clip_config.json"
    shutil.copy(write_model(model.parent / "other", "siglip") / name, model / name)
    write_tokenizer(model, sentence_starts=False)


def _senseless_configuration(model: Path) -> None:
    path = model / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["model_cfg"]["vision_cfg"]["layers"] = "many"
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_cut, "cut off"),
        (_cut_in_its_header, "cut off"),
        (_empty, "is empty"),
        (_web_page, "is a web page"),
        (_pointer, "git lfs pull"),
        (_noise, "not in the format of safetensors"),
        (_other_shapes, "1 have another shape (such as visual.proj)"),
        (_other_architecture, "does not fit its configuration"),
        (_other_configuration, "does not fit its configuration"),
        (_senseless_configuration, "cannot be used"),
    ],
)
def test_a_wrong_checkpoint_is_refused_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    """The line names the file and what is wrong with it."""
    model = write_model(tmp_path / "model", "clip")
    spoil(model)
    said = refused(lambda: OpenClipEncoder.load(str(model)))
    assert words in said
    assert str(model) in said


@pytest.mark.parametrize("broken", ["tokenizer.json", "tokenizer_config.json"])
def test_a_broken_tokenizer_is_refused_in_one_line(tmp_path: Path, broken: str) -> None:
    """Half a file, as a download that was cut leaves it."""
    model = write_model(tmp_path / "model", "siglip")
    (model / broken).write_text((model / broken).read_text()[:60])
    assert str(model) in refused(lambda: OpenClipEncoder.load(str(model)))


def test_a_tokenizer_of_more_words_than_the_model_has_is_refused_in_one_line(tmp_path: Path) -> None:
    """It would ask for vectors of words that are not there."""
    model = write_model(tmp_path / "model", "siglip", text_cfg={"vocab_size": 4})
    assert str(model) in refused(lambda: OpenClipEncoder.load(str(model)))


def test_a_reranker_given_as_the_model_is_told_apart(tmp_path: Path) -> None:
    """A folder in transformers' format is no dual encoder, and the line says what it is."""
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BlipForImageTextRetrieval"]}))
    said = refused(lambda: OpenClipEncoder.load(str(tmp_path)))
    assert "BlipForImageTextRetrieval" in said


def test_a_folder_of_another_kind_is_no_reranker(tmp_path: Path) -> None:
    """What lies there is said in one line, not in the many of the library that reads it."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "blip"}))
    (tmp_path / "model.safetensors").write_text("<html></html>")
    with pytest.raises(ModelUnavailableError) as caught:
        BlipReranker(tmp_path)
    assert "\n" not in str(caught.value)


def _calls() -> Iterator[tuple[str, str, dict[str, ast.expr]]]:
    """Every call in the packages and benchmarks: where, of what, with which named arguments."""
    for room in ("api", "benchmarks", "indexer", "retrieval", "training"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    named = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
                    yield f"{path}:{node.lineno}", ast.unparse(node.func), named


def test_no_call_lets_foreign_files_run_code() -> None:
    """The linter bans what unpickles; here it is held what the arguments of the others have to be."""
    for place, called, named in _calls():
        for name, wanted in (("weights_only", True), ("allow_pickle", False), ("trust_remote_code", False)):
            if name in named:
                assert ast.literal_eval(named[name]) is wanted, place
        if called.startswith("Auto") and called.endswith(".from_pretrained"):
            assert "trust_remote_code" in named, f"{place}: transformers would ask on the terminal"
        if called in {"torch.load", "open_clip.load_checkpoint"}:
            assert "weights_only" in named, place
