"""Towers exported from a model's files alone are those that torch's model is exported to."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import tests.models
from tests.models import SENTENCES, write_model
from tests.multilingual_models import write_xlm_roberta
from tests.odd_pictures import TEXTS
from tests.transformers_models import write_transformers_model
from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.images.samples import sample_pictures
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.export import (
    efficientnet_file,
    from_torch,
    image_graph,
    pe_core_file,
    siglip_file,
    tokenizer_file,
)
from vasari.retrieval.models.export.from_file import clip_merges, read_plain_model
from vasari.retrieval.models.export.single_image import export_picture_tower
from vasari.retrieval.models.export.text import export_text_tower
from vasari.retrieval.models.export.tower_weights import MaskedTextWeights
from vasari.retrieval.models.export.without_torch import export_towers, space_of_files
from vasari.retrieval.models.exported import single_image, text
from vasari.retrieval.models.exported.compiled import CompiledGraph, CompiledTower, runs_in
from vasari.retrieval.models.exported.single_image import OnnxPictureEncoder
from vasari.retrieval.models.exported.text import OnnxTextEncoder
from vasari.retrieval.models.registry.files import ModelFiles, locate
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.presets import PRESETS
from vasari.retrieval.models.registry.resolve import resolve
from vasari.retrieval.models.tokenizers import JSON_FILE, MERGES_FILE

WEIGHTS, CONFIGURATION = "open_clip_model.safetensors", "open_clip_config.json"


def files_of(folder: Path) -> ModelFiles:
    """The files of a model folder."""
    return locate(resolve(str(folder)), HubAccess(offline=True))


def words_of(folder: Path) -> dict[str, Any]:
    """The tokenizer, without what open_clip notes in it of the last texts."""
    content: dict[str, Any] = json.loads((folder / JSON_FILE).read_text())
    return content | {"truncation": None, "padding": None}


def configured(folder: Path, part: str | None = None, **settings: object) -> Path:
    """The model with other settings in its configuration."""
    content = json.loads((folder / CONFIGURATION).read_text())
    (content["model_cfg"] if part is None else content["model_cfg"][part]).update(settings)
    (folder / CONFIGURATION).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("variant", ["plain", "quick_gelu", "float16"])
def test_vectors_and_space_are_those_of_the_model(tmp_path: Path, variant: str) -> None:
    """Text and picture vectors, settings, tokenizer and fingerprint."""
    folder = write_model(tmp_path / "model", "clip")
    if variant == "quick_gelu":
        configured(folder, quick_gelu=True)
    if variant == "float16":
        weights = load_file(folder / WEIGHTS)
        save_file({name: value.astype(np.float16) for name, value in weights.items()}, folder / WEIGHTS)
    encoder = OpenClipEncoder.load(str(folder), device="cpu", precision="float32", offline=True)
    found = space_of_files(files_of(folder))
    assert found is not None
    model, space = found
    assert space == encoder.space
    export_towers(model, files_of(folder), tmp_path / "ours")
    assert export_text_tower(encoder.towers, tmp_path / "theirs")
    for name in (text.SETTINGS_FILE, MERGES_FILE):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
    texts = OnnxTextEncoder.open(tmp_path / "ours").embed_texts(SENTENCES)
    assert centred_cosines(texts, encoder.embed_texts(SENTENCES)).min() > 0.99999
    pixels = np.stack([encoder.prepare(picture) for picture in sample_pictures()])
    pictures = OnnxPictureEncoder.open(tmp_path / "ours").embed_images(pixels)
    assert centred_cosines(pictures, encoder.embed_images(pixels)).min() > 0.99999


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        (None, {"custom_text": True}),
        (None, {"embed_dim": 16}),
        ("vision_cfg", {"pool_type": "avg"}),
        ("vision_cfg", {"layers": 1}),
        ("vision_cfg", {"image_size": 64}),
        ("text_cfg", {"no_causal_mask": True}),
        ("text_cfg", {"vocab_size": 100}),
        ("text_cfg", {"width": 32}),
    ],
)
def test_what_is_not_plain_is_left_to_torch(
    tmp_path: Path, part: str | None, settings: dict[str, object]
) -> None:
    """Settings that are not known here, and weights of other shapes or names."""
    folder = write_model(tmp_path / "model", "clip")
    assert read_plain_model(files_of(folder)) is not None
    assert read_plain_model(files_of(configured(folder, part, **settings))) is None


def test_damaged_weights_are_left_to_torch(tmp_path: Path) -> None:
    """It has the words for what is wrong."""
    folder = write_model(tmp_path / "model", "clip")
    whole = (folder / WEIGHTS).read_bytes()
    for content in (whole[:-100], b"<html>", b""):
        (folder / WEIGHTS).write_bytes(content)
        assert read_plain_model(files_of(folder)) is None


@pytest.mark.parametrize(
    "family", ["clip", "clip of old", "metaclip 2", "chinese-clip", "altclip", "siglip 2", "XLM-RoBERTa"]
)
def test_towers_with_other_texts_are_exported_from_their_files(tmp_path: Path, family: str) -> None:
    """Text and picture vectors, settings, tokenizer and fingerprint are those of the model.

    Of those that mask padding, in OpenVINO, too, which int8 is computed by.
    """
    if family == "XLM-RoBERTa":
        folder = write_xlm_roberta(tmp_path / "model")
    else:
        folder = write_transformers_model(tmp_path / "model", family)
        not_masked(folder)
    encoder = OpenClipEncoder.load(str(folder), device="cpu", precision="float32", offline=True)
    found = space_of_files(files_of(folder))
    assert found is not None
    model, space = found
    assert space == encoder.space
    assert model.texts == encoder.towers.text
    export_towers(model, files_of(folder), tmp_path / "ours")
    exported = OnnxTextEncoder.open(tmp_path / "ours")
    expected = encoder.embed_texts(TEXTS)
    assert centred_cosines(exported.embed_texts(TEXTS), expected).min() > 0.99999
    if isinstance(model.text, MaskedTextWeights):
        compiled = CompiledGraph(tmp_path / "ours" / text.GRAPH_FILE, 1)
        ((rows, tokens),) = exported.batches(TEXTS)
        assert centred_cosines(unit_vectors(compiled(tokens)), UnitVectors(expected[rows])).min() > 0.9999
    pixels = np.stack([encoder.prepare(picture) for picture in sample_pictures()])
    pictures = OnnxPictureEncoder.open(tmp_path / "ours").embed_images(pixels)
    assert centred_cosines(pictures, encoder.embed_images(pixels)).min() > 0.99999


def not_masked(folder: Path) -> None:
    """The tokenizer gives no attention mask, as that of SigLIP's makers."""
    content = json.loads((folder / "tokenizer_config.json").read_text())
    content["model_input_names"] = ["input_ids"]
    (folder / "tokenizer_config.json").write_text(json.dumps(content))


