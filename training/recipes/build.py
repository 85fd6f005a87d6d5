"""Make the built-in models, from nothing to weights: `python -m vasari.training.recipes.build {data,scenes,...}`.

Every stage is resumable: run the same command again after an interruption.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from vasari.retrieval.models.registry.checkpoints import load_tensors
from vasari.training import checkpoints
from vasari.training.loop import Run, Schedule
from vasari.training.recipes import drawings_probe, encoder, lexicon, starter_parts, vision_tower
from vasari.training.recipes.augment import whole_pictures
from vasari.training.recipes.cached_features import seen
from vasari.training.recipes.captioner import (
    Captioner,
    CaptionerEyes,
    CaptionerEyesLesson,
    CaptionerLesson,
    learn_tokenizer,
    typed,
)
from vasari.training.recipes.pictures import SIZE, Drawn, draw
from vasari.training.recipes.pooling import Features, Pooling, PoolingLesson, embed, seen_before_pooling
from vasari.training.recipes.reranker import RerankerLesson, SmallReranker, neighbours
from vasari.training.recipes.starter import TextLesson, TextTower, learned_texts, save_starter
from vasari.training.recipes.typed_matching import TypedRerankerLesson
from vasari.training.recipes.typed_queries import Reader, TypedLesson, meet
from vasari.training.recipes.typed_seeing import DEPTH, SeeingLesson, Seer, fit_heads
from vasari.training.recipes.weight_transfer import from_blip_vision
from vasari.training.recipes.word_init import naming_words
from vasari.training.scenes.scene import Language, Split

TRAIN_SEED, DEV_SEED, FINAL_SEED = 1, 7, 2026  # the final evaluation's seed is used for nothing else
TRAIN_COUNT, DEV_COUNT = 24_000, 1_000

ENCODER = encoder.configuration(SIZE, patch=16, width=160)
ENCODER_PLAN = Schedule(
    steps=1900,
    learning_rate=3e-3,
    warmup=60,
    decay="tail",
    muon=True,
    evaluate_every=250,
    save_every=50,
)
EYES_COUNT = 48_000  # pictures the eyes learn from
EYES_PLAN = Schedule(
    steps=3500, learning_rate=3e-3, warmup=60, decay="tail", muon=True, evaluate_every=250, save_every=50
)
RERANKER_PLAN = Schedule(
    steps=2000, learning_rate=2e-3, warmup=50, decay="tail", muon=True, evaluate_every=250, save_every=50
)
TYPED_COUNT = 20_000  # pictures that are searched by typed queries
POOLING_PLAN = Schedule(
    steps=600, learning_rate=3e-3, warmup=40, decay="tail", muon=True, evaluate_every=100, save_every=50
)
TYPED_PLAN = Schedule(
    steps=330, learning_rate=2e-3, warmup=40, decay="tail", muon=True, evaluate_every=200, save_every=50
)
SEEING_COUNT = 15_000  # pictures by which the last layers learn numbers and colours of things
SEEING_PLAN = Schedule(
    steps=1000, learning_rate=1.5e-3, warmup=20, decay="tail", muon=True, evaluate_every=100, save_every=20
)
RERANKER_TYPED_COUNT = 10_000  # pictures of which typed queries are true or not
RERANKER_TYPED_PLAN = Schedule(
    steps=450, learning_rate=1e-3, warmup=50, decay="tail", muon=True, evaluate_every=250, save_every=50
)
CAPTIONER_EYES_PLAN = Schedule(
    steps=450, learning_rate=2e-3, warmup=60, decay="tail", muon=True, evaluate_every=250, save_every=50
)
CAPTIONER_PLAN = Schedule(
    steps=1700, learning_rate=2e-3, warmup=50, decay="tail", muon=True, evaluate_every=250, save_every=50
)
CAPTIONER_TYPED_PLAN = Schedule(
    steps=1400, learning_rate=2e-3, warmup=50, decay="tail", muon=True, evaluate_every=250, save_every=50
)

STARTER_PLAN = Schedule(
    steps=10000,
    learning_rate=3e-3,
    warmup=50,
    decay="tail",
    weight_decay=0.01,
    save_every=50,
    precision="bfloat16",
)


def data(runs: Path, count: int = TRAIN_COUNT) -> Drawn:
    """Paint the pictures to train on."""
    draw(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    return draw(runs / "pictures", TRAIN_SEED, count, Split.TRAIN)


def scenes(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the dual encoder."""
    drawn = data(runs)
    directory = models / "scenes"
    if not (directory / "open_clip_config.json").is_file():
        encoder.create(directory, ENCODER, drawn)
    towers = encoder.Towers(ENCODER)
    run = Run(towers, _plan(ENCODER_PLAN, steps), runs / "scenes")
    lesson = encoder.EncoderLesson(towers, drawn, _tokenizer(directory), batch=32)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    towers.save(directory)


