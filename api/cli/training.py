"""`vasari train`: fine-tune a dual encoder on pictures with captions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vasari.api.cli import output as out
from vasari.api.cli import targets
from vasari.api.cli.options import FILE, PLACE, Integer, Number, command, device_option, open_settings
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset, load_dataset

if TYPE_CHECKING:
    from vasari.training.options import LossName, Tower

_MOST_MEASUREMENTS = 50  # of a run, however many epochs it has


@command(example="vasari train ./pairs --model scenes --output ./mine")
@click.argument("dataset", metavar="DATASET", type=FILE, help="COCO JSON, Flickr CSV, JSONL; or a folder.")
@click.option(
    "--model", "-m", type=PLACE, required=True, help="Preset, hf-hub:…, directory; see --from-scratch."
)
@click.option(
    "--output", "-o", type=FILE, required=True, help="Where the model goes; continued if it was begun."
)
@click.option(
    "--distill",
    metavar="TEACHER",
    type=PLACE,
    help="Learn this model's space, from pictures without captions.",
)
@click.option(
    "--reranker", type=PLACE, help="Train this reranker; --model finds the wrong pairs it has to tell."
)
@click.option("--validation", type=FILE, help="A dataset to measure recall on after each epoch.")
@click.option(
    "--patience",
    type=Integer(1),
    help="Stop after so many epochs without a better text→image R@1, and keep the best.",
)
@click.option("--epochs", type=Number(0), default=5, help="How often each picture is seen.")
@click.option("--steps", type=Integer(1), help="Instead of --epochs: so many updates.")
@click.option("--batch", "-b", type=Integer(2), default=64, help="Pairs a batch.")
@click.option("--accumulate", type=Integer(1), default=1, help="Batches an update.")
@click.option(
    "--learning-rate",
    "--lr",
    type=Number(0),
    help="Its highest value. [default: 1e-5; --lora 1e-4; --from-scratch 5e-4]",
)
@click.option("--warmup", type=Integer(0), default=50, help="Updates until the learning rate is reached.")
@click.option("--weight-decay", type=Number(0), default=0.05, help="AdamW's.")
@click.option(
    "--loss",
    type=click.Choice(["infonce", "siglip"]),
    help="[default: the one the model was made with]",
)
@click.option(
    "--lora", metavar="RANK", type=Integer(1), help="Learn low-rank changes of the weights only; 8 is usual."
)
@click.option("--lock", type=click.Choice(["image", "text"]), help="Leave this tower as it is.")
@click.option(
    "--from-scratch",
    "scratch",
    is_flag=True,
    help="Begin with random weights; --model is an architecture of open_clip, or timm to --distill.",
)
@click.option("--language", help="Only captions of this language.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help="bfloat16 is mixed precision.",
)
@click.option(
    "--gradient-checkpointing",
    is_flag=True,
    help="Compute activations twice instead of keeping them: a third slower, half the memory.",
)
@click.option("--seed", type=Integer(0), default=0, help="Order and crops follow from it.")
@click.option("--save-every", type=Integer(1), default=50, help="Updates between checkpoints.")
@click.option("--tensorboard", metavar="DIR", type=FILE, help="Write curves for TensorBoard there.")
@device_option
def train(
    dataset: Path,
    model: str,
    output: Path,
    distill: str | None,
    reranker: str | None,
    validation: Path | None,
    patience: int | None,
    epochs: float,
    steps: int | None,
    batch: int,
    accumulate: int,
    learning_rate: float | None,
    warmup: int,
    weight_decay: float,
    loss: LossName | None,
    lora: int | None,
    lock: Tower | None,
    scratch: bool,
    language: str | None,
    precision: Literal["float32", "bfloat16"],
    gradient_checkpointing: bool,
    seed: int,
    save_every: int,
    tensorboard: Path | None,
    device: str | None,
) -> None:
    """Fine-tune a model on your pictures.

    A dual encoder learns from pairs of pictures and captions. With --distill it learns to see as a larger one does,
    from pictures alone. With --reranker a reranker learns from pairs instead.

    Ctrl-C or a crash loses nothing but the last few updates: run the same command again. On several GPUs: torchrun
    --nproc-per-node 2 -m vasari.api.cli train …
    """
    # These bring torch and the hub, which take seconds; help and complaints do not wait for them.
    from vasari.retrieval.models.registry.hub import HubAccess
    from vasari.training.distillation import pictures_of
    from vasari.training.finetuning import fine_tune
    from vasari.training.loop import Schedule
    from vasari.training.options import FineTuning, usual_rate
    from vasari.training.processes import joined, leads

    if patience and validation is None:
        raise UsageError("--patience compares measurements: say what to measure on with --validation")
    settings, folder = open_settings(device=device), targets.folder(output)
    if distill:
        pairs, measured = pictures_of(dataset), pictures_of(validation, language) if validation else None
    else:
        pairs = load_dataset(dataset, language=language, split="train")
        measured = load_dataset(validation, language=language, limit=1000) if validation else None
    epoch = _updates(1, len(pairs.images), batch, accumulate)
    updates = steps or _updates(epochs, len(pairs.images), batch, accumulate)
    plan = Schedule(
        updates,
        learning_rate=usual_rate(scratch=scratch, lora=lora) if learning_rate is None else learning_rate,
        warmup=min(warmup, updates),
        weight_decay=weight_decay,
        accumulate=accumulate,
        precision=precision,
        seed=seed,
        log_every=max(1, min(10, updates // 10)),
        evaluate_every=max(epoch, updates // _MOST_MEASUREMENTS),
        save_every=save_every,
        patience=patience or 0,
    )
    with joined(settings.device) as own_device:
        options = FineTuning(
            model,
            plan,
            batch,
            loss=loss,
            lock=lock,
            scratch=scratch,
            device=own_device,
            lora=lora,
            gradient_checkpointing=gradient_checkpointing,
            distill=distill,
            reranker=reranker,
        )
        options.check()
        if leads():
            _note_missing(pairs)
            out.note(
                f"{len(pairs.images):,} pictures, {len(pairs.texts):,} captions, {updates:,} updates of {batch}"
            )
        access = HubAccess(settings.offline, settings.hub_timeout)
        unreadable = fine_tune(pairs, measured, folder, options, access, board=tensorboard)
        if leads():
            _say_done(folder, unreadable, reranker=bool(reranker))


def _say_done(folder: Path, unreadable: Mapping[Path, str], *, reranker: bool) -> None:
    for path, reason in sorted(unreadable.items())[:1]:
        out.note(f"{len(unreadable):,} pictures cannot be read and were left out, such as {path}: {reason}")
    use = (
        f"VASARI_RERANKER={folder} vasari search -r …" if reranker else f"vasari index PATH --model {folder}"
    )
    out.line(f"the model is in {folder} (log: {folder / 'run' / 'log.csv'}); use it: {use}")


def _note_missing(pairs: Dataset) -> None:
    if pairs.broken:
        out.note(f"{len(pairs.broken)} captions cannot be used and are left out, such as {pairs.broken[0]}")
    if pairs.missing:
        out.note(
            f"{len(pairs.missing)} pictures are not on disk and are left out, such as {pairs.missing[0]}"
        )


def _updates(epochs: float, pictures: int, batch: int, accumulate: int) -> int:
    """How many updates see each picture `epochs` times; at least one."""
    return max(1, round(epochs * pictures / (min(batch, pictures) * accumulate)))
