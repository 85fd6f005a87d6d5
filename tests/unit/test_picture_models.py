"""Models that write about pictures have what their tasks say, and are opened by what their folder says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.test_locating import drawn_scene
from vasari.retrieval.errors import ModelUnavailableError, UnsupportedError
from vasari.retrieval.library.picture_models import load_answerer, load_captioner
from vasari.retrieval.models.answerer import BlipAnswerer
from vasari.retrieval.models.captioner import Florence2Captioner
from vasari.retrieval.models.drawings import DrawingsOnly
from vasari.retrieval.models.ports import Task
from vasari.retrieval.models.qwen import QwenCaptioner
from vasari.retrieval.models.registry.presets import PRESETS, builtin_models_directory
from vasari.retrieval.settings import Settings

FUNCTIONS: dict[Task, str] = {
    Task.CAPTION: "caption",
    Task.PARAGRAPH: "caption",
    Task.ANSWER: "answer",
    Task.LOCATE: "locate",
    Task.DETECT: "detect",
    Task.DESCRIBE_REGIONS: "detect",
    Task.READ: "read",
}


@pytest.mark.parametrize(
    ("kind", "tasks"),
    [
        (Florence2Captioner, frozenset(Task)),
        (DrawingsOnly, PRESETS["scenes-florence"].tasks),
        (BlipAnswerer, BlipAnswerer.tasks),
        (QwenCaptioner, QwenCaptioner.tasks),
    ],
)
def test_each_task_has_its_functions(kind: type, tasks: frozenset[Task]) -> None:
    """What a class may be asked for by its tasks, it can do."""
    assert tasks
    assert all(callable(getattr(kind, FUNCTIONS[task])) for task in tasks)


def test_a_florence_that_somebody_tuned_answers_questions(tmp_path: Path) -> None:
    """In a folder of another name nothing tells that it was not taught to; as released it is refused by its name."""
    built_in = builtin_models_directory() / "scenes-florence"
    tuned = shutil.copytree(built_in, tmp_path / "florence-vqa")
    settings = Settings(answerer=str(tuned), device="cpu", precision="float32")
    answered = load_answerer("fast", settings).answer(drawn_scene(1), "is it day or night?")
    assert answered == Florence2Captioner(built_in, device="cpu").answer(
        drawn_scene(1), "is it day or night?"
    )
    assert answered in {"day", "night", "dawn", "sunset"}
    released = shutil.copytree(built_in, tmp_path / "Florence-2-base")
    with pytest.raises(UnsupportedError, match="does not answer questions"):
        load_answerer("fast", Settings(answerer=str(released)))


def test_a_folder_of_another_model_is_refused_in_one_line(tmp_path: Path) -> None:
    """A reranker does not describe pictures, nor does a folder whose configuration is damaged."""
    wrong = shutil.copytree(builtin_models_directory() / "scenes-itm", tmp_path / "itm")
    with pytest.raises(UnsupportedError, match=r"does not describe pictures: `vasari models pull") as caught:
        load_captioner("fast", Settings(captioner=str(wrong), device="cpu"))
    assert "\n" not in str(caught.value)
    (wrong / "config.json").write_text("{")
    with pytest.raises(ModelUnavailableError, match=r"config\.json is damaged"):
        load_captioner("fast", Settings(captioner=str(wrong), device="cpu"))