def scenes_eyes(runs: Path, _models: Path, steps: int | None = None) -> None:
    """Train the vision tower that reranker and captioner start from; it is no model of its own."""
    eyes = vision_tower.Eyes(_trained_towers(runs))
    run = Run(eyes, _plan(EYES_PLAN, steps), runs / "scenes-eyes")
    lesson = vision_tower.EyesLesson(eyes, data(runs, EYES_COUNT), batch=48)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))


def scenes_itm(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the reranker; it starts from the eyes, and learns from what the dual encoder takes for alike."""
    drawn = data(runs)
    tokenizer = _tokenizer(models / "scenes")
    directory = runs / "scenes-itm"
    eyes, vision = _trained_eyes(runs), ENCODER["vision_cfg"]
    reranker = SmallReranker(vision["width"], vision["layers"], vision["patch_size"])
    reranker.start_from(eyes.towers)
    features = seen(directory / "features.npy", drawn, reranker.see)
    reranker.start_naming(_naming(drawn, list(Language), tokenizer), eyes)
    if not (directory / "neighbours.npy").is_file():
        near = neighbours(_trained_towers(runs), drawn, tokenizer)
        np.save(directory / "neighbours.npy", near)
    near = np.load(directory / "neighbours.npy")
    plan = _plan(RERANKER_PLAN, steps)
    run = Run(reranker, plan, directory)
    lesson = RerankerLesson(reranker, drawn.scenes, features, near, tokenizer, batch=16, steps=plan.steps)
    heldout = Drawn(runs / "pictures", DEV_SEED, 100, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    reranker.save(models / "scenes-itm", tokenizer)


def scenes_pooling(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train what the dual encoder's class token gathers behind the eyes; it is no model of its own."""
    towers, directory = _published_towers(models), runs / "scenes-pooling"
    drawn, heldout, seen_of = _typed_data(runs, towers, directory)
    pooling = Pooling(towers.clip.visual)
    run = Run(pooling, _plan(POOLING_PLAN, steps), directory)
    lesson = PoolingLesson(pooling, drawn.scenes, seen_of["train"], batch=256)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout.scenes, seen_of["heldout"]))


def scenes_typed(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the dual encoder's text tower on what people type, before the embeddings of that pooling."""
    towers, directory = _published_towers(models), runs / "scenes-typed"
    drawn, heldout, seen_of = _typed_data(runs, towers, runs / "scenes-pooling")
    pooling = Pooling(towers.clip.visual)
    pooling.load_state_dict(_weights(runs / "scenes-pooling"))
    images, others = (embed(pooling.eval(), seen_of[name]).clone() for name in ("train", "heldout"))
    tokenizer = _tokenizer(models / "scenes")
    meet(towers, drawn.scenes[:3000], images[:3000], tokenizer)
    reader = Reader(towers, pooling.heads)
    run = Run(reader, _plan(TYPED_PLAN, steps), directory)
    lesson = TypedLesson(reader, drawn.scenes, images, tokenizer)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout.scenes, others))
    towers.save(models / "scenes")


