"""Recall of a model in training, on the first pictures of a validation set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vasari.retrieval.errors import ImageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.metrics import rank_queries, summary
from vasari.training.crops import crop
from vasari.training.student import Student

_EVALUATED = 1000  # pictures of the validation set that are ranked as training goes


def recalls(student: Student, dataset: Dataset) -> dict[str, float]:
    """R@1 and R@10 of both directions on the first pictures of a dataset that can be read."""
    paths = dataset.images[:_EVALUATED]
    unreadable: dict[Path, str] = {}
    known = [
        (text, image)
        for text, image in zip(dataset.texts, dataset.answers, strict=True)
        if image < len(paths)
    ]
    whole = np.zeros(2)
    pictures = []
    for start in range(0, len(paths), 64):
        read = []
        for path in paths[start : start + 64]:
            try:
                read.append(student.image.prepare(crop(path, 1.0, whole, student.side)))
            except ImageError as error:
                unreadable[path] = str(error)
        if not unreadable:
            pictures.append(student.embed_pictures(np.stack(read)))
    if unreadable:
        return recalls(student, dataset.without(unreadable))
    captions_known = [text for text, _ in known]
    texts = [
        student.embed_texts(captions_known[start : start + 64]) for start in range(0, len(captions_known), 64)
    ]
    scores = (torch.cat(texts) @ torch.cat(pictures).T).float().cpu().numpy()
    answers = [image for _, image in known]
    told = sorted(set(answers))
    captions = {image: [place for place, other in enumerate(answers) if other == image] for image in told}
    forward = summary(rank_queries(scores, [[image] for image in answers]))
    backward = summary(rank_queries(scores.T[told], [captions[image] for image in told]))
    return {
        f"{direction}_{name}": figures[name]
        for direction, figures in (("t2i", forward), ("i2t", backward))
        for name in ("R@1", "R@10")
    }
