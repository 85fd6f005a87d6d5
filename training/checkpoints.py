"""Checkpoints of a training run: atomic writes, and all the state that resuming needs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vasari.retrieval.models.registry.checkpoints import load_tensors
from vasari.retrieval.storage.atomic import replaced

NAME = "checkpoint.pt"


def save(directory: Path, state: dict[str, Any]) -> None:
    """Put `state` and the state of every random generator into the directory's checkpoint, atomically.

    The file is written beside its final name and renamed, so that a killed run leaves the previous one in place.
    """
    with replaced(directory / NAME) as (unfinished,):
        torch.save({**state, "random": _random_state()}, unfinished)


def resume(directory: Path) -> dict[str, Any] | None:
    """What the last `save` wrote, with the random generators put back; None if there is no checkpoint.

    Raises ModelUnavailableError for a file that is no checkpoint, or would run code.
    """
    path = directory / NAME
    if not path.is_file():
        return None
    state: dict[str, Any] = load_tensors(path, numpy_state=True)
    _restore(state.pop("random"))
    return state


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _random_state() -> dict[str, Any]:
    """State of the random generators as tensors and plain values, which are read back without running code."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }


def _restore(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.asarray(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"])