def test_other_families_of_transformers_are_left_to_torch(tmp_path: Path) -> None:
    """And SigLIP that masks its padding, or CLIP with an activation that is not known here."""
    for family in ("siglip 2", "naflex"):
        assert read_plain_model(files_of(write_transformers_model(tmp_path / family, family))) is None
    folder = write_transformers_model(tmp_path / "clip", "clip")
    content = json.loads((folder / "config.json").read_text())
    content["text_config"]["hidden_act"] = "relu"
    (folder / "config.json").write_text(json.dumps(content))
    assert read_plain_model(files_of(folder)) is None


@pytest.fixture
def small_siglip(monkeypatch: pytest.MonkeyPatch) -> str:
    """A vision transformer of timm with the layers of SigLIP's; its name."""
    name = "vit_small_patch16_siglip_64"

    def build(num_classes: int, global_pool: str, **_: Any) -> nn.Module:
        made: nn.Module = VisionTransformer(
            img_size=64,
            patch_size=16,
            embed_dim=64,
            depth=2,
            num_heads=2,
            class_token=False,
            act_layer="gelu_tanh",
            num_classes=num_classes,
            global_pool=global_pool,
        )
        return made

    monkeypatch.setitem(timm.models._registry._model_entrypoints, name, build)
    monkeypatch.setitem(siglip_file.VISION, name, (2, "tanh"))
    return name


def write_siglip(folder: Path, vision: str, **text: Any) -> Path:
    """A model folder with this vision tower."""
    monkey = pytest.MonkeyPatch()
    monkey.setitem(tests.models._SIGLIP["vision_cfg"], "timm_model_name", vision)
    try:
        return write_model(folder, "siglip", text_cfg=text)
    finally:
        monkey.undo()


