"""What benchmarks keep between runs, outside the repository: random models, peers' environments, photos."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """A folder of this name, made if need be."""
    folder = Path(platformdirs.user_cache_dir("vasari-benchmarks")) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def random_model(architecture: str = "ViT-B-32-256") -> Path:
    """The folder of a model with random weights; a process of its own writes it, so that none here imports torch."""
    folder = cache_folder("models") / architecture
    if not (folder / "open_clip_model.safetensors").is_file():
        command = [
            sys.executable,
            "-m",
            "benchmarks.random_model",
            str(folder),
            "--architecture",
            architecture,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder
