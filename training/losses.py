"""Losses of dual encoders: symmetric InfoNCE (CLIP), the pairwise sigmoid (SigLIP), distillation of features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """The symmetric InfoNCE loss of CLIP (Radford et al., ICML 2021, figure 3).

    `image` and `text` are unit vectors (n, dim), row i of one belonging to row i of the other; `scale` is the inverse
    temperature.
    """
    logits = scale * image @ text.T
    own = torch.arange(len(image), device=image.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def siglip(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """The pairwise sigmoid loss (Zhai et al., ICCV 2023, algorithm 1); arguments as for `info_nce`."""
    logits = scale * image @ text.T + bias
    signs = 2 * torch.eye(len(image), device=image.device, dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum() / len(image)


def distillation(student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
    """Learn a teacher's embeddings of the same pictures: cosine distance, and InfoNCE between the two.

    Both are unit vectors (n, dim). Feature distillation and interactive contrastive learning of CLIP-KD (Yang et al.,
    CVPR 2024, sections 3.2 and 3.4), its two strongest.
    """
    return (1 - (student * teacher).sum(1)).mean() + info_nce(student, teacher, scale)
