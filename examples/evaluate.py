"""Measure retrieval on pairs of pictures and captions: python examples/evaluate.py DATASET.

A dataset is a COCO or Karpathy file, `captions.txt`, or what `vasari scenes render` draws.
"""

import sys
from pathlib import Path

from vasari.retrieval.evaluation.datasets import load_dataset
from vasari.retrieval.evaluation.report import evaluate
from vasari.retrieval.library.loading import load_encoder
from vasari.retrieval.settings import Settings


def main(folder: str) -> None:
    """Print recall with its 95 % confidence interval."""
    dataset = load_dataset(Path(folder), language="en")
    result = evaluate(dataset, load_encoder("scenes", Settings()))
    fields = result.as_json()
    for name in ("R@1", "R@5", "R@10"):
        low, high = fields["intervals"]["text_to_image"][name]
        print(f"{name}: {fields['text_to_image'][name]:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
