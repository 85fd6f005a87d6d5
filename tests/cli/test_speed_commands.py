"""`vasari bench` and `vasari models optimize` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.conftest import Run
from tests.models import write_model


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten pictures of soft colours."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        cells = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(cells).resize((96, 72), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A CLIP with random weights."""
    return write_model(tmp_path / "model", "clip")


def test_bench_measures_a_folder_and_writes_nothing(
    run: Run, photos: Path, model: Path, tmp_path: Path
) -> None:
    """The report names device, precision, speeds and bottleneck, for people and as JSON; no library is made."""
    code, out, _ = run("bench", photos, "--model", model, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["pictures"] == 10
    assert report["device"] == "cpu"
    assert min(report[name] for name in ("read", "decode", "encode", "together", "limit")) > 0
    code, out, _ = run("bench", photos, "--model", model, "--count", 4)
    assert code == 0
    assert "limited by" in out
    assert not (tmp_path / "library").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_bench_without_a_gpu_is_one_clear_line(run: Run, photos: Path, model: Path) -> None:
    """Asked for a GPU that is not there: exit code 2 and one line that says what to use."""
    code, out, err = run("bench", photos, "--model", model, "--device", "cuda")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("vasari: there is no device cuda: torch sees 0 CUDA devices")


def test_optimize_reports_before_it_switches(run: Run, photos: Path, model: Path, tmp_path: Path) -> None:
    """A dry run reports only; then the form is switched on, used by the next job, and switched off again."""
    assert run("index", photos, "--model", model)[0] == 0
    code, out, _ = run("models", "optimize", "--dry-run")
    assert code == 0
    assert "drift" in out
    assert "nothing was switched" in out
    code, out, _ = run("models", "optimize", "--precision", "float32", "--force", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["switched"]
    assert report["cosine_min"] > 0.995
    code, out, _ = run("bench", photos, "--json")
    assert code == 0
    assert json.loads(out)["precision"] == "float32"
    code, out, _ = run("models", "optimize", "--off", "--json")
    assert (code, json.loads(out)["switched_off"]) == (0, True)
    code, out, _ = run("models", "optimize", "--off")
    assert code == 0
    assert "runs as it is; nothing was switched on" in out
    assert not list((tmp_path / "library" / "models").glob("*/image.json"))


def test_a_model_can_be_optimized_before_the_first_picture(run: Run, photos: Path, model: Path) -> None:
    """With a model and a folder of photos the library is made, and what is indexed then uses the faster form."""
    code, _, err = run("models", "optimize", model)
    assert code == 2
    assert "--photos" in err
    assert run("models", "optimize", model, "--photos", photos, "--force")[0] == 0
    code, out, _ = run("index", photos, "--json")
    assert code == 0
    assert json.loads(out)["added"] == 10
    assert json.loads(run("bench", photos, "--json")[1])["precision"] == "int8"