@pytest.mark.parametrize(
    "variant",
    [{}, {"act_kwargs": {"approximate": "tanh"}, "norm_kwargs": {"eps": 1e-6}}, {"proj_bias": False}],
    ids=["plain", "siglip2", "without_bias"],
)
def test_siglip_is_exported_from_its_files(
    tmp_path: Path, small_siglip: str, variant: dict[str, Any]
) -> None:
    """Text and picture vectors, settings, tokenizer and fingerprint are those of the model."""
    folder = write_siglip(tmp_path / "model", small_siglip, **variant)
    encoder = OpenClipEncoder.load(str(folder), device="cpu", precision="float32", offline=True)
    found = space_of_files(files_of(folder))
    assert found is not None
    model, space = found
    assert space == encoder.space
    export_towers(model, files_of(folder), tmp_path / "ours")
    assert export_text_tower(encoder.towers, tmp_path / "theirs")
    for name in (text.SETTINGS_FILE, text.GRAPH_FILE, text.WEIGHTS_FILE):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
    assert words_of(tmp_path / "ours") == words_of(tmp_path / "theirs")
    texts = OnnxTextEncoder.open(tmp_path / "ours").embed_texts(SENTENCES)
    assert centred_cosines(texts, encoder.embed_texts(SENTENCES)).min() > 0.99999
    pixels = np.stack([encoder.prepare(picture) for picture in sample_pictures()])
    pictures = OnnxPictureEncoder.open(tmp_path / "ours").embed_images(pixels)
    assert centred_cosines(pictures, encoder.embed_images(pixels)).min() > 0.99999
    assert export_picture_tower(encoder, sample_pictures(), tmp_path / "theirs")
    written = Path(single_image.FOLDER) / single_image.GRAPH_FILE
    assert (tmp_path / "ours" / written).read_bytes() == (tmp_path / "theirs" / written).read_bytes()


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("vision_cfg", {"timm_model_name": "vit_base_patch16_siglip_gap_224"}),
        ("vision_cfg", {"timm_pool": "avg"}),
        ("vision_cfg", {"image_size": 32}),
        ("text_cfg", {"no_causal_mask": False}),
        ("text_cfg", {"pool_type": "first"}),
        ("text_cfg", {"tokenizer_kwargs": {"clean": "canonicalize", "strip_sep_token": True}}),
        ("text_cfg", {"width": 32}),
        ("text_cfg", {"norm_kwargs": {"bias": False}}),
    ],
)
def test_other_siglips_are_left_to_torch(
    tmp_path: Path, small_siglip: str, part: str, settings: dict[str, object]
) -> None:
    """Settings that are not known here, and weights of other shapes or names."""
    folder = write_siglip(tmp_path / "model", small_siglip)
    assert read_plain_model(files_of(configured(folder, part, **settings))) is None


@pytest.mark.parametrize("name", ["starter", "scenes"])
def test_the_built_in_models_are_exported_from_their_files(tmp_path: Path, name: str) -> None:
    """Text and picture vectors, settings, tokenizer and fingerprint; in OpenVINO, too."""
    encoder = OpenClipEncoder.load(name, device="cpu", precision="float32", offline=True)
    files = locate(resolve(name), HubAccess(offline=True))
    found = space_of_files(files)
    assert found is not None
    model, space = found
    assert space == encoder.space
    assert model.texts == encoder.towers.text
    export_towers(model, files, tmp_path / "ours")
    assert export_text_tower(encoder.towers, tmp_path / "theirs")
    for file in set(text.FILES) - {JSON_FILE}:
        mine, theirs = tmp_path / "ours" / file, tmp_path / "theirs" / file
        assert mine.exists() == theirs.exists()
        assert not mine.exists() or mine.read_bytes() == theirs.read_bytes()
    assert words_of(tmp_path / "ours") == words_of(tmp_path / "theirs")
    texts = OnnxTextEncoder.open(tmp_path / "ours").embed_texts(SENTENCES)
    assert centred_cosines(texts, encoder.embed_texts(SENTENCES)).min() > 0.99999
    pixels = np.stack([encoder.prepare(picture) for picture in sample_pictures()])
    expected = encoder.embed_images(pixels)
    assert (
        centred_cosines(OnnxPictureEncoder.open(tmp_path / "ours").embed_images(pixels), expected).min()
        > 0.99999
    )
    graph = tmp_path / "ours" / single_image.FOLDER / single_image.GRAPH_FILE
    assert centred_cosines(CompiledTower(graph, "float32", 1).embed(pixels), expected).min() > 0.9999


