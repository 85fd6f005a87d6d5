"""Recall of a model in training, on the first pictures of a validation set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vasari.retrieval.errors import ImageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.metrics import rank_queries, summary
from vasari.training.crops import crop
from vasari.training.student import Student

_EVALUATED = 1000  # pictures of the validation set that are ranked as training goes
_BATCH = 64


def seen(student: Student, dataset: Dataset) -> tuple[Dataset, Tensor]:
    """Embeddings (n, dim) of the first pictures that can be read, and the dataset of those."""
    unreadable: dict[Path, str] = {}
    whole, found = np.zeros(2), []
    dataset = dataset.first(_EVALUATED)
    for start in range(0, len(dataset.images), _BATCH):
        read = []
        for path in dataset.images[start : start + _BATCH]:
            try:
                read.append(student.image.prepare(crop(path, 1.0, whole, student.side)))
            except ImageError as error:
                unreadable[path] = str(error)
        if read:
            found.append(student.embed_pictures(np.stack(read)))
    return dataset.without(unreadable), torch.cat(found)


def recalls(student: Student, dataset: Dataset) -> dict[str, float]:
    """R@1 and R@10 of both directions on the first pictures of a dataset that can be read."""
    dataset, pictures = seen(student, dataset)
    texts = [
        student.embed_texts(dataset.texts[start : start + _BATCH])
        for start in range(0, len(dataset.texts), _BATCH)
    ]
    scores = (torch.cat(texts) @ pictures.T).float().cpu().numpy()
    captions = dataset.captions_of()
    told = [image for image, own in enumerate(captions) if own]
    forward = summary(rank_queries(scores, [[image] for image in dataset.answers]))
    backward = summary(rank_queries(scores.T[told], [captions[image] for image in told]))
    return {
        f"{direction}_{name}": figures[name]
        for direction, figures in (("t2i", forward), ("i2t", backward))
        for name in ("R@1", "R@10")
    }
