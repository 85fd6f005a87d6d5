"""Models that write about pictures: opened by the class their folder names, and refused a task they have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vasari.retrieval.library.loading import chosen_model, find_folder, importing, of_torch
from vasari.retrieval.models.ports import ModelKind, PictureModel, Task
from vasari.retrieval.models.registry.tasks import known_tasks, require
from vasari.retrieval.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from vasari.retrieval.models.captioner import Florence2Captioner
    from vasari.retrieval.models.ports import Answerer, Captioner


DRAWN = "scenes-florence"  # the captioner of drawings
STARTER = "starter"


def load_picture_model(use: ModelKind, encoder: str, settings: Settings) -> PictureModel:
    """The captioner or answerer beside the dual encoder `encoder`; ModelUnavailableError as for encoders.

    UnsupportedError for a model of another kind, with what to pull.
    """
    from vasari.retrieval.models.registry.configurations import CLASSES, class_of_folder

    folder = find_folder(use, encoder, settings)  # before imports that take seconds
    found, device, precision = class_of_folder(folder), settings.device, of_torch(settings)
    reference = chosen_model(use, encoder, settings)
    if found is not None and CLASSES[found] not in (ModelKind.CAPTIONER, ModelKind.ANSWERER):
        require(Task.ANSWER if use is ModelKind.ANSWERER else Task.CAPTION, reference, frozenset())
    with importing:
        from vasari.retrieval.models.answerer import BlipAnswerer
        from vasari.retrieval.models.captioner import Florence2Captioner
        from vasari.retrieval.models.qwen import QwenCaptioner

    if found == "BlipForQuestionAnswering":
        return BlipAnswerer(folder, device=device, precision=precision)
    if found == "Qwen3VLForConditionalGeneration":
        return QwenCaptioner(folder, device=device, precision=precision)
    tasks = known_tasks(reference) or frozenset(Task)
    captioner = Florence2Captioner(folder, device=device, precision=precision, tasks=tasks, name=reference)
    return _of_drawings(captioner, folder) if reference == DRAWN else captioner


def _of_drawings(captioner: Florence2Captioner, folder: Path) -> PictureModel:
    """The built-in captioner, which is asked about nothing else."""
    with importing:
        from vasari.retrieval.models.clip.encoder import OpenClipEncoder
        from vasari.retrieval.models.drawings import PROBE, DrawingsOnly, LinearProbe

    starter = OpenClipEncoder.load(STARTER, device="cpu", precision="float32", offline=True)
    return DrawingsOnly(captioner, LinearProbe(starter, folder / PROBE))


def check_known(use: ModelKind, task: Task, encoder: str, settings: Settings) -> None:
    """UnsupportedError where the model's name alone tells that it has not the task: nothing is fetched or loaded."""
    reference = chosen_model(use, encoder, settings)
    if (tasks := known_tasks(reference)) is not None:
        require(task, reference, tasks)


def load_captioner(encoder: str, settings: Settings) -> Captioner:
    """What describes pictures beside the dual encoder `encoder`."""
    return cast("Captioner", _load_for(Task.CAPTION, ModelKind.CAPTIONER, encoder, settings))


def load_answerer(encoder: str, settings: Settings) -> Answerer:
    """What answers questions beside the dual encoder `encoder`."""
    return cast("Answerer", _load_for(Task.ANSWER, ModelKind.ANSWERER, encoder, settings))


def _load_for(task: Task, use: ModelKind, encoder: str, settings: Settings) -> PictureModel:
    check_known(use, task, encoder, settings)
    model = load_picture_model(use, encoder, settings)
    require(task, chosen_model(use, encoder, settings), model.tasks)
    return model