@pytest.mark.skipif(not runs_in("bfloat16"), reason="this processor does not compute in bfloat16")
def test_starter_sees_photos_alike_in_bfloat16(tmp_path: Path) -> None:
    """What bfloat16 has few bits for, values about the middle of ReLU6, is not between its first convolutions."""
    model = read_plain_model(locate(resolve("starter"), HubAccess(offline=True)))
    assert model is not None
    image_graph.write_graph(model.vision, model.image, tmp_path)
    photos = [Image.open(path).convert("RGB") for path in sorted(builtin_data("photos").glob("*.jpg"))]
    pixels = np.stack([model.image.prepare(photo) for photo in photos])
    exact, found = (
        CompiledTower(tmp_path / single_image.GRAPH_FILE, precision, 1).embed(pixels)
        for precision in ("float32", "bfloat16")
    )
    cosines = (exact * found).sum(axis=1)
    assert (cosines.mean() > 0.9993, cosines.min() > 0.998) == (True, True)


@pytest.mark.parametrize(
    ("name", "part", "settings"),
    [
        ("starter", "vision_cfg", {"timm_model_name": "tf_efficientnet_b0"}),
        ("starter", "vision_cfg", {"timm_pool": "max"}),
        ("starter", "text_cfg", {"pool_type": "argmax"}),
        ("starter", "text_cfg", {"tokenizer_kwargs": {"clean": "lower", "strip_sep_token": True}}),
        ("scenes", "vision_cfg", {"no_ln_pre": False}),
        ("scenes", "text_cfg", {"layers": 3}),
    ],
)
def test_others_with_words_of_their_own_are_left_to_torch(
    tmp_path: Path, name: str, part: str, settings: dict[str, object]
) -> None:
    """Settings that are not known here, and weights of other shapes or names."""
    for file in (builtin_data("models") / name).iterdir():
        (tmp_path / file.name).symlink_to(file)
    assert read_plain_model(files_of(tmp_path)) is not None
    content = (tmp_path / CONFIGURATION).read_text()
    (tmp_path / CONFIGURATION).unlink()
    (tmp_path / CONFIGURATION).write_text(content)
    assert read_plain_model(files_of(configured(tmp_path, part, **settings))) is None


@pytest.mark.parametrize(
    "settings",
    [{"tokenizer_class": "BertTokenizer"}, {"padding_side": "left"}, {"pad_token": "<nothing>"}],
    ids=["class", "setting", "mark"],
)
def test_a_tokenizer_that_transformers_changes_is_read_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    """One whose class, settings or marks are more than its file has."""
    apart: list[str] = []
    monkeypatch.setattr(tokenizer_file, "_read_apart", lambda *words: apart.append(words[0]))
    folder = builtin_data("models") / "scenes"
    (tmp_path / "tokenizer.json").symlink_to(folder / "tokenizer.json")
    content = json.loads((folder / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(content))
    assert tokenizer_file.read_tokenizer(tmp_path, 4096) is not None
    assert apart == []
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(content | settings))
    assert tokenizer_file.read_tokenizer(tmp_path, 4096) is None
    assert apart == ["tokenizer"]


@pytest.mark.parametrize("with_class", [True, False])
def test_pe_core_is_exported_from_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_class: bool
) -> None:
    """With rotary positions, from the first patch or from behind it; the largest one has no class token."""
    first = int(with_class)
    build = partial(tests.models.tiny_pe_core, class_token=with_class, rope_grid_offset=float(first))
    monkeypatch.setitem(timm.models._registry._model_entrypoints, "tiny_pe_core", build)
    monkeypatch.setitem(pe_core_file.VISION, "tiny_pe_core", (2, 4, first))
    folder = write_model(tmp_path / "model", "pe")
    encoder = OpenClipEncoder.load(str(folder), device="cpu", precision="float32", offline=True)
    found = space_of_files(files_of(folder))
    assert found is not None
    model, space = found
    assert space == encoder.space
    assert model.texts == encoder.towers.text
    export_towers(model, files_of(folder), tmp_path / "ours")
    texts = OnnxTextEncoder.open(tmp_path / "ours").embed_texts(SENTENCES)
    assert centred_cosines(texts, encoder.embed_texts(SENTENCES)).min() > 0.99999
    pixels = np.stack([encoder.prepare(picture) for picture in sample_pictures()])
    pictures = OnnxPictureEncoder.open(tmp_path / "ours").embed_images(pixels)
    assert centred_cosines(pictures, encoder.embed_images(pixels)).min() > 0.99999
    graph = tmp_path / "ours" / single_image.FOLDER / single_image.GRAPH_FILE
    compiled = CompiledTower(graph, "float32", 1).embed(pixels)
    assert centred_cosines(compiled, pictures).min() > 0.999
    assert read_plain_model(files_of(configured(folder, "vision_cfg", image_size=32))) is None
    assert read_plain_model(files_of(configured(folder, "vision_cfg", timm_pool="avg"))) is None


