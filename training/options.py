"""What `vasari train` is asked to do, and which wishes make no sense together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vasari.retrieval.errors import UsageError
from vasari.training.loop import Schedule

LossName = Literal["infonce", "siglip"]
Tower = Literal["image", "text"]


@dataclass(frozen=True, slots=True)
class FineTuning:
    """What to train and how; `plan` holds the schedule."""

    model: str  # any model reference; with `scratch`, the name of an architecture
    plan: Schedule
    batch: int = 64  # of all processes together
    loss: LossName | None = None  # default: the one the model was made with
    lock: Tower | None = None  # leave this tower's weights as they are
    scratch: bool = False
    smallest_crop: float = 0.9  # random resized crop: share of the picture's area, drawn anew at every sight
    device: str = "auto"
    lora: int | None = None  # rank of the changes that are learnt
    gradient_checkpointing: bool = False
    distill: str | None = None  # the teacher: pictures are learnt from it, not from captions
    reranker: str | None = None  # what is trained; `model` finds its hard negatives

    def check(self) -> None:
        """Raises UsageError, in one line, for settings that contradict each other."""
        if self.lora and self.scratch:
            raise UsageError("--lora changes a model that knows something: leave out --from-scratch")
        if self.reranker:
            no_reranker = {"--distill": self.distill, "--loss": self.loss, "--from-scratch": self.scratch}
            _refuse(no_reranker, "is for dual encoders: leave it out with --reranker")
        if self.distill:
            captions = {"--lora": self.lora, "--lock": self.lock, "--loss": self.loss}
            _refuse(captions, "is for learning from captions: leave it out with --distill")


def _refuse(options: Mapping[str, object], reason: str) -> None:
    for name, asked in options.items():
        if asked:
            raise UsageError(f"{name} {reason}")


def usual_rate(*, scratch: bool, lora: int | None) -> float:
    """A highest learning rate that suits what is trained."""
    return 5e-4 if scratch else 1e-4 if lora else 1e-5
