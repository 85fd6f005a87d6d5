"""`vasari train`: fine-tune a dual encoder on pictures with captions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output as out
from api.cli import targets
from api.cli.options import DeviceOption, amount, open_settings

if TYPE_CHECKING:
    from retrieval.evaluation.datasets import Dataset


class LossChoice(StrEnum):
    """Contrastive losses."""

    INFONCE = "infonce"
    SIGLIP = "siglip"


class TowerChoice(StrEnum):
    """What stays as it is."""

    IMAGE = "image"
    TEXT = "text"


class PrecisionChoice(StrEnum):
    """What the matrix products compute in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari train ./pairs --model scenes --output ./mine")(train)


def train(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="COCO JSON, Flickr CSV, JSONL; or a folder.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Preset, hf-hub:…, directory; see --from-scratch.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the model goes; continued if it was begun.")
    ],
    validation: Annotated[
        Path | None, typer.Option(help="A dataset to measure recall on as it goes.")
    ] = None,
    epochs: Annotated[
        float, typer.Option(help="How often each picture is seen.", min=0, callback=amount)
    ] = 5,
    steps: Annotated[int | None, typer.Option(help="Instead of --epochs: so many updates.", min=1)] = None,
    batch: Annotated[int, typer.Option("--batch", "-b", help="Pairs a batch.", min=2)] = 64,
    accumulate: Annotated[int, typer.Option(help="Batches an update.", min=1)] = 1,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", "--lr", help="Its highest value.", callback=amount)
    ] = 1e-5,
    warmup: Annotated[int, typer.Option(help="Updates until the learning rate is reached.", min=0)] = 50,
    weight_decay: Annotated[float, typer.Option(help="AdamW's.", min=0, callback=amount)] = 0.05,
    loss: Annotated[
        LossChoice | None, typer.Option(help="[default: the one the model was made with]")
    ] = None,
    lock: Annotated[TowerChoice | None, typer.Option(help="Leave this tower as it is.")] = None,
    scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch", help="Begin with random weights; --model is an open_clip architecture."
        ),
    ] = False,
    language: Annotated[str | None, typer.Option(help="Only captions of this language.")] = None,
    precision: Annotated[
        PrecisionChoice, typer.Option(help="bfloat16 is mixed precision.")
    ] = PrecisionChoice.FLOAT32,
    seed: Annotated[int, typer.Option(help="Order and crops follow from it.")] = 0,
    save_every: Annotated[int, typer.Option(help="Updates between checkpoints.", min=1)] = 50,
    device: DeviceOption = None,
) -> None:
    """Fine-tune an open_clip model on your pairs.

    Ctrl-C or a crash loses nothing but the last few updates: run the same command again.
    """
    from retrieval.evaluation.datasets import load_dataset
    from retrieval.models.hub import HubAccess
    from training.finetuning import FineTuning, fine_tune
    from training.loop import Plan

    settings, folder = open_settings(device=device), targets.folder(output)
    pairs = load_dataset(dataset, language=language, split="train")
    _note_missing(pairs)
    measured = load_dataset(validation, language=language, limit=1000) if validation else None
    updates = steps or _updates(epochs, len(pairs.images), batch, accumulate)
    plan = Plan(
        steps=updates,
        learning_rate=learning_rate,
        warmup=min(warmup, updates),
        weight_decay=weight_decay,
        accumulate=accumulate,
        precision=precision.value,
        seed=seed,
        log_every=max(1, min(10, updates // 10)),
        evaluate_every=max(1, updates // 5),
        save_every=save_every,
    )
    options = FineTuning(
        model=model,
        plan=plan,
        batch=batch,
        loss=loss.value if loss else None,
        lock=lock.value if lock else None,
        scratch=scratch,
        device=settings.device,
    )
    out.note(f"{len(pairs.images):,} pictures, {len(pairs.texts):,} captions, {updates:,} updates of {batch}")
    fine_tune(pairs, measured, folder, options, HubAccess(settings.offline, settings.hub_timeout))
    out.line(
        f"the model is in {folder} (log: {folder / 'run' / 'log.csv'}); use it: vasari index PATH --model {folder}"
    )


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
