"""The training loop every model here shares: schedule, accumulation, checkpoints, log and evaluation.

A batch is a pure function of the step, so that a run that was killed sees the same data in the same order when it
goes on, and ends with the weights of a run that never stopped.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from vasari.retrieval.errors import MissingExtraError
from vasari.retrieval.models.registry.checkpoints import load_tensors
from vasari.retrieval.storage.atomic import replaced
from vasari.training import checkpoints, processes
from vasari.training.muon import optimisers

_BEST = "best.pt"  # the weights of the best evaluation


@dataclass(frozen=True, slots=True)
class Schedule:
    """Hyperparameters of a run. One step is one update; it may gather several batches (gradient accumulation)."""

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 100
    decay: Literal["cosine", "tail"] = "cosine"  # tail: constant, then linear to zero over the last 40 %
    weight_decay: float = 0.05
    muon: bool = False
    accumulate: int = 1
    clip: float = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: autocast
    seed: int = 0
    log_every: int = 10
    evaluate_every: int = 0  # 0: at the end only
    save_every: int = 100
    # Stop after so many evaluations without a better first figure, and keep the best; 0: never.
    patience: int = 0


def rate(plan: Schedule, step: int) -> float:
    """Learning rate schedule, as a share of the peak: linear warm-up, then a cosine or a linear tail to zero."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    if plan.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return min(1.0, max(0.0, (1 - done) / 0.4))


Batch = Any
Loss = Callable[[Batch], tuple[Tensor, dict[str, float]]]
Evaluation = Callable[[], Mapping[str, float]]


class Run:
    """One resumable training run in a directory: `checkpoint.pt`, `log.csv`, `evaluation.csv`, `best.pt` with patience.

    Of several processes (`processes`) the leading one writes. `board` is a folder for TensorBoard's curves.
    """

    def __init__(
        self,
        model: nn.Module,
        plan: Schedule,
        directory: Path,
        device: str = "cpu",
        *,
        board: Path | None = None,
    ) -> None:
        self.model, self.plan, self.directory, self.device = model, plan, directory, device
        directory.mkdir(parents=True, exist_ok=True)
        self.optimisers: list[Optimizer] = optimisers(model, plan.learning_rate, plan.weight_decay, plan.muon)
        self.step = 0
        self.best, self.since_best = -math.inf, 0
        state = checkpoints.resume(directory)
        if state is None:
            checkpoints.seed_everything(plan.seed)
        else:
            self._go_on(state)
        self.board = _board(board, self.step) if board is not None and processes.leads() else None

    def _go_on(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step = state["step"]
        self.best, self.since_best = state.get("best", (-math.inf, 0))
        for name in ("log.csv", "evaluation.csv"):
            if processes.leads():
                _forget_after(self.directory / name, self.step)

    @property
    def finished(self) -> bool:
        """Whether the last step was taken, or patience is at its end."""
        return self.step >= self.plan.steps or 0 < self.plan.patience <= self.since_best

    def train(
        self,
        loss_of: Loss,
        batch_at: Callable[[int], Batch],
        evaluate: Evaluation | None = None,
        progress: bool = True,
    ) -> None:
        """Train to the plan's last step; `loss_of` gives the loss to minimise and figures for the log."""
        started = time.monotonic()
        bar = tqdm(
            total=self.plan.steps,
            initial=self.step,
            desc=self.directory.name,
            disable=None if progress and processes.leads() else True,
            mininterval=5,
        )
        while not self.finished:
            figures = self._update(loss_of, batch_at)
            self.step += 1
            bar.update()
            if self._is_due(self.plan.log_every):
                bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
                self._note("log.csv", {"seconds": round(time.monotonic() - started, 1), **figures})
            evaluated = evaluate is not None and self._is_due(self.plan.evaluate_every)
            if evaluate is not None and evaluated:
                self._evaluate(evaluate)
            if self._is_due(self.plan.save_every) or (evaluated and self.plan.patience):
                self.save()
        bar.close()
        if self.plan.patience and (self.directory / _BEST).is_file():
            self.model.load_state_dict(load_tensors(self.directory / _BEST))
        if self.board is not None:
            self.board.close()

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "best": (self.best, self.since_best),
        }
        if processes.leads():
            checkpoints.save(self.directory, state)

    def _is_due(self, every: int) -> bool:
        """Whether this is a step of those, or the last; 0 is the last alone."""
        return self.step == self.plan.steps or (every > 0 and self.step % every == 0)

    def _note(self, name: str, figures: Mapping[str, float]) -> None:
        if processes.leads():
            _append(self.directory / name, {"step": self.step, **figures})
        if self.board is not None:
            for figure, value in figures.items():
                self.board.add_scalar(f"{name.removesuffix('.csv')}/{figure}", value, self.step)

    def _update(self, loss_of: Loss, batch_at: Callable[[int], Batch]) -> dict[str, float]:
        plan = self.plan
        share = rate(plan, self.step)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = plan.learning_rate * share
            optimiser.zero_grad(set_to_none=True)
        self.model.train()
        figures: dict[str, float] = {}
        for part in range(plan.accumulate):
            batch = batch_at(self.step * plan.accumulate + part)
            with self._precision():
                loss, details = loss_of(batch)
            if not math.isfinite(loss.item()):
                raise FloatingPointError(
                    f"the loss is {loss.item()} at step {self.step}; lower the learning rate, then resume"
                )
            (loss / plan.accumulate).backward()  # type: ignore[no-untyped-call]
            for name, value in {"loss": loss.item(), **details}.items():
                figures[name] = figures.get(name, 0.0) + value / plan.accumulate
        processes.average_gradients(self.model.parameters())
        nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        return figures

    def _precision(self) -> Any:
        if self.plan.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    def _evaluate(self, evaluate: Evaluation) -> None:
        if processes.leads():
            self.model.eval()
            with torch.inference_mode():
                figures = dict(evaluate())
            self._note("evaluation.csv", figures)
            tqdm.write(
                f"step {self.step}: " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
            )
        self._judge(next(iter(processes.agreed(figures if processes.leads() else {}).values()), 0.0))

    def _judge(self, figure: float) -> None:
        """With a patience, keep the best evaluation's weights; the checkpoint that counts it comes after."""
        if figure > self.best:
            self.best, self.since_best = figure, 0
            if self.plan.patience and processes.leads():
                with replaced(self.directory / _BEST) as (unfinished,):
                    torch.save(self.model.state_dict(), unfinished)
        else:
            self.since_best += 1


def need_tensorboard() -> None:
    """Raises MissingExtraError where curves cannot be written."""
    if find_spec("tensorboard") is None:
        raise MissingExtraError("tensorboard", "tensorboard")


def _board(folder: Path, step: int) -> Any:
    """TensorBoard's writer, which goes on behind `step`."""
    need_tensorboard()
    from torch.utils.tensorboard import SummaryWriter  # of an optional package

    return SummaryWriter(str(folder), purge_step=step + 1)


def _append(path: Path, row: Mapping[str, float | int]) -> None:
    new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(row)
        writer.writerow([f"{value:.5g}" if isinstance(value, float) else value for value in row.values()])


def _forget_after(path: Path, step: int) -> None:
    """Drop the log's rows of steps that will be taken again."""
    if not path.is_file():
        return
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept = [row for row in rows if row and int(row[0]) <= step]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *kept])
