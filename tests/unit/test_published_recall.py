"""The figures by which people choose a model are those that were published for it, row by row.

`published/` holds rows as their sources have them (of the Markdown tables the columns of links are left out).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.factory import get_model_config

from tests.models import build
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.presets import PRESETS, Preset
from vasari.retrieval.models.registry.published import (
    LISTED_FROM,
    Published,
    Recall,
    languages,
    published,
    recall_in,
    sources,
)

ROWS = Path(__file__).with_name("published")
ENCODERS = [
    preset
    for preset in PRESETS.values()
    if preset.kind is ModelKind.DUAL_ENCODER and preset.published != Published()
]
SIGLIP2 = {
    "SigLIP 2 B/32": "ViT-B-32-SigLIP2-256/webli",
    "SigLIP 2 B/16": "ViT-B-16-SigLIP2-256/webli",
    "SigLIP 2 L/16": "ViT-L-16-SigLIP2-256/webli",
    "SigLIP 2 So/16": "ViT-SO400M-16-SigLIP2-384/webli",
    "SigLIP 2 g-opt/16": "ViT-gopt-16-SigLIP2-384/webli",
    "mSigLIP So/16": "ViT-SO400M-16-SigLIP-i18n-256/webli",
}
BIG_VISION = {
    ("B/16", "224"): "ViT-B-16-SigLIP2/webli",
    ("B/16", "256"): "ViT-B-16-SigLIP2-256/webli",
    ("B/32", "256"): "ViT-B-32-SigLIP2-256/webli",
    ("L/16", "256"): "ViT-L-16-SigLIP2-256/webli",
    ("So400m/16", "384"): "ViT-SO400M-16-SigLIP2-384/webli",
    ("g-opt/16", "384"): "ViT-gopt-16-SigLIP2-384/webli",
}
PERCEPTION = {
    "PE-Core-S16-384": "PE-Core-S-16-384/meta",
    "PE-Core-B16-224": "PE-Core-B-16/meta",
    "PE-Core-L14-336": "PE-Core-L-14-336/meta",
    "PE-Core-G14-448": "PE-Core-bigG-14-448/meta",
}


def table(name: str) -> list[dict[str, str]]:
    with (ROWS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def markdown(name: str) -> Iterator[dict[str, str]]:
    lines = (ROWS / name).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return (dict(zip(cells[0], row, strict=True)) for row in cells[1:])


def percent(share: str) -> float:
    return round(100 * float(share), 1)


def rows_of_the_sources() -> Iterator[tuple[str, str, Recall]]:
    """Reference, data set and recall of each row."""
    for row in table("open_clip_retrieval.csv"):
        reference = f"{row['name']}/{row['pretrained']}"
        for data_set, title in (("coco", "MSCOCO"), ("flickr", "Flickr")):
            ways = (percent(row[f"{title} {way} retr. R@1"]) for way in ("text", "image"))
            yield reference, data_set, Recall(*ways)
    for row in table("open_clip_multilingual.csv"):
        ways = (percent(row[f"{way}_retrieval_recall@1 avg"]) for way in ("text", "image"))
        yield f"{row['model']}/{row['version']}", "xm3600", Recall(*ways)
    for row in table("siglip2_table1.csv"):
        for data_set in ("coco", "flickr", "xm3600"):
            ways = (float(row[f"{data_set}_{way}"]) for way in ("i2t", "t2i"))
            yield SIGLIP2[row["model"]], data_set, Recall(*ways)
    for row in markdown("siglip2_readme.md"):
        found = Recall(float(row["COCO I→T"]), float(row["COCO T→I"]))
        yield BIG_VISION[row["ViT"], row["Res"]], "coco", found
    for row in markdown("perception_models_readme.md"):
        name = re.match(r"\[([\w-]+)\]", row["Checkpoint"])
        assert name is not None
        yield PERCEPTION[name[1]], "coco", Recall(None, float(row["COCO-T2I"]))


def test_each_figure_of_a_preset_is_its_row_in_the_source() -> None:
    """Recall of another size or resolution of the same family is not the preset's; none is without a row."""
    shown = {
        (preset.reference, data_set): recall
        for preset in ENCODERS
        for data_set in ("coco", "flickr", "xm3600")
        if (recall := getattr(preset.published, data_set)) is not None
    }
    assert {(reference, data_set) for reference, data_set, _ in rows_of_the_sources()} == set(shown)
    for reference, data_set, recall in rows_of_the_sources():
        assert shown[reference, data_set] == recall, (reference, data_set)


