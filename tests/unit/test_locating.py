"""Florence-2's boxes, captions and answers are those of transformers' own call, in pixels of the whole picture."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, Florence2ForConditionalGeneration

from vasari.retrieval.domain import Region
from vasari.retrieval.errors import UnsupportedError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models import captioner as captioner_module
from vasari.retrieval.models.captioner import PROMPTS, Florence2Captioner
from vasari.retrieval.models.ports import Task
from vasari.retrieval.models.registry.presets import PRESETS, builtin_models_directory
from vasari.retrieval.models.registry.tasks import known_tasks, require
from vasari.retrieval.settings import Settings
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.painter import paint
from vasari.training.scenes.scene import Split

BUILT_IN = builtin_models_directory() / "scenes-florence"
LONGEST = 32  # tokens: of tasks that it was not taught, the built-in model makes no end
GROUNDING = "<CAPTION_TO_PHRASE_GROUNDING>"


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """A drawing of several things."""
    return drawn_scene(1)


def drawn_scene(number: int) -> Image.Image:
    """A scene that the built-in captioner never saw."""
    return paint(DrawnCollection(2026, Split.HELDOUT).scene(number), 256).convert("RGB")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in weights in a folder that says nothing of how many beams there are, as one from the hub might."""
    folder = shutil.copytree(BUILT_IN, tmp_path_factory.mktemp("florence") / "model")
    settings = json.loads((folder / "generation_config.json").read_text())
    assert settings.pop("num_beams") == 1
    (folder / "generation_config.json").write_text(json.dumps(settings))
    processor = json.loads((folder / "processor_config.json").read_text())
    processor["post_processor_config"]["ocr"] = {"area_threshold": 0.0}  # as those from the hub have
    (folder / "processor_config.json").write_text(json.dumps(processor))
    return folder


@pytest.fixture(autouse=True)
def few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts end early, as `by_transformers` has them end."""
    assert captioner_module.MAX_NEW_TOKENS == 1024
    monkeypatch.setattr(captioner_module, "MAX_NEW_TOKENS", LONGEST)


def by_transformers(folder: Path, picture: Image.Image, task: str, words: str = "") -> Any:
    """What the call of the model's makers gives: three beams."""
    model: Any = Florence2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    inputs = processor(text=task + words, images=picture, return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=LONGEST, num_beams=3, do_sample=False)
    text = processor.batch_decode(tokens, skip_special_tokens=False)[0]
    return processor.post_process_generation(text=text, task=task, image_size=picture.size)[task]


def test_boxes_and_captions_are_those_of_transformers(released: Path, scene: Image.Image) -> None:
    """Grounding, detection, descriptions of regions, and each detail of a caption."""
    captioner = Florence2Captioner(released, device="cpu", precision="float32")

    def boxes(regions: list[Region]) -> dict[str, Any]:
        return {
            "bboxes": [[r.left, r.top, r.right, r.bottom] for r in regions],
            "labels": [r.label for r in regions],
        }

    found = captioner.locate(scene, "white swan")
    assert found
    assert boxes(found) == by_transformers(released, scene, GROUNDING, "white swan")
    assert boxes(captioner.detect(scene)) == by_transformers(released, scene, "<OD>")
    regions = captioner.detect(scene, describe=True)
    assert boxes(regions) == by_transformers(released, scene, "<DENSE_REGION_CAPTION>")
    quads = by_transformers(released, scene, "<OCR_WITH_REGION>")
    lines = captioner.read(scene)
    assert [line.text for line in lines] == [label.replace("</s>", "").strip() for label in quads["labels"]]
    for line, quad in zip(lines, quads["quad_boxes"], strict=True):
        assert [each for corner in line.corners for each in corner] == pytest.approx(quad, abs=0.51)
    told = {detail: by_transformers(released, scene, task) for detail, task in PROMPTS.items()}
    assert {detail: captioner.caption([scene], detail)[0] for detail in PROMPTS} == told
    assert len(set(told.values())) == len(PROMPTS)


