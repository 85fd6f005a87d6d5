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
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from vasari.training import checkpoints
from vasari.training.muon import optimisers


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
    """One resumable training run in a directory: `checkpoint.pt`, `log.csv`, `evaluation.csv`."""

    def __init__(self, model: nn.Module, plan: Schedule, directory: Path, device: str = "cpu") -> None:
        self.model, self.plan, self.directory, self.device = model, plan, directory, device
        directory.mkdir(parents=True, exist_ok=True)
        self.optimisers: list[Optimizer] = optimisers(model, plan.learning_rate, plan.weight_decay, plan.muon)
        self.step = 0
        state = checkpoints.resume(directory)
        if state is None:
            checkpoints.seed_everything(plan.seed)
            return
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step = state["step"]
        for name in ("log.csv", "evaluation.csv"):
            _forget_after(directory / name, self.step)

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
            disable=None if progress else True,
            mininterval=5,
        )
        while self.step < self.plan.steps:
            figures = self._update(loss_of, batch_at)
            self.step += 1
            bar.update()
            last = self.step == self.plan.steps
            if last or self.step % self.plan.log_every == 0:
                bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
                elapsed = round(time.monotonic() - started, 1)
                _append(self.directory / "log.csv", {"step": self.step, "seconds": elapsed, **figures})
            if evaluate and (
                last or (self.plan.evaluate_every and self.step % self.plan.evaluate_every == 0)
            ):
                self._evaluate(evaluate)
            if last or self.step % self.plan.save_every == 0:
                self.save()
        bar.close()

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
        }
        checkpoints.save(self.directory, state)

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
        nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        return figures

    def _precision(self) -> Any:
        if self.plan.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    def _evaluate(self, evaluate: Evaluation) -> None:
        self.model.eval()
        with torch.inference_mode():
            figures = evaluate()
        _append(self.directory / "evaluation.csv", {"step": self.step, **figures})
        tqdm.write(
            f"step {self.step}: " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        )


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
