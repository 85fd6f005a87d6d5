"""The figures by which people choose a model are those that were published for it."""

from __future__ import annotations

import csv
from pathlib import Path

from vasari.retrieval.library.models import chosen_model
from vasari.retrieval.models.registry.presets import PRESETS, ModelKind, Recall
from vasari.retrieval.settings import Settings

TABLE = Path(__file__).with_name("published_recall.csv")


def test_each_figure_of_a_preset_is_its_row_in_the_source() -> None:
    """Recall of another size or resolution of the same family is not the preset's."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = {row["reference"]: row for row in csv.DictReader(file)}
    published = {
        reference: (
            Recall(float(row["coco_i2t"]), float(row["coco_t2i"])),
            Recall(float(row["flickr_i2t"]), float(row["flickr_t2i"])),
            row["source"],
        )
        for reference, row in rows.items()
    }
    shown = {
        preset.reference: (preset.coco, preset.flickr, preset.source)
        for preset in PRESETS.values()
        if preset.coco or preset.flickr
    }
    assert shown == published


def test_a_reranker_is_the_settings_or_suits_the_encoder() -> None:
    """One choice for searches, abilities and `vasari eval`: what is set, else what knows the same pictures."""
    assert chosen_model(ModelKind.DUAL_ENCODER, "scenes", Settings()) == "scenes"
    assert chosen_model(ModelKind.RERANKER, "scenes", Settings()) == "scenes-itm"
    assert chosen_model(ModelKind.RERANKER, "scenes", Settings(reranker="mine")) == "mine"
    assert chosen_model(ModelKind.CAPTIONER, "scenes", Settings(captioner="other")) == "other"
