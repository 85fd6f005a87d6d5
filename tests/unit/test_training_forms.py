"""Forms of training: low-rank changes, recomputed activations, early stopping, curves, several processes."""

from __future__ import annotations

import multiprocessing
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.grey import write_picture
from tests.models import write_model
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.training import processes
from vasari.training.finetuning import fine_tune
from vasari.training.loop import Run, Schedule
from vasari.training.lora import add_low_rank, merge_low_rank
from vasari.training.options import FineTuning

WEIGHTS = "open_clip_model.safetensors"
PLAN = Schedule(steps=2, learning_rate=0.01, warmup=1, log_every=1)


def small_pairs(folder: Path) -> Dataset:
    """Five pictures with a word each; the last cannot be read."""
    files = [folder / f"{number}.png" for number in range(5)]
    for number, file in enumerate(files[:4]):
        write_picture(file, number)
    files[4].write_bytes(b"no picture")
    return Dataset("pairs", folder, tuple(files), ("one", "two", "three", "four", "five"), tuple(range(5)))


def trained(folder: Path, name: str, **options: object) -> dict[str, torch.Tensor]:
    """The weights that a training of a small CLIP comes to."""
    model = folder / "model"
    if not model.is_dir():
        write_model(model, "clip")
    asked = FineTuning(str(model), PLAN, 5, device="cpu", **options)  # type: ignore[arg-type]
    left_out = fine_tune(small_pairs(folder), None, folder / name, asked, progress=False)
    assert [path.name for path in left_out] == ["4.png"]
    if not processes.leads():
        return {}
    weights: dict[str, torch.Tensor] = load_file(folder / name / WEIGHTS)
    return weights


def test_low_rank_changes_are_saved_as_plain_weights(tmp_path: Path) -> None:
    """Same names; the matrices of the blocks moved by the rank at most, all else but the temperature stayed."""
    after = trained(tmp_path, "made", lora=2)
    before = load_file(tmp_path / "model" / WEIGHTS)
    assert after.keys() == before.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "visual.transformer.resblocks.0.attn.in_proj_weight" in moved
    assert "transformer.resblocks.1.mlp.c_fc.weight" in moved
    assert all(name == "logit_scale" or before[name].ndim == 2 for name in moved)
    for name in moved - {"logit_scale"}:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 2, name


def test_nothing_changes_before_the_first_step_of_a_low_rank_training() -> None:
    """Attention and linear layers answer as before, and again when the changes are merged."""
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(16, 2, 32, dropout=0, batch_first=True).eval()
    rows = torch.randn(2, 3, 16)
    expected = model(rows)
    assert add_low_rank(model, 4, lambda name: "linear1" not in name) == 3
    torch.testing.assert_close(model(rows), expected)
    merge_low_rank(model)
    torch.testing.assert_close(model(rows), expected)
    assert isinstance(model.self_attn.in_proj_weight, nn.Parameter)


def test_activations_that_are_computed_again_change_nothing(tmp_path: Path) -> None:
    """Gradient checkpointing is a matter of memory, also behind a locked tower and low-rank changes."""
    kept, again = (
        trained(tmp_path, f"made{again}", lora=2, lock="text", gradient_checkpointing=again)
        for again in (False, True)
    )
    for name, value in kept.items():
        torch.testing.assert_close(again[name], value)


def test_patience_keeps_the_best_model_and_remembers_it(tmp_path: Path) -> None:
    """It stops two measurements after the best, and is finished for good."""
    seen: list[float] = []
    model = nn.Linear(1, 1)

    def measured() -> dict[str, float]:
        seen.append(model.weight.item())
        return {"recall": [0.1, 0.3, 0.2, 0.3, 0.9][len(seen) - 1]}

    plan = Schedule(steps=9, warmup=1, evaluate_every=1, patience=2)
    for _ in range(2):
        run = Run(model, plan, tmp_path)
        run.train(lambda batch: (model(batch).sum(), {}), lambda _: torch.ones(1, 1), measured, False)
        assert (run.step, len(seen), model.weight.item()) == (4, 4, seen[1])


def test_curves_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    """TensorBoard reads them: the loss of each step."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = nn.Linear(1, 1)
    run = Run(model, Schedule(steps=3, warmup=1, log_every=1), tmp_path / "run", board=tmp_path / "board")
    run.train(lambda batch: (model(batch).sum(), {}), lambda _: torch.ones(1, 1), progress=False)
    curves = events.EventAccumulator(str(tmp_path / "board")).Reload()
    assert [point.step for point in curves.Scalars("log/loss")] == [1, 2, 3]


def _train_as(rank: int, port: int, folder: Path) -> None:
    """What torchrun starts: one of two processes."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": 2,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "TORCHELASTIC_RUN_ID": "test",
        }.items():
            patch.setenv(name, str(value))
        with processes.joined("cpu"):
            trained(folder, "two")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_processes_learn_what_one_learns_from_the_joined_batch(tmp_path: Path) -> None:
    """Shares of two and three pictures, of which one cannot be read: the weights are those of one process."""
    alone = trained(tmp_path, "one")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("fork")
    pair = [context.Process(target=_train_as, args=(rank, port, tmp_path)) for rank in range(2)]
    for process in pair:
        process.start()
    for process in pair:
        process.join()
    assert [process.exitcode for process in pair] == [0, 0]
    losses = [
        [row.split(",")[2] for row in (tmp_path / name / "run" / "log.csv").read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert losses[0] == losses[1]
    together = load_file(tmp_path / "two" / WEIGHTS)
    for name, value in alone.items():
        if name.endswith("in_proj_bias"):
            continue  # keys' biases have no gradient but rounding, which AdamW takes for one
        torch.testing.assert_close(together[name], value, atol=1e-4, rtol=1e-3)


def test_wishes_that_make_no_sense_together_are_refused(tmp_path: Path) -> None:
    """In one line, before anything is written."""
    with pytest.raises(UsageError, match="--from-scratch"):
        trained(tmp_path, "made", lora=2, scratch=True)
    assert not (tmp_path / "made").exists()
