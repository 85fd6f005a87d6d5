"""Dual encoders in transformers' layout: exported for searches without torch, in every layout of files, or refused.

That their vectors are those of transformers' own processor and model is in `test_file_bytes`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.transformers_models import write_transformers_model
from vasari.retrieval.errors import ModelUnavailableError, UnsupportedError, VasariError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.export.single_image import export_picture_tower
from vasari.retrieval.models.export.text import export_text_tower
from vasari.retrieval.models.exported.single_image import OnnxPictureEncoder
from vasari.retrieval.models.exported.text import OnnxTextEncoder
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.files import locate
from vasari.retrieval.models.registry.fingerprints import weights_fingerprint
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.resolve import ReferenceKind, resolve

TEXTS = (
    "a red boat",
    "Two dogs!",
    "",
    "красный дом",
    "夕暮れの灯台",
    "many words " * 60,
    "  x_y\n&amp; ü ",
    "雪",
)
SHAPES = ((48, 48), (640, 480), (333, 500), (47, 49), (51, 700), (700, 51), (20, 30), (3, 7), (1, 1))


def pictures() -> list[Image.Image]:
    """Pictures of odd shapes."""
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)) for _ in SHAPES]
    return [picture.resize(shape, 3) for picture, shape in zip(small, SHAPES, strict=True)]


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1."""
    scaled: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def least_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Of the vectors less what all expected ones have in common: random towers put all into a narrow cone."""
    mean = expected.mean(axis=0)
    return float((unit(found - mean) * unit(expected - mean)).sum(axis=1).min())


def test_both_towers_are_exported(tmp_path: Path) -> None:
    """Without torch: padding at the left, and pictures as patches, each of which brings its grid along."""
    folder = write_transformers_model(tmp_path / "model", "naflex")
    encoder = OpenClipEncoder.load(str(folder), precision="float32")
    assert export_text_tower(encoder.towers, tmp_path / "space")
    texts = OnnxTextEncoder.open(tmp_path / "space").embed_texts(TEXTS)
    assert least_cosine(texts, encoder.embed_texts(TEXTS)) > 0.9999
    assert export_picture_tower(encoder, pictures(), tmp_path / "space")
    exported = OnnxPictureEncoder.open(tmp_path / "space")
    mine, theirs = (
        each.embed_images(np.stack([each.prepare(picture) for picture in pictures()]))
        for each in (exported, encoder)
    )
    assert least_cosine(mine, theirs) > 0.999


def test_the_layout_of_earlier_versions_gives_the_same_space(tmp_path: Path) -> None:
    """A preprocessor_config.json of a few numbers, weights in several files: what most of the hub has."""
    folder = write_transformers_model(tmp_path / "model", "clip")
    whole = OpenClipEncoder.load(str(folder), precision="float32")
    old = shutil.copytree(folder, tmp_path / "old")
    (old / "processor_config.json").unlink()
    (old / "preprocessor_config.json").write_text(
        json.dumps({"size": 48, "crop_size": 48, "resample": 3, "do_center_crop": True})
    )
    tensors = load_file(old / "model.safetensors")
    (old / "model.safetensors").unlink()
    parts = {"one.safetensors": sorted(tensors)[:9], "two.safetensors": sorted(tensors)[9:]}
    for name, keys in parts.items():
        save_file({key: tensors[key] for key in keys}, old / name, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {key: name for name, keys in parts.items() for key in keys}}
    (old / "model.safetensors.index.json").write_text(json.dumps(index))
    found = OpenClipEncoder.load(str(old), precision="float32")
    assert least_cosine(found.embed_texts(TEXTS), whole.embed_texts(TEXTS)) > 0.9999
    assert found.preparer == whole.preparer
    before = weights_fingerprint(old / "model.safetensors.index.json", tmp_path / "remembered")
    save_file(
        {key: tensors[key] + 1 for key in parts["two.safetensors"]},
        old / "two.safetensors",
        metadata={"format": "pt"},
    )
    assert weights_fingerprint(old / "model.safetensors.index.json", tmp_path / "remembered") != before
    (old / "two.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match=r"two\.safetensors is missing"):
        locate(resolve(str(old)), HubAccess(offline=True))


def test_a_model_is_named_as_on_the_hub() -> None:
    """`owner/name` is a repository, unless it is an architecture with a tag, or nearly one."""
    source = resolve("openai/clip-vit-base-patch32")
    assert (source.kind, source.repository) == (ReferenceKind.HUB, "openai/clip-vit-base-patch32")
    assert source.reference == "hf-hub:openai/clip-vit-base-patch32"
    assert resolve("Salesforce/blip-itm-large-coco", ModelKind.RERANKER).kind is ReferenceKind.HUB
    assert resolve("ViT-B-32/openai").kind is ReferenceKind.TAG


def refused(folder: Path) -> str:
    """The one line in which a folder is not taken."""
    with pytest.raises(VasariError) as caught:
        OpenClipEncoder.load(str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_half_a_tokenizer_is_refused(tmp_path: Path) -> None:
    """Without its words it would give every text the same vector."""
    folder = write_transformers_model(tmp_path / "model", "chinese-clip")
    (folder / "tokenizer.json").unlink()
    assert "tokenizer of 5 words" in refused(folder)


def test_a_tokenizer_that_knows_no_words_is_refused(tmp_path: Path) -> None:
    """It has as many entries as the model, and none of them occurs."""
    folder = write_transformers_model(tmp_path / "model", "chinese-clip")
    content = json.loads((folder / "tokenizer.json").read_text())
    words = content["model"]["vocab"]
    content["model"]["vocab"] = {
        word if word.startswith("[") else f"[unused{place}]": place for word, place in words.items()
    }
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert "no two sentences apart" in refused(folder)


def test_wrong_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    """Weights that are missing, pictures that nobody says how to prepare, another class, code of its own."""
    whole = write_transformers_model(tmp_path / "model", "clip")

    def with_config(name: str, **changes: object) -> Path:
        folder = shutil.copytree(whole, tmp_path / name)
        content = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(content))
        return folder

    lacking = with_config("lacking")
    tensors = load_file(lacking / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, lacking / "model.safetensors", metadata={"format": "pt"})
    assert "visual_projection.weight" in refused(lacking)
    unprepared = with_config("unprepared")
    (unprepared / "processor_config.json").unlink()
    assert "no preprocessor_config.json" in refused(unprepared)
    with pytest.raises(UnsupportedError, match="CLIPVisionModel"):
        resolve(str(with_config("other", architectures=["CLIPVisionModel"])))
    assert "never runs" in refused(with_config("code", auto_map={"AutoModel": "code.Model"}))