def test_each_figure_names_a_source_that_can_be_looked_up() -> None:
    """A title, an address, and for a file in a repository the commit."""
    for preset in ENCODERS:
        assert preset.published.source in {source.title for source in sources().values()}
    for source in sources().values():
        assert source.url.startswith("https://")
        assert "github.com" not in source.url or all(re.fullmatch(r"[0-9a-f]{40}", c) for c in source.commits)
        assert source.commits or "github.com" not in source.url


def test_recall_by_language_agrees_with_another_source() -> None:
    """Immich measured what open_clip had measured before: the means of its R@1, R@5 and R@10, to 0.06 %."""
    compared = 0
    for row in table("open_clip_multilingual.csv"):
        for code in languages():
            shares = [float(row[f"image_retrieval_recall@{k} {code}"]) for k in (1, 5, 10)]
            expected, found = 100 * sum(shares) / 3, recall_in(f"{row['model']}/{row['version']}", code)
            if found is None:
                assert expected < LISTED_FROM
            else:
                assert found == pytest.approx(expected, abs=0.06)
                compared += 1
    assert compared > 160


def test_recall_by_language_belongs_to_presets() -> None:
    """No column is of a model that no preset names; 36 languages."""
    references = {preset.reference for preset in PRESETS.values()}
    assert len(languages()) == 36
    known = {reference for reference in references if recall_in(reference, "de") is not None}
    columns = set(table_header()) - {"code", "language"}
    assert columns == known
    assert recall_in("ViT-B-32-256/datacomp_s34b_b86k", "de") is None
    assert published("nothing/there") == Published()


def table_header() -> list[str]:
    from vasari.retrieval.models.registry.published import directory

    return (directory() / "languages.csv").read_text(encoding="utf-8").splitlines()[0].split(",")


@pytest.mark.parametrize(
    "preset",
    [
        preset
        for preset in PRESETS.values()
        if "/" in preset.reference and not preset.reference.startswith("hf-hub:")
    ],
    ids=lambda preset: preset.name,
)
def test_the_size_of_a_preset_is_that_of_its_architecture(preset: Preset) -> None:
    """Parameters, length of a vector, and the shape of the vision tower, of which times are computed."""
    settings = get_model_config(preset.reference.partition("/")[0])
    assert settings["embed_dim"] == preset.dim
    with torch.device("meta"):
        if "hf_model_name" in settings["text_cfg"]:  # of another repository
            tower = open_clip.model._build_vision_tower(settings["embed_dim"], settings["vision_cfg"])
        else:
            model = build(settings)
            assert sum(value.numel() for value in model.parameters()) == preset.parameters
            tower = model.get_submodule("visual")
    shape = preset.tower
    if shape is not None:
        assert shape_of(tower) == (shape.width, shape.mlp, shape.layers, shape.heads, shape.tokens)


def test_parameters_are_those_of_the_source() -> None:
    """In millions, as open_clip's table rounds them; the text towers of some are in other repositories."""
    sizes = {
        f"{row['name']}/{row['pretrained']}": row["params (M)"] for row in table("open_clip_retrieval.csv")
    }
    presets = {preset.reference: preset for preset in PRESETS.values()}
    for reference, millions in sizes.items():
        assert presets[reference].parameters / 1e6 == pytest.approx(float(millions), abs=0.006)


def shape_of(tower: torch.nn.Module) -> tuple[int, int, int, int, int]:
    """Width, width of the hidden layer, blocks, heads and tokens of open_clip's or timm's vision transformer."""
    trunk = getattr(tower, "trunk", None)
    if trunk is not None:
        block = trunk.blocks[0]
        tokens = trunk.patch_embed.num_patches + int(trunk.cls_token is not None)
        return trunk.embed_dim, block.mlp.fc1.out_features, len(trunk.blocks), block.attn.num_heads, tokens
    blocks = tower.get_submodule("transformer.resblocks")
    first = blocks.get_submodule("0")
    hidden = first.get_submodule("mlp.c_fc")
    attention = first.get_submodule("attn")
    positions: torch.Tensor = tower.get_parameter("positional_embedding")
    assert isinstance(hidden, torch.nn.Linear)
    assert isinstance(attention, torch.nn.MultiheadAttention)
    assert isinstance(blocks, torch.nn.ModuleList)
    return positions.shape[1], hidden.out_features, len(blocks), attention.num_heads, positions.shape[0]