def test_a_tokenizer_that_came_by_half_is_left_to_torch(tmp_path: Path, small_siglip: str) -> None:
    """It has the words for what is wrong."""
    folder = write_siglip(tmp_path / "model", small_siglip)
    (folder / "tokenizer.json").unlink()
    assert read_plain_model(files_of(folder)) is None


def test_what_weights_do_not_tell_is_timm_s() -> None:
    """Heads and activations of SigLIP's towers; of PE-Core's, heads and where positions begin; of EfficientNet-Lite's,
    strides, and what is between the convolutions.
    """
    for name, (heads, gelu) in siglip_file.VISION.items():
        with torch.device("meta"):
            trunk = timm.create_model(name, num_classes=0, weight_init="skip")
        assert {(block.attn.num_heads, from_torch.GELUS[type(block.mlp.act)]) for block in trunk.blocks} == {
            (heads, gelu)
        }
        assert (trunk.attn_pool.num_heads, from_torch.GELUS[type(trunk.attn_pool.mlp.act)]) == (heads, gelu)
    for name, facts in pe_core_file.VISION.items():
        with torch.device("meta"):
            trunk = timm.create_model(name, num_classes=8)
        assert {block.attn.num_heads for block in trunk.blocks} == {facts[0]}
        assert (trunk.attn_pool.num_heads, trunk.rope.grid_offset) == facts[1:]
        assert tuple(trunk.rope.ref_feat_shape) == tuple(trunk.patch_embed.grid_size)
    for name in efficientnet_file.TOWERS:
        with torch.device("meta"):
            trunk = timm.create_model(name)
        assert tuple(stage[0].conv_dw.stride[0] for stage in trunk.blocks) == efficientnet_file._STRIDES
        assert {block.conv_dw.stride for stage in trunk.blocks for block in stage[1:]} == {(1, 1)}
        norms = [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]
        assert {(norm.eps, type(norm.act)) for norm in norms} == {
            (efficientnet_file._EPS, nn.ReLU6),
            (efficientnet_file._EPS, nn.Identity),
        }


def test_other_kinds_of_model_are_left_to_torch(tmp_path: Path) -> None:
    """Those with another vision tower of timm, another text tower, or another setting of a known one."""
    assert read_plain_model(files_of(write_model(tmp_path / "siglip", "siglip"))) is None
    assert read_plain_model(files_of(write_model(tmp_path / "nllb", "nllb"))) is None
    folder = write_xlm_roberta(tmp_path / "xlm")
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | {"hidden_act": "relu"}))
    assert read_plain_model(files_of(folder)) is None
    (folder / "config.json").write_text(json.dumps(content))
    assert read_plain_model(files_of(folder)) is not None
    assert read_plain_model(files_of(configured(folder, "text_cfg", hf_pooler_type="max_pooler"))) is None


def test_the_byte_pairs_are_open_clip_s() -> None:
    """All of them, in order."""
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    assert clip_merges().shape == (2, len(tokenizer.bpe_ranks))


def test_a_preset_s_preprocessing_is_that_of_its_tag() -> None:
    """Where it stands in our table, open_clip is not asked."""
    known = [preset for preset in PRESETS.values() if preset.preprocessing is not None]
    assert known
    for preset in known:
        architecture, _, tag = preset.reference.partition("/")
        asked = {"mean", "std", "interpolation", "resize_mode", "quick_gelu"}
        theirs = open_clip.get_pretrained_cfg(architecture, tag) or {}
        usual = {
            "mean": open_clip.OPENAI_DATASET_MEAN,
            "std": open_clip.OPENAI_DATASET_STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        }
        told = usual | dict(preset.preprocessing or {})
        assert told == {name: value for name, value in theirs.items() if name in asked}


def test_a_library_is_made_without_torch(tmp_path: Path) -> None:
    """With a space, its default, and both towers."""
    folder = write_model(tmp_path / "model", "clip")
    program = (
        "import sys\n"
        "from vasari import Library\n"
        "from vasari.retrieval.settings import Settings\n"
        "settings = Settings(model=sys.argv[1], offline=True)\n"
        "with Library.open(sys.argv[2], settings, create=True) as library:\n"
        "    library.use_model(sys.argv[1])\n"
        "    print(library.embed_texts(['a boat'], library.space()).shape, 'torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(folder), str(tmp_path / "library")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "(1, 32) False"
