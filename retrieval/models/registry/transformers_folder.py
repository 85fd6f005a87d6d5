"""Models in transformers' format: all of their weights come from the folder, or none are used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.models.registry.checkpoints import check_file
from vasari.retrieval.models.registry.hub import PROCESSOR_FILES, TRANSFORMERS_WEIGHTS


def whole(kind: Any, directory: Path, dtype: torch.dtype) -> Any:
    """The model of the class `kind` in `directory`; ModelUnavailableError where its weights are not all there.

    transformers draws what is missing at random, and says so in its log only.
    """
    _check_type(directory, kind.config_class.model_type)
    weights = [path for name in TRANSFORMERS_WEIGHTS if (path := directory / name).is_file()]
    if not weights:
        raise ModelUnavailableError(f"{directory} holds no weights ({TRANSFORMERS_WEIGHTS[0]})")
    if not any((directory / name).is_file() for name in PROCESSOR_FILES):
        raise ModelUnavailableError(
            f"{directory} says not how pictures are prepared: no {PROCESSOR_FILES[0]}"
        )
    for path in weights:
        check_file(path)
    with quiet():
        model, told = kind.from_pretrained(
            directory,
            local_files_only=True,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are told, and refused below
        )
    absent = [*told["missing_keys"], *(entry[0] for entry in told["mismatched_keys"])]
    if absent:
        raise ModelUnavailableError(
            f"{directory} does not hold the weights of a {kind.__name__}: {len(absent)} are missing or have another"
            f" shape (such as {min(absent)})"
        )
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bar and the tables that transformers writes as it loads: what is wrong is an error, in one line."""
    shown, told = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(told)
        if shown:
            logging.enable_progress_bar()


def _check_type(directory: Path, wanted: str) -> None:
    found = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("model_type")
    if found != wanted:
        raise ModelUnavailableError(
            f"{directory} holds a model of the type {found!r}, and {wanted!r} is wanted here"
        )
