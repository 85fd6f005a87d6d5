"""Make the built-in models, from nothing to weights: `python -m training.builtin {data,scenes,...}`.

Every stage is resumable: run the same command again after an interruption.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from training import recipe_encoder
from training.drawn import SIZE, Drawn, draw
from training.loop import Plan, Run
from training.scenes.scene import Split

TRAIN_SEED, DEV_SEED, FINAL_SEED = 1, 7, 2026  # the final evaluation's seed is used for nothing else
TRAIN_COUNT, DEV_COUNT = 24_000, 1_000

ENCODER = recipe_encoder.configuration(SIZE, patch=16, width=160)
ENCODER_PLAN = Plan(
    steps=3000,
    learning_rate=3e-3,
    warmup=60,
    decay="tail",
    muon=True,
    evaluate_every=250,
    save_every=50,
)


def data(runs: Path) -> Drawn:
    """Paint the pictures to train on."""
    draw(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    return draw(runs / "pictures", TRAIN_SEED, TRAIN_COUNT, Split.TRAIN)


def scenes(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the dual encoder."""
    drawn = data(runs)
    directory = models / "scenes"
    if not (directory / "open_clip_config.json").is_file():
        recipe_encoder.create(directory, ENCODER, drawn)
    towers = recipe_encoder.Towers(ENCODER)
    plan = ENCODER_PLAN if steps is None else _shorter(ENCODER_PLAN, steps)
    run = Run(towers, plan, runs / "scenes")
    lesson = recipe_encoder.EncoderLesson(towers, drawn, _tokenizer(directory), batch=64)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    towers.save(directory)


def _shorter(plan: Plan, steps: int) -> Plan:
    from dataclasses import replace  # noqa: PLC0415

    return replace(plan, steps=steps)


def _tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415

    return AutoTokenizer.from_pretrained(directory)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("data", "scenes"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.stage == "data":
        data(arguments.runs)
    else:
        scenes(arguments.runs, arguments.models, arguments.steps)


if __name__ == "__main__":
    main()
