"""The recipe of the dual encoder's third lesson: both towers learn numbers and colours of things together.

`pooling` froze every layer but the last, so what it gathered of "two dogs" or "red car" had to be put together after
the patches were averaged, where nothing says which number goes with which thing. Here the last two layers learn, so
that patches say it themselves, and the text tower learns with them; what enters these layers is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vasari.training.recipes.encoder import EMBED_DIM, Towers
from vasari.training.recipes.pooling import CHUNK, Features, summary
from vasari.training.recipes.typed_queries import Reader, TypedLesson
from vasari.training.scenes.queries import Form
from vasari.training.scenes.scene import Colour, Kind, Scene
from vasari.training.supervision import SceneHeads, Targets

DEPTH = 2  # layers that learn
_COUNTS = 4
_SCALE = 16.0  # of unit embeddings before the head


class Seer(Reader):
    """Both towers, of the vision tower the last layers; heads that read scenes off the embeddings of both."""

    def __init__(self, towers: Towers) -> None:
        super().__init__(towers, SceneHeads(EMBED_DIM, towers.clip.visual.conv1.out_channels))
        visual = towers.clip.visual
        self.heads.requires_grad_(True)
        self.last = visual.transformer.resblocks[-DEPTH:].requires_grad_(True)
        self.norm, self.proj = visual.ln_post.requires_grad_(True), visual.proj.requires_grad_(True)
        self.there = nn.Linear(EMBED_DIM, len(Kind) * (1 + len(Colour) + _COUNTS) + len(Colour))
        nn.init.constant_(self.there.bias, -3.0)

    def see(self, x: Tensor) -> Tensor:
        """Unit embeddings (n, dim) of what enters the last layers, (n, patches + 1, width)."""
        for block in self.last[:-1]:
            x = block(x)
        return summary(x, self.last[-1], self.norm, self.proj)

    def see_all(self, features: Sequence[Features]) -> Tensor:
        """Unit embeddings (n, dim) of all pictures."""
        parts = (chunk[start : start + 100] for chunk in features for start in range(0, len(chunk), 100))
        return torch.cat([self.see(torch.from_numpy(np.ascontiguousarray(part)).float()) for part in parts])


class SeeingLesson(TypedLesson):
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    forms = (*Form, *[Form.COUNT] * 5, *[Form.COLOUR] * 4, Form.WORD, Form.PAIR, Form.TYPO, Form.PHRASE)
    among = 256

    def __init__(
        self, seer: Seer, scenes: Sequence[Scene], features: Sequence[Features], tokenizer: Any
    ) -> None:
        """`features` are what enters the last layers, (1000, patches + 1, width) a chunk of pictures."""
        super().__init__(seer, scenes, torch.empty(0), tokenizer)
        self.seer, self.features = seer, features
        self.there = there(self.targets)

    def shown(self, gallery: NDArray[np.int64]) -> dict[str, Any]:
        """What enters the last layers for these pictures, and what is known of them."""
        seen = np.stack([self.features[i // CHUNK][i % CHUNK] for i in gallery])
        return {
            "seen": torch.from_numpy(seen).float(),
            "scenes": self.targets.at(gallery),
            "there": self.there[torch.from_numpy(gallery)],
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """As of `TypedLesson`, with the scene and what is there at all off the pictures' embeddings."""
        gallery = self.seer.see(batch["seen"])
        loss, figures = super().loss(batch | {"gallery": gallery})
        whole, seen = self.seer.heads.scene_loss(gallery, batch["scenes"])
        logits = self.seer.there(gallery * _SCALE)
        shown = F.binary_cross_entropy_with_logits(logits, batch["there"]) * logits.shape[1] / 10
        figures |= {
            "whole": whole.item(),
            "there": shown.item(),
            "pair": seen["pair"],
            "count": seen["count"],
        }
        return loss + 0.15 * whole + shown, figures

    def evaluate_seen(self, scenes: Sequence[Scene], features: Sequence[Features]) -> dict[str, float]:
        """As `evaluate`, of pictures as the last layers see them now."""
        return self.evaluate(scenes, self.seer.see_all(features))


def fit_heads(seer: Seer, lesson: SeeingLesson, images: Tensor, steps: int = 200) -> None:
    """A linear probe: let the heads read the pictures' embeddings (n, dim) as they are, before these change."""
    heads = nn.ModuleList([seer.heads, seer.there])
    optimiser = torch.optim.AdamW(heads.parameters(), 1e-2)
    for step in range(steps):
        indices = np.random.default_rng((7, step)).choice(len(images), min(1000, len(images)), replace=False)
        chosen = torch.from_numpy(indices)
        whole, _ = seer.heads.scene_loss(images[chosen], lesson.targets.at(indices))
        logits = seer.there(images[chosen] * _SCALE)
        shown = F.binary_cross_entropy_with_logits(logits, lesson.there[chosen]) * logits.shape[1] / 10
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        optimiser.zero_grad()
        (whole + shown).backward()
        optimiser.step()


def there(targets: Targets) -> Tensor:
    """Which kinds, kinds with colours, kinds with counts, and colours each picture has: (n, 45 + 450 + 180 + 10)."""
    sizes = (len(Kind), len(Kind) * len(Colour), len(Kind) * _COUNTS, len(Colour))
    pairs = targets.present[:, :, 1]
    colours = torch.where(pairs >= 0, pairs % len(Colour), -1)
    columns = torch.cat([targets.present, colours[:, :, None]], dim=2)  # (n, 3, 4)
    found = torch.zeros(len(columns), sum(sizes))
    first = 0
    for part, size in zip(columns.unbind(2), sizes, strict=True):
        rows, places = (part >= 0).nonzero(as_tuple=True)
        found[rows, first + part[rows, places]] = 1
        first += size
    return found
