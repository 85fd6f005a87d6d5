"""A cache of features of the frozen vision tower: (pictures, tokens, width) in half precision, computed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor
from tqdm import tqdm

from vasari.retrieval.storage.atomic import replaced
from vasari.training.recipes.augment import whole_pictures
from vasari.training.recipes.pictures import SIZE, Drawn

_BATCH = 100

Features = npt.NDArray[np.float16]


def seen(path: Path, drawn: Drawn, see: Callable[[Tensor], Tensor]) -> Features:
    """Features of all pictures, read from `path` or computed by `see` and written there when all are done."""
    if not path.is_file():
        parts = [
            see(whole_pictures(drawn.pictures(indices), SIZE)).half().numpy()
            for indices in tqdm(np.split(np.arange(len(drawn)), range(_BATCH, len(drawn), _BATCH)), "looking")
        ]
        with replaced(path, durable=False) as (unfinished,), unfinished.open("wb") as file:
            np.save(file, np.concatenate(parts))
    features: Features = np.load(path, mmap_mode="r")
    return features
