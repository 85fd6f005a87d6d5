"""The training loop: it learns, it can be killed, and it writes down how it went."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vasari.training import checkpoints
from vasari.training.loop import Run, Schedule, rate
from vasari.training.muon import orthogonalise

PLAN = Schedule(steps=12, learning_rate=0.01, warmup=3, log_every=1, save_every=4)


class Lesson:
    """Learn to tell a vector's sign from fixed examples; the dropout uses torch's generator."""

    def __init__(self) -> None:
        self.model = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 1))
        for layer in self.model:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.3, generator=torch.Generator().manual_seed(1))
                nn.init.zeros_(layer.bias)

    def batch_at(self, step: int) -> Tensor:
        return torch.randn(32, 4, generator=torch.Generator().manual_seed(step))

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        target = (batch.sum(1) > 0).float()
        return nn.functional.binary_cross_entropy_with_logits(self.model(batch)[:, 0], target), {"size": 32.0}


class InterruptedRunError(Exception):
    """What stands for a kill signal."""


def trained(directory: Path, plan: Schedule, stop_at: int | None = None) -> dict[str, Tensor]:
    """Train in a directory; with `stop_at`, stop when that step asks for its batch, then start anew."""
    lesson = Lesson()

    def batch_at(step: int) -> Tensor:
        if step == stop_at:
            raise InterruptedRunError
        return lesson.batch_at(step)

    if stop_at is not None:
        with pytest.raises(InterruptedRunError):
            Run(lesson.model, plan, directory).train(lesson.loss, batch_at, progress=False)
        lesson = Lesson()
    Run(lesson.model, plan, directory).train(lesson.loss, lesson.batch_at, progress=False)
    return lesson.model.state_dict()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("muon", [False, True])
def test_an_interrupted_run_ends_with_the_weights_of_one_that_never_stopped(
    tmp_path: Path, muon: bool
) -> None:
    """Stopped at a step between two checkpoints and started again, training gives the same bits."""
    plan = Schedule(steps=12, learning_rate=0.01, warmup=3, log_every=1, save_every=4, muon=muon)
    whole = trained(tmp_path / "whole", plan)
    resumed = trained(tmp_path / "resumed", plan, stop_at=6)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_log_has_each_step_once_after_an_interruption(tmp_path: Path) -> None:
    """Steps that are taken again replace their first rows."""
    trained(tmp_path, PLAN, stop_at=7)
    assert [int(row["step"]) for row in rows(tmp_path / "log.csv")] == list(range(1, 13))


def test_the_loss_falls(tmp_path: Path) -> None:
    """Sixty steps on a task that can be learnt bring the loss well down."""
    plan = Schedule(steps=60, learning_rate=0.02, warmup=3, log_every=1)
    trained(tmp_path, plan)
    losses = [float(row["loss"]) for row in rows(tmp_path / "log.csv")]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_accumulating_two_batches_is_a_step_on_both(tmp_path: Path) -> None:
    """Half the batch twice gives the gradient of the whole batch."""
    models = []
    for parts in (1, 2):
        model = nn.Linear(4, 1)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        whole = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
        halves = [whole] if parts == 1 else list(whole.chunk(2))

        def loss(batch: Tensor, model: nn.Linear = model) -> tuple[Tensor, dict[str, float]]:
            return (model(batch) - 1).square().mean(), {}

        plan = Schedule(steps=1, warmup=1, accumulate=parts)
        Run(model, plan, tmp_path / str(parts)).train(loss, halves.__getitem__, progress=False)
        models.append(model)
    assert torch.allclose(models[0].weight, models[1].weight, atol=1e-6)


def test_evaluation_is_written_down_with_its_step(tmp_path: Path) -> None:
    """Every so many steps, and at the end."""
    lesson = Lesson()
    plan = Schedule(steps=5, warmup=1, evaluate_every=2)
    Run(lesson.model, plan, tmp_path).train(
        lesson.loss, lesson.batch_at, lambda: {"recall": 0.5}, progress=False
    )
    assert [(row["step"], row["recall"]) for row in rows(tmp_path / "evaluation.csv")] == [
        ("2", "0.5"),
        ("4", "0.5"),
        ("5", "0.5"),
    ]


def test_a_loss_that_is_not_a_number_stops_the_run(tmp_path: Path) -> None:
    """Nothing is learnt from it, and the message says what to do."""
    model = nn.Linear(1, 1)
    run = Run(model, Schedule(steps=3, warmup=1), tmp_path)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        run.train(
            lambda batch: (model(batch).sum() * float("nan"), {}), lambda _: torch.ones(1, 1), progress=False
        )


@pytest.mark.parametrize("decay", ["cosine", "tail"])
def test_the_rate_warms_up_and_ends_near_zero(decay: str) -> None:
    """It rises to its full height at the end of the warm-up and falls to nothing."""
    plan = Schedule(steps=100, warmup=10, decay="cosine" if decay == "cosine" else "tail")
    rates = [rate(plan, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(rates[10]) == pytest.approx(1.0)
    assert rates[-1] < 0.05
    assert all(later <= earlier for earlier, later in pairwise(rates[10:]))


def test_a_checkpoint_brings_the_random_numbers_back(tmp_path: Path) -> None:
    """What was drawn after saving is drawn again after resuming."""
    checkpoints.seed_everything(5)
    checkpoints.save(tmp_path, {"step": 3})
    drawn = torch.rand(4)
    state = checkpoints.resume(tmp_path)
    assert state == {"step": 3}
    assert torch.equal(torch.rand(4), drawn)


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    """A new directory has nothing to go on from, whatever an unfinished save left there."""
    (tmp_path / f"{checkpoints.NAME}.unfinished").write_bytes(b"half")
    assert checkpoints.resume(tmp_path) is None


@pytest.mark.parametrize("shape", [(8, 32), (32, 8)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, int]) -> None:
    """Muon's iteration brings them between about 0.7 and 1.2, as its authors say."""
    matrix = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.6
    assert values.max() < 1.3
