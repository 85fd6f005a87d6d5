"""`vasari train` killed on the way goes on, and ends as if it had never been."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.models import write_model
from vasari.retrieval.models.clip.encoder import OpenClipEncoder

pytestmark = pytest.mark.long

STEPS = 12


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six pictures of one colour each, in COCO's format."""
    colours = {"red": 0, "green": 1, "blue": 2}
    images, notes = [], []
    for number, name in enumerate([*colours, *colours]):
        pixels = np.zeros((48, 48, 3), np.uint8)
        pixels[..., colours[name]] = 120 + 20 * number
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png"})
        notes.append({"image_id": number, "caption": f"a {name} thing, number {number}"})
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": notes}))
    return tmp_path


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(pairs: Path, tmp_path: Path) -> None:
    """The loss falls, SIGKILL costs nothing, and the output directory is a model like any other."""
    model = write_model(tmp_path / "model", "clip")
    program = [
        sys.executable,
        "-m",
        "tests.faults.dying_training",
        str(tmp_path / "quiet"),
        str(tmp_path / "killed"),
    ]
    steps = ["--steps", str(STEPS), "--batch", "6", "--lr", "1e-3", "--warmup", "2", "--save-every", "1"]
    watched = ["--validation", str(pairs), "--patience", str(STEPS)]
    subprocess.run([*program, str(pairs), "--model", str(model), *steps, *watched], check=True)

    weights = [load_file(tmp_path / run / "open_clip_model.safetensors") for run in ("quiet", "killed")]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value)
    log = (tmp_path / "killed" / "run" / "log.csv").read_text().splitlines()
    losses = [float(line.split(",")[2]) for line in log[1:]]
    assert losses[-1] < losses[0] / 2
    assert OpenClipEncoder.load(str(tmp_path / "killed"), threads=1).embed_texts(["a red thing"]).shape == (
        1,
        32,
    )
