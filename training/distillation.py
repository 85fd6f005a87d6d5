"""Distillation: a small vision tower learns to see as a large one, from pictures without captions.

The student is a vision tower of any size with an embedding as wide as the teacher's, and the teacher's text tower,
which stays as it is: what finds a picture in the teacher's space finds it in the student's.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import timm
import torch
from numpy.typing import NDArray
from open_clip.model import convert_to_custom_text_state_dict
from torch import Tensor, nn

from vasari.retrieval.errors import NotFoundError, UnsupportedError, UsageError
from vasari.retrieval.evaluation.datasets import Dataset, load_dataset
from vasari.retrieval.models.clip.builder import construct
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.resolve import architectures
from vasari.retrieval.storage.local_files import indexable_suffixes
from vasari.training.crops import Crops
from vasari.training.losses import distillation
from vasari.training.options import FineTuning
from vasari.training.processes import gathered
from vasari.training.recall import recalls, seen
from vasari.training.student import Student, adapt

_SMALLEST_CROP = 0.4  # whatever a crop shows, the teacher is shown the same
_TIMM_SIDE = 224


class DistillationLesson:
    """Crops of pictures, as the teacher and the student see them."""

    def __init__(
        self, dataset: Dataset, options: FineTuning, access: HubAccess, device: torch.device
    ) -> None:
        self.teacher = Student.loaded(options.distill or "", access, device)
        self.student = _student(self.teacher, options, access)
        self.model = self.student.model
        adapt(self.model, replace(options, lock="text"), lambda name: _TOWERS[name.startswith("visual.")])
        self.crops = Crops(dataset.images, options.batch, options.plan.seed, _SMALLEST_CROP)
        self.scale = self.teacher.model.get_parameter("logit_scale").detach().exp().clamp(max=100)
        self._teacher_figures: dict[str, float] | None = None

    def batch_at(self, step: int) -> tuple[NDArray[np.uint8], ...]:
        """This process's share of a step's crops, in the student's and the teacher's preprocessing."""
        return self.crops.read(self.crops.at(step).share(), self.student.image, self.teacher.image)[1]

    def loss(self, batch: tuple[NDArray[np.uint8], ...]) -> tuple[Tensor, dict[str, float]]:
        """The distillation loss of one batch."""
        with torch.no_grad():
            wanted = gathered(self.teacher.embed_pictures(batch[1]))
        found = gathered(self.student.embed_pictures(batch[0]))
        return distillation(found, wanted, self.scale), {"cosine": (found * wanted).sum(1).mean().item()}

    def evaluate(self, validation: Dataset) -> dict[str, float]:
        """Recall, and the share of the teacher's that it is; without captions the mean cosine to the teacher's."""
        if validation.texts:
            if self._teacher_figures is None:
                self._teacher_figures = recalls(self.teacher, validation)
            figures = recalls(self.student, validation)
            return figures | {
                f"{name}_kept": figures[name] / max(1e-6, self._teacher_figures[name])
                for name in ("t2i_R@1", "i2t_R@1")
            }
        validation, found = seen(self.student, validation)
        _, wanted = seen(self.teacher, validation)
        return {"cosine": (found * wanted).sum(1).mean().item()}

    def save(self, output: Path) -> None:
        """Write the student with the teacher's text tower."""
        self.student.save(output)


_TOWERS: tuple[Any, Any] = ("text", "image")


def pictures_of(path: Path, language: str | None = None) -> Dataset:
    """A dataset, or else all pictures below a folder, without captions; raises NotFoundError."""
    try:
        return load_dataset(path, split="train", language=language)
    except NotFoundError:
        suffixes = indexable_suffixes()
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
        if not found:
            raise
        return Dataset(path.name, path, tuple(found), (), ())


def _student(teacher: Student, options: FineTuning, access: HubAccess) -> Student:
    """The student's vision tower beside the teacher's text tower, in one model."""
    taught = teacher.config["model_cfg"]
    if teacher.files is None or teacher.files.transformers is not None or "multimodal_cfg" in taught:
        raise UnsupportedError(
            f"{options.distill} has no text tower in open_clip's layout, which the student would take over: name an"
            " open_clip release of it (CoCa has none either)"
        )
    vision, image, weights = (
        _new_tower(options.model, teacher)
        if options.scratch
        else _trained_tower(options.model, teacher, access)
    )
    config = {**deepcopy(taught), "vision_cfg": vision, "custom_text": True}
    model = construct(config, teacher.files.text_model)
    _take_over(model, teacher.model, weights)
    return Student(
        model.float(), teacher.tokenizer, {"model_cfg": config}, image, teacher.files, teacher.device
    )


Tower = tuple[dict[str, Any], ImagePreprocessing, dict[str, Tensor]]
"""open_clip's `vision_cfg`, how pictures are prepared, and weights to begin with."""


def _trained_tower(reference: str, teacher: Student, access: HubAccess) -> Tower:
    model = Student.loaded(reference, access, torch.device("cpu"))
    settings = model.config["model_cfg"]
    if model.files is None or model.files.transformers is not None:
        raise UnsupportedError(f"{reference} is not in open_clip's layout, as a student has to be")
    if bool(settings.get("quick_gelu")) != bool(teacher.config["model_cfg"].get("quick_gelu")):
        raise UnsupportedError(
            f"{reference} and its teacher have another activation (quick_gelu): begin with --from-scratch"
        )
    vision, width = settings["vision_cfg"], teacher.config["model_cfg"]["embed_dim"]
    if vision.get("timm_proj") == "none" and settings["embed_dim"] != width:
        raise UnsupportedError(
            f"vectors of {reference} are {settings['embed_dim']} numbers, as its tower is wide, its teacher's {width}:"
            " take a teacher or a student of the same width"
        )
    return deepcopy(vision), model.image, model.model.get_submodule("visual").state_dict()


def _new_tower(architecture: str, teacher: Student) -> Tower:
    """A tower of open_clip or timm with random weights, which is shown pictures as the teacher is."""
    if architecture in architectures():
        vision = deepcopy((open_clip.get_model_config(architecture) or {})["vision_cfg"])
        side = vision.get("image_size", _TIMM_SIDE)
    elif timm.is_model(architecture):
        side = timm.get_pretrained_cfg(architecture, allow_unregistered=True).input_size[-1]
        vision = {
            "timm_model_name": architecture,
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": side,
        }
    else:
        raise UsageError(f"--from-scratch needs an architecture of open_clip or timm, not {architecture!r}")
    height, width = (side, side) if isinstance(side, int) else side
    return vision, replace(teacher.image, height=height, width=width), {}


def _take_over(model: nn.Module, teacher: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load the teacher's texts and what fits of the student's own: a projection of another width begins at random."""
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    texts = convert_to_custom_text_state_dict(dict(teacher.state_dict()))
    wanted = {name: value for name, value in texts.items() if not name.startswith("visual.")}
    own = {f"visual.{name}": value for name, value in weights.items()}
    wanted |= {name: value for name, value in own.items() if shapes.get(name) == value.shape}
    missing, unexpected = model.load_state_dict(wanted, strict=False)
    lost = [name for name in missing if not name.startswith("visual.")]
    if lost or unexpected:
        raise UnsupportedError(f"the teacher's text tower does not fit a student: {(lost or unexpected)[0]}")
