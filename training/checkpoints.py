"""Checkpoints of a training run: written whole or not at all, and enough to go on as if never interrupted."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

NAME = "checkpoint.pt"


def save(directory: Path, state: dict[str, Any]) -> None:
    """Put `state` and the state of every random generator into the directory's checkpoint, atomically.

    The file is written beside its final name and renamed, so that a killed run leaves the previous one in place.
    """
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f"{NAME}.unfinished"
    with unfinished.open("wb") as file:
        torch.save({**state, "random": _random_state()}, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / NAME)


def resume(directory: Path) -> dict[str, Any] | None:
    """What the last `save` wrote, with the random generators put back; None if there is no checkpoint."""
    path = directory / NAME
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    _restore(state.pop("random"))
    return state


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _random_state() -> dict[str, Any]:
    return {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()}


def _restore(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
