"""Make the built-in models, from nothing to weights: `python -m training.builtin {data,scenes,...}`.

Every stage is resumable: run the same command again after an interruption.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training import checkpoints, recipe_captioner, recipe_encoder, recipe_matcher
from training.drawn import SIZE, Drawn, draw
from training.loop import Plan, Run
from training.scenes.scene import Language, Split
from training.visual_words import naming_words

TRAIN_SEED, DEV_SEED, FINAL_SEED = 1, 7, 2026  # the final evaluation's seed is used for nothing else
TRAIN_COUNT, DEV_COUNT = 24_000, 1_000

ENCODER = recipe_encoder.configuration(SIZE, patch=16, width=160)
ENCODER_PLAN = Plan(
    steps=1900,
    learning_rate=3e-3,
    warmup=60,
    decay="tail",
    muon=True,
    evaluate_every=250,
    save_every=50,
)
MATCHER_COUNT = 12_000  # pictures it learns from
MATCHER_PLAN = Plan(
    steps=1600, learning_rate=3e-3, warmup=60, decay="tail", muon=True, evaluate_every=250, save_every=50
)
CAPTIONER_PLAN = Plan(
    steps=1500, learning_rate=2e-3, warmup=60, decay="tail", muon=True, evaluate_every=250, save_every=50
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
    run = Run(towers, _plan(ENCODER_PLAN, steps), runs / "scenes")
    lesson = recipe_encoder.EncoderLesson(towers, drawn, _tokenizer(directory), batch=32)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    towers.save(directory)


def scenes_itm(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the reranker; it starts from the dual encoder's run."""
    drawn = data(runs)
    towers = _trained_towers(runs)
    tokenizer = _tokenizer(models / "scenes")
    near_file = runs / "scenes-itm" / "neighbours.npy"
    if not near_file.is_file():
        near_file.parent.mkdir(parents=True, exist_ok=True)
        np.save(near_file, recipe_matcher.neighbours(towers, drawn, tokenizer, MATCHER_COUNT))
    vision = ENCODER["vision_cfg"]
    matcher = recipe_matcher.Matcher(vision["width"], vision["layers"], vision["patch_size"])
    matcher.start_from(towers)
    matcher.start_naming(_naming(drawn, list(Language), tokenizer))
    run = Run(matcher, _plan(MATCHER_PLAN, steps), runs / "scenes-itm")
    lesson = recipe_matcher.MatcherLesson(matcher, drawn, np.load(near_file), tokenizer, batch=16)
    heldout = Drawn(runs / "pictures", DEV_SEED, 100, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    matcher.save(models / "scenes-itm", tokenizer)


def scenes_florence(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the captioner; it starts from the dual encoder's run."""
    drawn = data(runs)
    directory = models / "scenes-florence"
    if not (directory / "tokenizer.json").is_file():
        recipe_captioner.learn_tokenizer(drawn).save_pretrained(directory)
    tokenizer = _tokenizer(directory)
    towers = _trained_towers(runs)
    vision = ENCODER["vision_cfg"]
    captioner = recipe_captioner.Captioner(tokenizer, vision["layers"], vision["patch_size"])
    captioner.start_from(towers.clip.visual.state_dict(), towers.heads.state_dict())
    captioner.start_naming(_naming(drawn, [Language.ENGLISH], tokenizer))
    run = Run(captioner, _plan(CAPTIONER_PLAN, steps), runs / "scenes-florence")
    lesson = recipe_captioner.CaptionerLesson(captioner, drawn, tokenizer, batch=24)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    captioner.save(directory, tokenizer)


def _trained_towers(runs: Path) -> recipe_encoder.Towers:
    state = torch.load(runs / "scenes" / checkpoints.NAME, map_location="cpu", weights_only=False)
    towers = recipe_encoder.Towers(ENCODER)
    towers.load_state_dict(state["model"])
    return towers.eval()


def _naming(drawn: Drawn, languages: list[Language], tokenizer: Any) -> torch.Tensor:
    def encode(caption: str) -> list[int]:
        ids: list[int] = tokenizer(caption, add_special_tokens=False)["input_ids"]
        return ids

    return naming_words(drawn.scenes, languages, encode, len(tokenizer))


def _plan(plan: Plan, steps: int | None) -> Plan:
    return plan if steps is None else replace(plan, steps=steps)


def _tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory)


STAGES = {"scenes": scenes, "scenes-itm": scenes_itm, "scenes-florence": scenes_florence}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("all", "data", *STAGES))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="pictures, checkpoints and logs")
    parser.add_argument("--models", type=Path, default=Path("data/models"), help="where the models go")
    parser.add_argument("--steps", type=int, help="train for so many steps instead of the recipe's")
    parser.add_argument("--threads", type=int, help="processor threads")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.stage == "data":
        data(arguments.runs)
    for name, make in STAGES.items():
        if arguments.stage in ("all", name):
            make(arguments.runs, arguments.models, arguments.steps)


if __name__ == "__main__":
    main()