def scenes_typed_seeing(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the dual encoder as it lies in `models` on numbers and colours of things, its last layers and its words."""
    towers, directory = encoder.Towers(ENCODER), runs / "scenes-typed-seeing"
    saved = load_file(models / "scenes/open_clip_model.safetensors")
    towers.clip.load_state_dict({name: value.float() for name, value in saved.items()})
    drawn, heldout, seen_of = _typed_data(runs, towers, directory, SEEING_COUNT, DEPTH)
    seer = Seer(towers)
    lesson = SeeingLesson(seer, drawn.scenes, seen_of["train"], _tokenizer(models / "scenes"))
    if not (directory / checkpoints.NAME).is_file():
        fit_heads(seer, lesson, torch.inference_mode()(seer.see_all)(seen_of["train"]).clone())
    run = Run(seer, _plan(SEEING_PLAN, steps), directory)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate_seen(heldout.scenes, seen_of["heldout"]))
    towers.save(models / "scenes")


def _typed_data(
    runs: Path, towers: encoder.Towers, directory: Path, count: int = TYPED_COUNT, depth: int = 1
) -> tuple[Drawn, Drawn, dict[str, list[Features]]]:
    """Scenes to train on, heldout ones, and what enters the last layers of the eyes for the pictures of both."""
    data(runs)
    drawn = Drawn(runs / "pictures", TRAIN_SEED, count, Split.TRAIN)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    visual = towers.clip.visual.eval()
    seen_of = {
        name: seen_before_pooling(directory / name, one, visual, depth)
        for name, one in (("train", drawn), ("heldout", heldout))
    }
    return drawn, heldout, seen_of


def _published_towers(models: Path) -> encoder.Towers:
    """The dual encoder as it lies in `models`, looking through the eyes of the reranker beside it."""
    towers, vision = encoder.Towers(ENCODER), "vision_model."
    weights, reranker = (
        {name: value.float() for name, value in load_file(models / file).items()}
        for file in ("scenes/open_clip_model.safetensors", "scenes-itm/model.safetensors")
    )
    towers.clip.load_state_dict(weights)
    eyes = {name.removeprefix(vision): value for name, value in reranker.items() if name.startswith(vision)}
    visual = towers.clip.visual
    visual.load_state_dict(visual.state_dict() | from_blip_vision(eyes, ENCODER["vision_cfg"]["layers"]))
    return towers


def scenes_itm_typed(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the reranker as it lies in `models` on what people type; its eyes stay."""
    data(runs)
    drawn = Drawn(runs / "pictures", TRAIN_SEED, RERANKER_TYPED_COUNT, Split.TRAIN)
    tokenizer, directory = _tokenizer(models / "scenes"), runs / "scenes-itm-typed"
    vision = ENCODER["vision_cfg"]
    reranker = SmallReranker(vision["width"], vision["layers"], vision["patch_size"])
    reranker.load(models / "scenes-itm")
    run = Run(reranker, _plan(RERANKER_TYPED_PLAN, steps), directory)
    features = seen(directory / "features.npy", drawn, reranker.see)
    lesson = TypedRerankerLesson(reranker, drawn.scenes, features, tokenizer, batch=16)
    heldout = Drawn(runs / "pictures", DEV_SEED, 100, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))
    reranker.save(models / "scenes-itm", tokenizer)


def scenes_florence_eyes(runs: Path, _models: Path, steps: int | None = None) -> None:
    """Train the captioner's vision tower; it starts from the eyes, and is no model of its own."""
    eyes, drawn = _captioner_eyes(), data(runs, EYES_COUNT)
    eyes.start_from(_trained_eyes(runs).towers, whole_pictures(drawn.pictures(np.arange(100)), SIZE))
    run = Run(eyes, _plan(CAPTIONER_EYES_PLAN, steps), runs / "scenes-florence-eyes")
    lesson = CaptionerEyesLesson(eyes, drawn, batch=32)
    heldout = Drawn(runs / "pictures", DEV_SEED, DEV_COUNT, Split.HELDOUT)
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout))


