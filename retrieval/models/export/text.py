"""ONNX export of the text tower for `exported.text`, checked against the model's own vectors."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from open_clip.tokenizer import SimpleTokenizer

from vasari.retrieval.domain import unit_vectors
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.builder import TextTower, tokenize
from vasari.retrieval.models.clip.layouts import build_model, build_text_tower
from vasari.retrieval.models.clip.towers import Towers
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.export.from_torch import text_weights
from vasari.retrieval.models.export.layers import save_model
from vasari.retrieval.models.export.text_graph import write_graph
from vasari.retrieval.models.export.tokenizer_table import write_table
from vasari.retrieval.models.exported.session import note_files
from vasari.retrieval.models.exported.text import (
    FILES,
    GRAPH_FILE,
    SETTINGS_FILE,
    WEIGHTS_FILE,
    OnnxTextEncoder,
    write_settings,
)
from vasari.retrieval.models.tokenizers import (
    JSON_FILE,
    MERGES_FILE,
    Crop,
    TextPreprocessing,
    byte_order,
    merge_table,
)
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.storage.file_names import as_utf8

_SAMPLE = (
    "a photo of a cat",
    "It's 10 o'clock: two dogs, one ball & a café!",
    "ein rotes Boot unter blauem Himmel",
    "灯台の上の夕焼け",
    "",
    "many words " * 60,
)
_LEAST_COSINE = 0.999  # centred, see `drift`
_OPSET = 18


def export_text_tower(towers: Towers, directory: Path) -> bool:
    """Write the text tower's graph, tokenizer and settings into the new folder `directory`, in one step.

    False for a model whose text side cannot be written so that it gives the same vectors (cosine ≥ 0.9999): the
    folder then holds only the reason, and queries go through the whole model.
    """
    with replaced(directory) as (scratch,):
        scratch.mkdir()
        try:
            with as_utf8(scratch) as folder:
                _write(towers, folder)
        except UnsupportedError as error:
            for path in scratch.iterdir():
                path.unlink()
            (scratch / SETTINGS_FILE).write_text(json.dumps({"reason": str(error)}), encoding="utf-8")
        note_files(scratch, FILES)
    return (directory / GRAPH_FILE).is_file()


def export_anew(towers: Towers, directory: Path) -> None:
    """Replace the exported text tower in a folder that may hold other forms; the settings come last."""
    with TemporaryDirectory(dir=directory) as name:
        export_text_tower(towers, Path(name) / "text")
        for file in reversed(FILES):
            if (made := Path(name) / "text" / file).exists():
                made.replace(directory / file)
            else:
                (directory / file).unlink(missing_ok=True)
    note_files(directory, FILES)


def _write(towers: Towers, directory: Path) -> None:
    tower = _float32_tower(towers)
    settings, tokenizer = _write_tokenizer(towers, directory)
    _write_graph(tower, settings, directory)
    tokens = tokenize(towers.tokenizer, _SAMPLE)
    with torch.inference_mode():
        expected = unit_vectors(tower(torch.from_numpy(tokens)).numpy())
    write_settings(directory, settings, tokenizer, expected.shape[1])
    vectors = OnnxTextEncoder.open(directory).embed_texts(_SAMPLE)
    least = float(centred_cosines(vectors, expected).min())
    if not least >= _LEAST_COSINE:
        raise UnsupportedError(f"the exported tower differs from the model (cosine {least:.5f})")


def _float32_tower(towers: Towers) -> TextTower:
    """The tower on the CPU in float32, read again where the model computes in less."""
    if towers.device.type == "cpu" and towers.dtype == torch.float32:
        return towers.text_tower
    return build_text_tower(towers.files, build_model(towers.files, mapped=True))


def _write_tokenizer(towers: Towers, directory: Path) -> tuple[TextPreprocessing, str]:
    """Write the tokenizer's file; returns the settings it needs, and its kind."""
    if isinstance(towers.tokenizer, SimpleTokenizer):
        np.save(directory / MERGES_FILE, _merges(towers.tokenizer))
        return towers.text, "clip"
    inner = towers.tokenizer.tokenizer
    if (backend := getattr(inner, "backend_tokenizer", None)) is None:
        raise UnsupportedError("its tokenizer has no fast form")
    if (inner.padding_side != "right" and not towers.text.pad_left) or inner.truncation_side != "right":
        raise UnsupportedError("its tokenizer pads or cuts at the left")
    backend.save(str(directory / JSON_FILE), pretty=False)
    return towers.text, write_table(directory, towers.text)


def _merges(tokenizer: SimpleTokenizer) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    tokens, ranks = tokenizer.encoder, tokenizer.bpe_ranks
    usual = len(tokens) == 512 + len(ranks) + 2 and tokenizer.reduction_fn is None
    if not usual or any(tokens[tokenizer.byte_encoder[byte]] != i for i, byte in enumerate(byte_order())):
        raise UnsupportedError("its tokenizer is a variant of CLIP's")
    return merge_table(np.array([(tokens[left], tokens[right]) for left, right in ranks], dtype=np.int64))


def _write_graph(tower: TextTower, settings: TextPreprocessing, directory: Path) -> None:
    if (weights := text_weights(tower)) is not None:
        write_graph(weights, directory)
    else:
        save_model(_traced(tower, settings, directory), directory / GRAPH_FILE, WEIGHTS_FILE)


def _traced(tower: TextTower, settings: TextPreprocessing, directory: Path) -> onnx.ModelProto:
    """The graph by torch's tracing exporter; the newer one takes thirty times as long for the same graph."""
    if tower.tokenizer_mode or not tower.hugging_face:
        raise UnsupportedError("its text tower is of a kind that is not exported")
    path = directory / "traced.onnx"
    length = settings.context_length if settings.crop is Crop.NONE else 5
    tokens = torch.full((2, length), 3, dtype=torch.long)
    axes = {0: "n"} if settings.crop is Crop.NONE else {0: "n", 1: "length"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                tower,
                (tokens,),
                str(path),
                dynamo=False,
                opset_version=_OPSET,
                input_names=["tokens"],
                output_names=["features"],
                dynamic_axes={"tokens": axes, "features": {0: "n"}},
            )
        return onnx.load(str(path))
    except (RuntimeError, TypeError, ValueError) as error:
        raise UnsupportedError(f"torch cannot export its text tower ({type(error).__name__})") from error
    finally:
        path.unlink(missing_ok=True)
