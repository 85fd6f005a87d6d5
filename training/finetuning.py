"""What `vasari train` runs: a lesson (contrastive, distillation, reranking), resumable, and the model it ends with.

The output directory holds the model as the hub keeps it (it works as `--model`), and `run/`: checkpoint, logs, plan.
Running the same command again goes on from the last checkpoint; batches depend on the step alone, so the result is
that of a run that was never interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.models.hardware import choose_device
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.storage.atomic import replaced
from vasari.training import checkpoints, processes
from vasari.training.contrastive import ContrastiveLesson
from vasari.training.crops import Crops
from vasari.training.distillation import DistillationLesson
from vasari.training.loop import Run, need_tensorboard
from vasari.training.options import FineTuning
from vasari.training.reranking import RerankerLesson
from vasari.training.student import Student

_NOTE = "run/options.json"


class Lesson(Protocol):
    """What is learnt from which batches, and how it is measured."""

    model: nn.Module
    crops: Crops

    def batch_at(self, step: int) -> Any:
        """This process's share of a step's batch."""

    def loss(self, batch: Any) -> tuple[Tensor, dict[str, float]]:
        """What to minimise, and figures for the log."""

    def evaluate(self, validation: Dataset) -> dict[str, float]:
        """Figures on a validation set; the first decides which model is the best."""

    def save(self, output: Path) -> None:
        """Write the model; it is not trained any more."""


def fine_tune(
    dataset: Dataset,
    validation: Dataset | None,
    output: Path,
    options: FineTuning,
    access: HubAccess | None = None,
    *,
    board: Path | None = None,
    progress: bool = True,
) -> Mapping[Path, str]:
    """Train, or go on training, and write the model to `output`; why pictures could not be read, which are left out.

    Inside `processes.joined` with the other processes of torchrun, if there are several.

    Raises UsageError for an output directory of another run, or settings that make no sense; NotFoundError and
    ModelUnavailableError for the model as loading does; MissingExtraError for a `board` without TensorBoard.
    """
    options.check()
    if board is not None:
        need_tensorboard()
    if len(dataset.images) < 2:
        raise UsageError("training needs at least two pictures")
    device = choose_device(options.device)
    note = _note_of(output, options, dataset)
    checkpoints.seed_everything(options.plan.seed)  # weights that begin at random are those of all processes
    lesson = _lesson(dataset, output, options, access or HubAccess(), device)
    if processes.leads():
        with replaced(output / _NOTE) as (unfinished,):
            unfinished.write_text(note, "utf-8")
    run = Run(lesson.model, options.plan, output / "run", device.type, board=board)
    evaluate = None if validation is None else (lambda: lesson.evaluate(validation))
    run.train(lesson.loss, lesson.batch_at, evaluate, progress)
    if processes.leads():
        lesson.save(output)
    return processes.merged(lesson.crops.unreadable)


def _lesson(
    dataset: Dataset, output: Path, options: FineTuning, access: HubAccess, device: torch.device
) -> Lesson:
    if options.reranker:
        return RerankerLesson(dataset, options, access, device, output / "run" / "vectors")
    if options.distill:
        return DistillationLesson(dataset, options, access, device)
    student = (
        Student.untrained(options.model, device)
        if options.scratch
        else Student.loaded(options.model, access, device)
    )
    return ContrastiveLesson(student, dataset, options)


def _note_of(output: Path, options: FineTuning, dataset: Dataset) -> str:
    """What is to be noted of a run in its directory; UsageError where another run is noted there."""
    free = {"device": "", "gradient_checkpointing": False}  # may change from one start to the next
    wanted = json.loads(json.dumps({**asdict(options), **free, "pictures": len(dataset.images)}))
    note = output / _NOTE
    if note.is_file() and (found := json.loads(note.read_text("utf-8"))) != wanted:
        differing = ", ".join(sorted(name for name in wanted if wanted[name] != found.get(name)))
        raise UsageError(f"{output} holds a run with other settings ({differing}): choose another --output")
    return json.dumps(wanted, indent=2) + "\n"