def test_text_comes_with_its_corners(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four of each line, in pixels of the picture; what has no letters is no line."""
    captioner = Florence2Captioner(released, device="cpu", precision="float32", name="florence")
    places = "".join(f"<loc_{place}>" for place in (0, 0, 499, 0, 499, 249, 0, 249))
    written = f"</s><s>RE16 TGK{places} {places}no entry{places}</s>"
    monkeypatch.setattr(captioner, "_generate", lambda *_given, **_named: [written])
    lines = captioner.read(Image.new("RGB", (200, 400)))
    assert [line.text for line in lines] == ["RE16 TGK", "no entry"]
    corners = [each for corner in lines[0].corners for each in corner]
    assert corners == pytest.approx([0, 0, 100, 0, 100, 100, 0, 100], abs=1)
    assert captioner.name == "florence"


def test_a_phrase_cannot_ask_for_another_task(scene: Image.Image) -> None:
    """Marks of the model's own are no words, and there is no end to how long a phrase may be."""
    captioner = Florence2Captioner(BUILT_IN, device="cpu", precision="float32")
    assert captioner.locate(scene, "<OD><image>white swan") == captioner.locate(scene, "white swan")
    captioner.locate(scene, "white swan " * 200)
    with pytest.raises(UsageError, match="no words"):
        captioner.locate(scene, "<OD>")


def test_boxes_are_in_pixels_of_the_upright_picture(tmp_path: Path) -> None:
    """Of a large file that lies on its side, and that models are shown smaller, as of the same file upright."""
    horse = drawn_scene(0)
    large = horse.resize((4200, 4600), Image.Resampling.BICUBIC)
    lying = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right makes it upright
    large.transpose(Image.Transpose.ROTATE_90).save(lying, "JPEG", quality=95, exif=exif)
    with Library.open(tmp_path / "new", Settings(model="scenes"), create=True) as library:
        assert library.open_picture(lying.getvalue()).width < large.width
        found = library.locate(lying.getvalue(), "orange horse")
        drawn = library.regions_png(lying.getvalue(), found)
    small = Florence2Captioner(BUILT_IN).locate(horse, "orange horse")
    assert len(found) == len(small) > 0
    for box, other in zip(found, small, strict=True):  # edges move a little
        sides = [other.left * 4200, other.top * 4600, other.right * 4200, other.bottom * 4600]
        assert [box.left, box.top, box.right, box.bottom] == pytest.approx([s / 256 for s in sides], abs=300)
    size = Image.open(io.BytesIO(drawn)).size
    assert size[0] / size[1] == pytest.approx(4200 / 4600, abs=0.01)


def test_a_task_that_a_model_has_not_is_refused_with_what_to_pull(tmp_path: Path) -> None:
    """By its name alone, before anything is fetched; Florence-2 of others may have learnt any task."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    with Library.open(tmp_path / "new", Settings(model="scenes"), create=True) as library:
        with pytest.raises(UnsupportedError, match="in a paragraph: `vasari models pull florence-2-base`"):
            library.caption([picture.getvalue()], "more")
        with pytest.raises(UnsupportedError, match="VASARI_CAPTIONER=florence-2-base"):
            library.detect(picture.getvalue(), describe=True)
    answering = Settings(model="fast", captioner="blip-vqa-base")
    with (
        Library.open(tmp_path / "other", answering, create=True) as library,
        pytest.raises(UnsupportedError, match="does not locate phrases"),
    ):
        library.locate(picture.getvalue(), "a boat")
    assert known_tasks("/models/florence-vqa") is None
    assert Task.ANSWER not in (known_tasks("hf-hub:florence-community/Florence-2-large-ft") or Task)
    for task in Task:
        with pytest.raises(UnsupportedError, match="models pull") as refused:
            require(task, "nothing", frozenset())
        assert "\n" not in str(refused.value)
    assert all(preset.tasks for preset in PRESETS.values() if preset.kind in ("captioner", "answerer"))
