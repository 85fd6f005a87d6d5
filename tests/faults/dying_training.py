"""`vasari train` in copies of one process: as it is, killed after its first checkpoint, and gone on with to the end.

python -m tests.faults.dying_training QUIET KILLED ARGUMENTS…
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.faults.forked import Run
from tests.patience import until


def main(words: Sequence[str]) -> None:
    """See above."""
    quiet, killed, *arguments = words
    for module in ("vasari.training.finetuning", "vasari.retrieval.models.export.text"):
        import_module(module)  # once for all runs
    from vasari.api.cli.main import main as vasari

    def train(output: Path) -> None:
        vasari(["train", *arguments, "--output", str(output)])

    Run(train, Path(quiet)).finish()
    dying = Run(train, Path(killed))
    until(lambda: dying.has_ended() or (Path(killed) / "run" / "checkpoint.pt").is_file())
    if dying.has_ended():
        raise RuntimeError("it ended before it could be killed")
    dying.kill()
    if (Path(killed) / "open_clip_model.safetensors").exists():
        raise RuntimeError("it was killed too late")
    Run(train, Path(killed)).finish()


if __name__ == "__main__":
    main(sys.argv[1:])