def scenes_florence(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the captioner behind its eyes."""
    drawn = data(runs)
    directory = models / "scenes-florence"
    if not (directory / "tokenizer.json").is_file():
        learn_tokenizer(drawn.scenes).save_pretrained(directory)
    tokenizer = _tokenizer(directory)
    eyes = _captioner_eyes()
    eyes.load_state_dict(_weights(runs / "scenes-florence-eyes"))
    vision = ENCODER["vision_cfg"]
    captioner = Captioner(tokenizer, vision["layers"], vision["patch_size"])
    captioner.start_from(eyes)
    captioner.start_naming(_naming(drawn, [Language.ENGLISH], tokenizer), eyes)
    run = Run(captioner, _plan(CAPTIONER_PLAN, steps), runs / "scenes-florence")
    look = torch.inference_mode()(eyes.eval().see)
    patches = seen(runs / "scenes-florence" / "patches.npy", drawn, look)
    lesson = CaptionerLesson(captioner, drawn.scenes, patches, tokenizer, batch=24)
    heldout = Drawn(runs / "pictures", DEV_SEED, 100, Split.HELDOUT)
    shown = look(whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE))
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout.scenes, shown))
    captioner.save(directory, tokenizer)


def scenes_florence_typed(runs: Path, models: Path, steps: int | None = None) -> None:
    """Train the captioner as it lies in `models` on questions as people type them; its eyes stay."""
    drawn, directory, run_directory = data(runs), models / "scenes-florence", runs / "scenes-florence-typed"
    tokenizer, vision = _tokenizer(directory), ENCODER["vision_cfg"]
    captioner = Captioner(tokenizer, vision["layers"], vision["patch_size"])
    captioner.load(directory)
    run = Run(captioner, _plan(CAPTIONER_TYPED_PLAN, steps), run_directory)
    look = torch.inference_mode()(captioner.see)
    patches = seen(run_directory / "patches.npy", drawn, look)
    lesson = CaptionerLesson(captioner, drawn.scenes, patches, tokenizer, batch=24, seed=5, asking=typed)
    heldout = Drawn(runs / "pictures", DEV_SEED, 100, Split.HELDOUT)
    shown = look(whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE))
    run.train(lesson.loss, lesson.batch_at, lambda: lesson.evaluate(heldout.scenes, shown))
    captioner.save(directory, tokenizer)


def starter(runs: Path, models: Path, steps: int | None = None) -> None:
    """Make the photo model: its eyes are ImageNet's, only the text tower is trained."""
    directory = runs / "starter"
    starter_parts.obtain(directory / "parts")
    material = learned_texts(directory, directory / "parts")
    tower = TextTower(material.embeddings)
    lesson = TextLesson(tower, material, batch=256)
    Run(tower, _plan(STARTER_PLAN, steps), directory).train(lesson.loss, lesson.batch_at)
    save_starter(models / "starter", tower, material, directory / "parts")


def make_lexicon(_runs: Path, models: Path, _steps: int | None = None) -> None:
    """The words that `scenes` was taught."""
    lexicon.make(models)


def make_drawings_probe(_runs: Path, models: Path, _steps: int | None = None) -> None:
    """Make what keeps the captioner of drawings from speaking about photos."""
    drawings_probe.make(models)


def _captioner_eyes() -> CaptionerEyes:
    vision = ENCODER["vision_cfg"]
    return CaptionerEyes(vision["layers"], vision["patch_size"])


def _trained_towers(runs: Path) -> encoder.Towers:
    towers = encoder.Towers(ENCODER)
    towers.load_state_dict(_weights(runs / "scenes"))
    return towers.eval()


def _trained_eyes(runs: Path) -> vision_tower.Eyes:
    eyes = vision_tower.Eyes(encoder.Towers(ENCODER))
    eyes.load_state_dict(_weights(runs / "scenes-eyes"))
    return eyes.eval()


def _weights(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_tensors(run / checkpoints.NAME, numpy_state=True)["model"]
    return found


def _naming(drawn: Drawn, languages: list[Language], tokenizer: Any) -> torch.Tensor:
    def encode(caption: str) -> list[int]:
        ids: list[int] = tokenizer(caption, add_special_tokens=False)["input_ids"]
        return ids

    return naming_words(drawn.scenes, languages, encode, len(tokenizer))


def _plan(plan: Schedule, steps: int | None) -> Schedule:
    return plan if steps is None else replace(plan, steps=steps)


def _tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory, trust_remote_code=False)


STAGES = {
    "scenes": scenes,
    "scenes-eyes": scenes_eyes,
    "scenes-itm": scenes_itm,
    "scenes-pooling": scenes_pooling,
    "scenes-typed": scenes_typed,
    "scenes-typed-seeing": scenes_typed_seeing,
    "scenes-itm-typed": scenes_itm_typed,
    "scenes-florence-eyes": scenes_florence_eyes,
    "scenes-florence": scenes_florence,
    "scenes-florence-typed": scenes_florence_typed,
    "starter": starter,
    "drawings-probe": make_drawings_probe,
    "scenes-lexicon": make_lexicon,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("all", "data", *STAGES))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="pictures, checkpoints and logs")
    parser.add_argument("--models", type=Path, default=Path("data/models"), help="where the models go")
    parser.add_argument("--steps", type=int, help="train for so many steps instead of the recipe's")
    parser.add_argument("--threads", type=int, help="processor threads")
    arguments = parser.parse_args()
    if arguments.stage in ("all", "scenes-lexicon") and (missing := lexicon.missing_packages()):
        parser.error(f"the lexicon is made from word lists: apt-get install {' '.join(missing)}")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.stage == "data":
        data(arguments.runs)
    for name, make in STAGES.items():
        if arguments.stage in ("all", name):
            make(arguments.runs, arguments.models, arguments.steps)


if __name__ == "__main__":
    main()
