"""The recipe of the vision tower of reranker and captioner: the dual encoder's, fine-tuned with dense supervision.

A dual encoder tells pictures apart by place, light and colours long before it knows a cow from a horse. Whoever
checks single words of a caption needs the latter, so the tower goes on learning what is under each patch, and where
it stands, which its last layers had forgotten for the most part. Three quarters of a picture's patches show nothing;
half of all are left out, which halves the cost (as in FLIP, Li et al., CVPR 2023).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vasari.training.recipes.augment import random_windows, whole_pictures
from vasari.training.recipes.encoder import Towers, batch_indices
from vasari.training.recipes.pictures import SIZE, Drawn
from vasari.training.scenes.scene import Column, Layer
from vasari.training.supervision import accuracy, patch_targets, targets_of

# Wider than elsewhere: what stands under a patch is the same, however near it is seen.
_SIDES, _PLAY = (0.78, 1.04), 0.08


class Eyes(nn.Module):
    """The dual encoder with an auxiliary localisation head: layer and column of what a patch shows."""

    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.towers = towers
        self.grid: int = towers.clip.visual.grid_size[0]
        self.where = nn.Linear(towers.clip.visual.conv1.out_channels, len(Layer) + len(Column))

    def where_loss(self, patches: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of layer and column under patches (n, k, width), labels (n, k, 5); and both accuracies."""
        wanted = labels.flatten(0, 1)
        seen = wanted[:, 0] > 0
        layers, columns = self.where(patches).flatten(0, 1)[seen].split((len(Layer), len(Column)), dim=1)
        layer, column = wanted[seen, 3], wanted[seen, 4]
        figures = {"layer": accuracy(layers, layer), "column": accuracy(columns, column)}
        loss = nn.functional.cross_entropy(layers, layer) + nn.functional.cross_entropy(columns, column)
        return loss, figures


class EyesLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    def __init__(self, eyes: Eyes, drawn: Drawn, batch: int, seed: int = 0) -> None:
        self.eyes, self.towers, self.grid = eyes, eyes.towers, eyes.grid
        self.drawn, self.size, self.seed = drawn, batch, seed
        self.targets = targets_of(drawn.scenes)

    def batch_at(self, step: int) -> dict[str, Any]:
        """Windows of pictures, the object under each of their patches, and which half of the patches to look at."""
        rng = np.random.default_rng((self.seed, step, 2))
        indices = batch_indices(len(self.drawn), self.size, step, self.seed + 2)
        pixels, windows = random_windows(self.drawn.pictures(indices), SIZE, rng, _SIDES, _PLAY)
        targets = self.targets.at(indices)
        patches = patch_targets(targets, windows, self.grid)
        interest = (patches[:, :, 0] > 0).float() + torch.from_numpy(rng.random(patches.shape[:2])) * 0.9
        kept = interest.topk(self.grid**2 // 2, dim=1).indices
        return {
            "pixels": pixels,
            "kept": kept,
            "patches": torch.gather(patches, 1, kept[..., None].expand(-1, -1, patches.shape[2])),
            "whole": targets.whole,
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Loss of what is under each patch, and where; and the class token's own, against catastrophic forgetting."""
        heads = self.towers.heads
        pooled, patches = look(self.towers.clip.visual, batch["pixels"], batch["kept"])
        whole = heads.whole_loss(nn.functional.normalize(pooled, dim=-1), batch["whole"])
        under, figures = heads.patch_loss(patches, batch["patches"])
        where, place = self.eyes.where_loss(patches, batch["patches"])
        figures |= {"under": under.item(), "whole": whole.item(), **place}
        return 4 * under + 0.2 * whole + 0.5 * where, figures

    def evaluate(self, heldout: Drawn) -> dict[str, float]:
        """Accuracy of patch classification on heldout pictures."""
        visual = self.towers.clip.visual
        pixels = whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE)
        patches = torch.cat([visual(part)[1] for part in torch.split(pixels, 100)])
        return self.towers.heads.evaluate_patches(patches, heldout.scenes, self.grid)


def look(visual: Any, pixels: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The embedding (n, dim) and patch features (n, k, width) of open_clip's tower that sees only `kept`, (n, k)."""
    every = visual.conv1(pixels).flatten(2).transpose(1, 2) + visual.positional_embedding[1:]
    chosen = torch.gather(every, 1, kept[..., None].expand(-1, -1, every.shape[2]))
    first = (visual.class_embedding + visual.positional_embedding[0]).expand(len(pixels), 1, -1)
    x = visual.ln_post(visual.transformer(torch.cat([first, chosen], dim=1)))
    return x[:, 0] @ visual.proj, x[:, 1:]
