"""Contrastive learning of pairs: what `vasari train` does unless told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.models.clip.transformers_clip import TransformersClip
from vasari.training.crops import Crops
from vasari.training.losses import info_nce, siglip
from vasari.training.options import FineTuning
from vasari.training.processes import gathered
from vasari.training.recall import recalls
from vasari.training.student import Student

Batch = tuple[NDArray[np.uint8], list[str]]
"""Pictures (n, H, W, 3) and a caption of each."""


class ContrastiveLesson:
    """Pictures against captions: the loss of the joined batch of all processes."""

    def __init__(self, student: Student, dataset: Dataset, options: FineTuning) -> None:
        student.adapt(options)
        self.student, self.dataset, self.model = student, dataset, student.model
        self.captions = dataset.captions_of()
        self.crops = Crops(dataset.images, options.batch, options.plan.seed, options.smallest_crop)
        bias = getattr(student.model, "logit_bias", None)
        self.loss_name = options.loss or ("siglip" if bias is not None else "infonce")
        if self.loss_name == "siglip" and bias is None:
            self._add_bias(options)

    def _add_bias(self, options: FineTuning) -> None:
        if isinstance(self.model, TransformersClip):
            raise UsageError(
                f"{options.model} has no place for the bias of the sigmoid loss: use --loss infonce"
            )
        self.model.register_parameter(
            "logit_bias", nn.Parameter(torch.tensor(-10.0, device=self.student.device))
        )
        self.student.config["model_cfg"]["init_logit_bias"] = -10

    def batch_at(self, step: int) -> Batch:
        """This process's share of a step's batch, and one of the captions of each picture."""
        sights = self.crops.at(step)
        said = {
            int(image): self.dataset.texts[int(sights.random.choice(self.captions[image]))]
            for image in sights.pictures
        }
        own = sights.share()
        rows, (pictures,) = self.crops.read(own, self.student.image)
        return pictures, [said[int(image)] for image in own.pictures[rows]]

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The contrastive loss of one batch."""
        self.student.keep_locked()
        model: Any = self.model
        image = gathered(self.student.embed_pictures(batch[0]))
        text = gathered(self.student.embed_texts(batch[1]))
        scale = model.logit_scale.exp().clamp(max=100)
        loss = (
            siglip(image, text, scale, model.logit_bias)
            if self.loss_name == "siglip"
            else info_nce(image, text, scale)
        )
        right = ((image @ text.T).argmax(1) == torch.arange(len(image), device=image.device)).float().mean()
        return loss, {"batch_R@1": right.item()}

    def evaluate(self, validation: Dataset) -> dict[str, float]:
        """Recall of both directions."""
        return recalls(self.student, validation)

    def save(self, output: Path) -> None:
        """Write the model."""
        self.student.save(output)
