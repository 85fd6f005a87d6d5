"""Both towers of a model exported at once without torch, where its files are of the plain architecture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.models.export import image_graph, text_graph
from vasari.retrieval.models.export.from_file import PlainModel, clip_merges, read_plain_model
from vasari.retrieval.models.export.tokenizer_table import write_table
from vasari.retrieval.models.exported import single_image, text
from vasari.retrieval.models.exported.session import note_files
from vasari.retrieval.models.exported.single_image import PictureSettings
from vasari.retrieval.models.registry.files import ModelFiles
from vasari.retrieval.models.registry.fingerprints import files_digest, space_for
from vasari.retrieval.models.tokenizers import JSON_FILE, MERGES_FILE
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.storage.file_names import as_utf8


def space_of_files(files: ModelFiles) -> tuple[PlainModel, EmbeddingSpace] | None:
    """A model of the plain architecture with its space; None for another one."""
    model = read_plain_model(files)
    return None if model is None else (model, space_for(files, model.image, model.texts, model.dim))


def export_towers(model: PlainModel, files: ModelFiles, directory: Path) -> None:
    """Write what `export.text` and `export.single_image` write into the new folder `directory`, in one step."""
    with replaced(directory) as (scratch,):
        pictures = scratch / single_image.FOLDER
        pictures.mkdir(parents=True)
        with as_utf8(scratch) as folder:
            kind = _write_tokenizer(model, folder)
            text_graph.write_graph(model.text, folder, model.forget)
            text.write_settings(folder, model.texts, kind, model.dim)
        with as_utf8(pictures) as folder:
            image_graph.write_graph(model.vision, model.image, folder, model.forget)
            settings = PictureSettings(files_digest(files), model.image)
            (folder / single_image.SETTINGS_FILE).write_text(
                json.dumps(settings.as_json(), indent=1), encoding="utf-8"
            )
        note_files(scratch, text.FILES)
        note_files(pictures, single_image.FILES)


def _write_tokenizer(model: PlainModel, folder: Path) -> str:
    """Write the tokenizer; its kind."""
    if model.tokenizer is None:
        np.save(folder / MERGES_FILE, clip_merges())
        return "clip"
    (folder / JSON_FILE).write_text(model.tokenizer, encoding="utf-8")
    return write_table(folder, model.texts)
