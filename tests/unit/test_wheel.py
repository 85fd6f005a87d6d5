"""What is installed: one top-level package, that gets along with a project's own `api` and `training`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import api, training, vasari, vasari.api, vasari.training
from vasari import Client, Library
from vasari.retrieval.models.registry.presets import builtin_models_directory
for module in (api, training, vasari, vasari.api, vasari.training):
    print(module.__file__)
print(builtin_models_directory() / "scenes" / "open_clip_config.json")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_one_package_is_installed(wheel: Path) -> None:
    """`vasari` and what pip notes of it; each module of the source tree is in it, and the page and the models."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0].removesuffix(".dist-info").partition("-")[0] for name in names} == {
        "vasari"
    }
    for room in ("retrieval", "indexer", "training", "api"):
        assert {f"vasari/{path.relative_to(ROOT)}" for path in (ROOT / room).rglob("*.py")} <= names
    assert {
        "vasari/api/web/index.html",
        "vasari/api/web/world/countries-50m.json",
        "vasari/retrieval/data/models/scenes/open_clip_config.json",
        "vasari/retrieval/data/phrases/ja.txt",
        "vasari/retrieval/data/places/ordinary.txt",
        "vasari/retrieval/data/places/places.npz",
        "vasari/retrieval/data/photos/photos.csv",
        "vasari/retrieval/data/recall/languages.csv",
    } <= names


def test_a_projects_own_packages_are_left_alone(wheel: Path, tmp_path: Path) -> None:
    """Installed beside a project whose packages are called `api` and `training`, each finds its own."""
    site, project = tmp_path / "site", tmp_path / "project"
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("api", "training"):
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").touch()
    paths = os.pathsep.join([str(project), str(site)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=project,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    *modules, model = map(Path, done.stdout.splitlines())
    assert modules == [
        project / "api/__init__.py",
        project / "training/__init__.py",
        site / "vasari/__init__.py",
        site / "vasari/api/__init__.py",
        site / "vasari/training/__init__.py",
    ]
    assert model.is_relative_to(site / "vasari")
    assert model.is_file()
