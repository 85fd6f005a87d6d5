"""Training of image-text matching: a binary head over cross-attention learns to tell true captions from near misses.

The loss and the mining follow ALBEF (Li et al., NeurIPS 2021, section 3.2) and BLIP (Li et al., ICML 2022): the
captions a dual encoder takes for right are the ones worth learning from. `token_matching_loss` adds what one bit per
caption can not tell: which words are wrong, where a caption and its false twin differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

_IGNORED = -100


def matching_loss(logits: Tensor, matches: Tensor) -> tuple[Tensor, float]:
    """Cross-entropy of the two-way head, (n, 2): no match, match; and its accuracy. `matches` is int64 (n,)."""
    accuracy = (logits.argmax(1) == matches).float().mean().item()
    return F.cross_entropy(logits, matches), accuracy


def token_matching_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, float]:
    """The same for single tokens: logits (n, length, 2), labels (n, length) with -100 where nothing is known."""
    known = labels != _IGNORED
    if not known.any():
        return logits.sum() * 0, 1.0
    return matching_loss(logits[known], labels[known])


def differing_tokens(caption: Sequence[int], twin: Sequence[int]) -> tuple[list[int], list[int]]:
    """Labels of a true caption's tokens and of its false twin's: 1 and 0 where they differ, -100 elsewhere."""
    true, false = [_IGNORED] * len(caption), [_IGNORED] * len(twin)
    for tag, a, b, c, d in SequenceMatcher(None, caption, twin, autojunk=False).get_opcodes():
        if tag != "equal":
            true[a:b] = [1] * (b - a)
            false[c:d] = [0] * (d - c)
    return true, false


def nearest_texts(images: Tensor, texts: Tensor, count: int, block: int = 1000) -> npt.NDArray[np.int64]:
    """Hard negative mining: for each image the `count` foreign texts a dual encoder likes best, best first: (n, count).

    Unit embeddings (n, dim); text i belongs to image i and is left out.
    """
    found = []
    for start in range(0, len(images), block):
        similarities = images[start : start + block] @ texts.T
        rows = torch.arange(len(similarities))
        similarities[rows, rows + start] = -2.0
        found.append(similarities.topk(count, dim=1).indices)
    return torch.cat(found).numpy()


def hard_negatives(
    queries: npt.NDArray[np.float32],
    gallery: npt.NDArray[np.float32],
    own: Sequence[Sequence[int]],
    count: int,
    block: int = 1000,
) -> list[npt.NDArray[np.int64]]:
    """For each query the `count` rows of the gallery most alike that are not its own, best first; fewer if there are.

    Unit vectors (n, dim) and (m, dim); `own[i]` are the rows that are right for query i.
    """
    found = []
    for start in range(0, len(queries), block):
        scores = queries[start : start + block] @ gallery.T
        for row, right in enumerate(own[start : start + block]):
            scores[row, list(right)] = -np.inf
            most = min(count, scores.shape[1] - len(set(right)))
            likeliest = np.argpartition(-scores[row], max(0, most - 1))[:most]
            found.append(likeliest[np.argsort(-scores[row, likeliest])])
    return found
