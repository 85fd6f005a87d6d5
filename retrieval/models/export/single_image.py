"""ONNX export of the vision tower for `exported.single_image`, checked against the model's own vectors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.export.image import export_image_tower
from vasari.retrieval.models.exported.session import note_files, open_session
from vasari.retrieval.models.exported.single_image import (
    FILES,
    FOLDER,
    GRAPH_FILE,
    SETTINGS_FILE,
    WEIGHTS_FILE,
    OnnxPictureEncoder,
    PictureSettings,
)
from vasari.retrieval.models.registry.fingerprints import files_digest
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.storage.file_names import as_utf8

_LEAST_COSINE = 0.99  # centred, see `drift`: torch and Pillow scale drawn noise a little differently


def export_picture_tower(encoder: OpenClipEncoder, pictures: Sequence[Picture], directory: Path) -> bool:
    """Write the vision tower of `encoder`, loaded in float32 on the CPU, below the folder of its space, in one step.

    False for a tower whose vectors of `pictures` are not the model's own: then only the reason is written. How far off
    another form is that fills the space is judged by who chooses it, on real pictures: what is drawn here is so unlike
    any that bfloat16 moves an EfficientNet's centred cosines to 0.87 on it, and to 0.9996 on photos.
    """
    settings = PictureSettings(files_digest(encoder.towers.files), encoder.preparer)
    with replaced(directory / FOLDER) as (scratch,):
        scratch.mkdir()
        try:
            with as_utf8(scratch) as folder:
                settings = replace(settings, cosine=_written(encoder, pictures, folder))
        except UnsupportedError as error:
            for name in (GRAPH_FILE, WEIGHTS_FILE):
                (scratch / name).unlink(missing_ok=True)
            settings = replace(settings, reason=str(error))
        (scratch / SETTINGS_FILE).write_text(json.dumps(settings.as_json(), indent=1), encoding="utf-8")
        note_files(scratch, FILES)
        if (directory / FOLDER).exists():  # a folder takes the place of an empty one only
            shutil.rmtree(directory / FOLDER)
    return settings.reason is None


def _written(encoder: OpenClipEncoder, pictures: Sequence[Picture], folder: Path) -> float:
    """Write the graph; the least centred cosine of its vectors with those of the model, each from picture to vector."""
    export_image_tower(encoder, folder)
    exported = OnnxPictureEncoder(open_session(folder / GRAPH_FILE, None), encoder.preparer)
    mine, theirs = (
        each.embed_images(np.stack([each.prepare(picture) for picture in pictures]))
        for each in (exported, encoder)
    )
    least = float(centred_cosines(mine, theirs).min())
    if not least >= _LEAST_COSINE:
        raise UnsupportedError(f"the exported tower differs from the model (cosine {least:.5f})")
    return least
