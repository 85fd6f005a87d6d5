"""The recipe of the dual encoder's pooling: its class token learns to gather what the eyes see under the patches.

The eyes (`vision_tower`) know the object under nine patches of ten, but their class token, which is what a search
compares, hardly says which kinds there are. So all layers but the last stay as they are, and what they make of each
picture is computed once; the last layer, in which nothing but the class token's own row matters, and the projection are
trained on what the painter knows: the whole scene, and which kinds, colours, and kinds with colours are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from vasari.retrieval.storage.atomic import replaced
from vasari.training.recipes.augment import whole_pictures
from vasari.training.recipes.encoder import EMBED_DIM, batch_indices
from vasari.training.recipes.pictures import SIZE, Drawn
from vasari.training.scenes.scene import Colour, Kind, Scene
from vasari.training.supervision import SceneHeads, Targets, targets_of

Features = npt.NDArray[np.float16]

CHUNK = 1000  # pictures
_SCALE = 16.0  # of unit embeddings before the heads


class Pooling(nn.Module):
    """The last layer, final norm and projection of open_clip's vision tower, for the class token alone."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.block = visual.transformer.resblocks[-1]
        self.norm, self.proj = visual.ln_post, visual.proj
        self.heads = SceneHeads(EMBED_DIM, visual.conv1.out_channels)
        self.there = nn.Linear(EMBED_DIM, len(Kind) + len(Colour) + len(Kind) * len(Colour))
        nn.init.constant_(self.there.bias, -3.0)

    def forward(self, x: Tensor) -> Tensor:
        """Unit embeddings (n, dim) of what enters the last layer, (n, patches + 1, width)."""
        return summary(x, self.block, self.norm, self.proj)


def summary(x: Tensor, block: Any, norm: Any, proj: Tensor) -> Tensor:
    """Unit embeddings (n, dim) of what enters the last layer, (n, patches + 1, width): its class token alone."""
    seen, first = block.ln_1(x), x[:, :1]
    first = first + block.attn(seen[:, :1], seen, seen, need_weights=False)[0]
    first = first + block.mlp(block.ln_2(first))
    return F.normalize(norm(first)[:, 0] @ proj, dim=-1)


class PoolingLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    def __init__(
        self, pooling: Pooling, scenes: Sequence[Scene], features: Sequence[Features], batch: int
    ) -> None:
        """`features` are what enters the last layer, (1000, patches + 1, width) a chunk of pictures."""
        self.pooling, self.features, self.size, self.count = pooling, features, batch, len(scenes)
        self.targets = targets_of(scenes)
        self.there = _there(self.targets)

    def batch_at(self, step: int) -> dict[str, Any]:
        """What the eyes saw of some pictures, and what is known of these."""
        indices = batch_indices(self.count, self.size, step, 3)
        seen = np.stack([self.features[i // CHUNK][i % CHUNK] for i in indices])
        chosen = torch.from_numpy(indices)
        return {
            "seen": torch.from_numpy(seen).float(),
            "targets": self.targets.at(indices),
            "there": self.there[chosen],
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """The scene off the embedding, and what is there at all."""
        embeddings = self.pooling(batch["seen"])
        whole, figures = self.pooling.heads.scene_loss(embeddings, batch["targets"])
        logits = self.pooling.there(embeddings * _SCALE)
        there = F.binary_cross_entropy_with_logits(logits, batch["there"]) * logits.shape[1] / 10
        return whole + there, {"whole": whole.item(), "there": there.item(), **figures}

    def evaluate(self, scenes: Sequence[Scene], features: Sequence[Features]) -> dict[str, float]:
        """Figures of heldout scenes, and how many of the first ten pictures for each kind show it (P@10)."""
        embeddings = embed(self.pooling, features)
        whole, figures = self.pooling.heads.scene_loss(embeddings, targets_of(scenes))
        logits = self.pooling.there(embeddings * _SCALE)
        first = logits.topk(10, dim=0).indices
        there = _there(targets_of(scenes))
        right, wanted = there.gather(0, first).sum(0), there.sum(0).clamp(max=10)
        precision = [
            (part[0].sum() / part[1].sum()).item()
            for part in zip(
                *(torch.split(x, [len(Kind), len(Colour), len(Kind) * len(Colour)]) for x in (right, wanted)),
                strict=True,
            )
        ]
        return {
            "whole": whole.item(),
            **figures,
            **dict(zip(("P_kind", "P_colour", "P_pair"), precision, strict=True)),
        }


@torch.inference_mode()
def embed(pooling: Pooling, features: Sequence[Features]) -> Tensor:
    """Unit embeddings (n, dim) of all pictures."""
    parts = (chunk[start : start + 100] for chunk in features for start in range(0, len(chunk), 100))
    return torch.cat([pooling(torch.from_numpy(np.ascontiguousarray(part)).float()) for part in parts])


@torch.inference_mode()
def enter_last_layers(visual: Any, pixels: Tensor, depth: int = 1) -> Tensor:
    """What enters the last `depth` layers of the tower: (n, patches + 1, width)."""
    x = visual._embeds(pixels)
    for block in visual.transformer.resblocks[:-depth]:
        x = block(x)
    entering: Tensor = x
    return entering


def seen_before_pooling(directory: Path, drawn: Drawn, visual: Any, depth: int = 1) -> list[Features]:
    """What enters the last `depth` layers for all pictures, in chunks that are computed once."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for first in tqdm(range(0, len(drawn), CHUNK), "looking", unit="k"):
        file = directory / f"{first:06d}.npy"
        if not file.is_file():
            parts = [
                enter_last_layers(
                    visual, whole_pictures(drawn.pictures(np.arange(start, start + 50)), SIZE), depth
                ).half()
                for start in range(first, first + CHUNK, 50)
            ]
            with replaced(file, durable=False) as (unfinished,), unfinished.open("wb") as opened:
                np.save(opened, torch.cat(parts).numpy())
        found.append(np.load(file, mmap_mode="r"))
    return found


def _there(targets: Targets) -> Tensor:
    """Which kinds, colours and pairs of both are in each picture: (n, 45 + 10 + 450), 0 or 1."""
    groups, _ = len(Kind), len(Colour)
    kinds, pairs = targets.present[:, :, 0], targets.present[:, :, 1]
    colours = torch.where(pairs >= 0, pairs % len(Colour), -1)
    found = torch.zeros(len(kinds), groups + len(Colour) + groups * len(Colour))
    for first, part in ((0, kinds), (groups, colours), (groups + len(Colour), pairs)):
        rows, places = (part >= 0).nonzero(as_tuple=True)
        found[rows, first + part[rows, places]] = 1
    return found
