"""Distillation: pictures are learnt from a teacher, whose text tower the student takes over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.grey import write_picture
from tests.models import Kind, write_model
from tests.transformers_models import write_transformers_model
from vasari.retrieval.errors import UnsupportedError, UsageError
from vasari.retrieval.evaluation.embeddings import load_picture
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.training.distillation import pictures_of
from vasari.training.finetuning import fine_tune
from vasari.training.loop import Schedule
from vasari.training.options import FineTuning


def pictures(folder: Path) -> Path:
    """Four pictures without captions, one of them below."""
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.PNG", "c.png", "below/d.png")):
        write_picture(folder / name, number)
    (folder / "notes.txt").write_text("no picture")
    return folder


def distill(folder: Path, teacher: Path, student: str, steps: int = 1, **options: object) -> Path:
    """The directory of the student."""
    plan = Schedule(steps, learning_rate=0.003, warmup=1, evaluate_every=steps)
    asked = FineTuning(student, plan, 4, device="cpu", distill=str(teacher), **options)  # type: ignore[arg-type]
    shown = pictures_of(pictures(folder / "pictures"))
    assert len(shown.images) == 4
    fine_tune(shown, shown, folder / "made", asked, progress=False)
    return folder / "made"


@pytest.mark.parametrize("kind", ["clip", "siglip", "multilingual"])
def test_a_student_reads_as_its_teacher_and_learns_to_see_as_it(tmp_path: Path, kind: Kind) -> None:
    """Texts are equal to the last digits, pictures come near; the tower is one of timm, begun at random."""
    teacher = write_model(tmp_path / "teacher", kind)
    steps, near = (20, 0.8) if kind == "clip" else (1, -1.0)
    made = distill(tmp_path, teacher, "test_vit", steps, scratch=True)
    encoders = [OpenClipEncoder.load(str(path), precision="float32") for path in (teacher, made)]
    texts = [encoder.embed_texts(["a red boat", "two dogs"]) for encoder in encoders]
    np.testing.assert_allclose(texts[0], texts[1], atol=1e-5)
    picture = load_picture(tmp_path / "pictures" / "a.png")
    seen = [encoder.embed_images(encoder.prepare(picture)[None]) for encoder in encoders]
    assert float((seen[0] * seen[1]).sum()) > near


def test_a_student_may_begin_with_weights_of_its_own(tmp_path: Path) -> None:
    """What fits is kept; a projection to another width is new."""
    student, teacher = (write_model(tmp_path / kind, kind) for kind in ("clip", "siglip"))
    made = distill(tmp_path, teacher, str(student))
    assert OpenClipEncoder.load(str(made), precision="float32").space.dim == 64


def test_what_cannot_be_taught_is_refused_in_one_line(tmp_path: Path) -> None:
    """A teacher without a text tower to take over, an architecture that nobody knows, wishes for captions."""
    teacher = write_transformers_model(tmp_path / "hugging", "clip")
    with pytest.raises(UnsupportedError, match="open_clip's layout"):
        distill(tmp_path / "1", teacher, "test_vit", scratch=True)
    with pytest.raises(UsageError, match="open_clip or timm, not 'nonsense'"):
        distill(tmp_path / "2", write_model(tmp_path / "teacher", "clip"), "nonsense", scratch=True)
    with pytest.raises(UnsupportedError, match="as its tower is wide, its teacher's 32"):
        distill(tmp_path / "4", tmp_path / "teacher", str(write_model(tmp_path / "siglip", "siglip")))
    with pytest.raises(UsageError, match="--lock is for learning from captions"):
        distill(tmp_path / "3", teacher, "test_vit", scratch=True, lock="text")
