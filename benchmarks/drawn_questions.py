"""Does the captioner answer what people type about drawings?

    python -m benchmarks.drawn_questions [--model scenes-florence]

Asks the sixty questions of `typed_questions.txt` about pictures that the painter draws for it, and prints those that
were answered wrongly. Each question has one right answer or several, among them "no" and "I can't tell"; they were
written by hand beside the pictures. The last line is JSON.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import finish
from vasari.retrieval.evaluation.questions import normal
from vasari.retrieval.models.captioner import Florence2Captioner
from vasari.retrieval.models.registry.presets import builtin_models_directory
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.painter import paint
from vasari.training.scenes.scene import Split

_ASKED = Path(__file__).with_name("typed_questions.txt")
_SEED, _SIZE = 2026, 256


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a heldout scene, and the answers that are right, normalised."""

    scene: int
    question: str
    right: frozenset[str]


def asked(file: Path = _ASKED) -> list[Asked]:
    """The questions of a file of lines `scene; question; answer, answer`."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [line.split("; ") for line in lines]
    return [
        Asked(int(scene), question, frozenset(map(normal, right.split(", "))))
        for scene, question, right in rows
    ]


def main() -> None:
    """Ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=builtin_models_directory() / "scenes-florence")
    options = parser.parse_args()
    collection, questions = DrawnCollection(_SEED, Split.HELDOUT, _SIZE), asked()
    pictures = [paint(collection.scene(each.scene), _SIZE).convert("RGB") for each in questions]
    answers = Florence2Captioner(options.model).answers(pictures, [each.question for each in questions])
    wrong = [
        (each, answer)
        for each, answer in zip(questions, answers, strict=True)
        if normal(answer) not in each.right
    ]
    for each, answer in wrong:
        print(f"scene {each.scene}: {each.question} {answer!r}, not {' or '.join(sorted(each.right))}")
    share = 1 - len(wrong) / len(questions)
    finish("drawn_questions", questions=len(questions), right=round(share, 3))


if __name__ == "__main__":
    main()
