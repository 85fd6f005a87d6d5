"""Auxiliary supervision by what the painter knows: it teaches small encoders in minutes what pairs teach in days.

A drawn scene is known exactly: its setting, time and weather, and for each of nine places (three columns, three
layers) what stands there, in what colour, how many and how large. Two linear heads are trained to read that off an
encoder and are thrown away afterwards: one reads the whole scene off the embedding, of the picture and of a detailed
caption alike, which also draws both towers into one space; the other reads the object under each patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vasari.training.scenes.layout import layout
from vasari.training.scenes.scene import Colour, Column, Kind, Layer, Scene, Setting, Size, Time, Weather

_WHOLE = (len(Setting), len(Time), len(Weather))
_PLACES = len(Column) * len(Layer)
_PLACE = (1 + len(Kind), len(Colour), 4, len(Size))  # kind 0: nothing stands there
_PATCH = (1 + len(Kind), len(Colour), 4)
_PRESENT = (len(Kind), len(Kind) * len(Colour), len(Kind) * 4)
_MOST_GROUPS = 3
_MOST = 12  # objects in a picture: three groups of four
_IGNORED = -100
_EMPTY_WEIGHT = 0.2  # three quarters of all places and patches are empty: they shall not drown the objects

_KINDS, _COLOURS, _SIZES = list(Kind), list(Colour), list(Size)
_COLUMNS, _LAYERS = list(Column), list(Layer)


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of n scenes, as torch tensors of int64 (boxes: float32 in [0, 1])."""

    whole: Tensor  # (n, 3): setting, time, weather
    places: Tensor  # (n, 9, 4): kind, colour, count - 1, size; the last three are ignored where kind is 0
    boxes: Tensor  # (n, 12, 4): left, top, right, bottom; all zeros where there is no object
    objects: Tensor  # (n, 12, 4): kind, colour, count - 1, layer of the object in the box
    middles: Tensor  # (n, 12): where the middle of the object's group is, from left to right
    present: Tensor  # (n, 3, 3): kind, kind with colour, kind with count of each group, wherever it stands; or -100

    def at(self, indices: npt.NDArray[np.int64]) -> Targets:
        """The targets of some of the scenes."""
        chosen = torch.from_numpy(indices)
        parts = (self.whole, self.places, self.boxes, self.objects, self.middles, self.present)
        return Targets(*(part[chosen] for part in parts))


def targets_of(scenes: Sequence[Scene]) -> Targets:
    """Read the targets off the scene descriptions and their layout."""
    whole = torch.tensor(
        [
            (list(Setting).index(s.setting), list(Time).index(s.time), list(Weather).index(s.weather))
            for s in scenes
        ]
    )
    places = torch.full((len(scenes), _PLACES, len(_PLACE)), _IGNORED)
    places[:, :, 0] = 0
    boxes = torch.zeros(len(scenes), _MOST, 4)
    objects = torch.zeros(len(scenes), _MOST, 4, dtype=torch.int64)
    middles = torch.zeros(len(scenes), _MOST)
    present = torch.full((len(scenes), _MOST_GROUPS, len(_PRESENT)), _IGNORED)
    for row, scene in enumerate(scenes):
        labels = [(_KINDS.index(g.kind) + 1, _COLOURS.index(g.colour), g.count - 1) for g in scene.groups]
        for number, (kind, colour, count) in enumerate(labels[:_MOST_GROUPS]):
            found = (kind - 1, (kind - 1) * len(Colour) + colour, (kind - 1) * 4 + count)
            present[row, number] = torch.tensor(found)
        for group, label in zip(scene.groups, labels, strict=True):
            place = _LAYERS.index(group.layer) * len(_COLUMNS) + _COLUMNS.index(group.column)
            places[row, place] = torch.tensor((*label, _SIZES.index(group.size)))
        instances = layout(scene)[:_MOST]
        for number, instance in enumerate(instances):
            boxes[row, number] = torch.tensor(instance.box)
            objects[row, number] = torch.tensor((*labels[instance.group], _LAYERS.index(instance.layer)))
            alike = [other.box for other in instances if other.group == instance.group]
            middles[row, number] = (min(box[0] for box in alike) + max(box[2] for box in alike)) / 2
    return Targets(whole, places, boxes, objects, middles, present)


def patch_targets(targets: Targets, windows: Tensor, grid: int) -> Tensor:
    """The object under each patch when only a window of each picture is shown.

    `windows` is (n, 3): left, top and side in [0, 1]. Returns (n, grid * grid, 5), kind, colour, count - 1, layer and
    column (of its group, in the window) of the object that covers most of the patch if it covers at least an eighth of
    it; otherwise kind 0 and the rest ignored.
    """
    left_top, side = windows[:, None, :2].repeat(1, 1, 2), windows[:, None, 2:]
    boxes = (targets.boxes - left_top) / side * grid  # in patches
    edge = torch.arange(grid, dtype=torch.float32)

    def overlap(low: Tensor, high: Tensor) -> Tensor:  # (n, boxes, grid)
        return (torch.minimum(high[..., None], edge + 1) - torch.maximum(low[..., None], edge)).clamp(min=0)

    across, down = overlap(boxes[..., 0], boxes[..., 2]), overlap(boxes[..., 1], boxes[..., 3])
    covered = (down[..., :, None] * across[..., None, :]).flatten(2)  # (n, boxes, grid * grid)
    most, which = covered.max(1)
    columns = ((targets.middles - windows[:, :1]) / windows[:, 2:] * len(_COLUMNS)).long()
    known = torch.cat([targets.objects, columns.clamp(0, len(_COLUMNS) - 1)[..., None]], dim=2)
    labels = torch.gather(known, 1, which[..., None].expand(-1, -1, known.shape[2]))
    empty = most < 0.125
    labels[empty] = torch.tensor((0, *[_IGNORED] * (known.shape[2] - 1)))
    return labels


class SceneHeads(nn.Module):
    """The two heads: of the embedding (unit norm, `embed_dim`) and of the patches (`width`)."""

    def __init__(self, embed_dim: int, width: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.whole = nn.Linear(embed_dim, sum(_WHOLE) + _PLACES * sum(_PLACE))
        self.present = nn.Linear(embed_dim, sum(_PRESENT))
        self.patch = nn.Linear(width, sum(_PATCH))
        weights = torch.ones(1 + len(Kind))
        weights[0] = _EMPTY_WEIGHT
        self.kind_weights = nn.Buffer(weights, persistent=False)

    def scene_loss(self, embeddings: Tensor, targets: Targets) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of everything that is known of a scene, read off unit embeddings (n, embed_dim)."""
        logits = self.whole(embeddings * self.embed_dim**0.5)
        whole, places = logits.split((sum(_WHOLE), _PLACES * sum(_PLACE)), dim=1)
        loss = _place_light_weather(whole, targets.whole)
        parts = places.unflatten(1, (_PLACES, -1)).split(_PLACE, dim=2)
        for number, part in enumerate(parts):
            share, balance = (3.0, self.kind_weights) if number == 0 else (1.0, None)
            loss = loss + share * F.cross_entropy(
                part.flatten(0, 1), targets.places[:, :, number].flatten(), balance, ignore_index=_IGNORED
            )
        present = self.present(embeddings * self.embed_dim**0.5).split(_PRESENT, dim=1)
        for part, target in zip(present, targets.present.unbind(2), strict=True):
            groups = target != _IGNORED  # (n, 3)
            chosen = F.log_softmax(part, dim=1).gather(1, target.clamp(min=0))
            loss = loss - (chosen * groups).sum() / groups.sum()
        kind = targets.places[:, :, 0]
        figures = {
            "setting": accuracy(whole[:, : _WHOLE[0]], targets.whole[:, 0]),
            "weather": accuracy(whole[:, -_WHOLE[2] :], targets.whole[:, 2]),
            "present": _accuracy_of_sets(present[0], targets.present[:, :, 0]),
            "pair": _accuracy_of_sets(present[1], targets.present[:, :, 1]),
            "kind": accuracy(parts[0][kind > 0], kind[kind > 0]),
            "colour": accuracy(parts[1][kind > 0], targets.places[:, :, 1][kind > 0]),
            "count": accuracy(parts[2][kind > 0], targets.places[:, :, 2][kind > 0]),
        }
        return loss, figures

    def whole_loss(self, embeddings: Tensor, whole: Tensor) -> Tensor:
        """Cross-entropy of setting, time and weather alone, (n, 3), off unit embeddings (n, embed_dim)."""
        logits = self.whole(embeddings * self.embed_dim**0.5)
        return _place_light_weather(logits[:, : sum(_WHOLE)], whole)

    def patch_loss(self, patches: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of kind, colour and count under each patch: patches (n, g * g, width), labels (n, g * g, 5)."""
        parts = self.patch(patches).flatten(0, 1).split(_PATCH, dim=1)
        wanted = labels.flatten(0, 1)
        loss = patches.new_zeros(())
        for number, (part, target) in enumerate(zip(parts, wanted.T[: len(parts)], strict=True)):
            balance = self.kind_weights if number == 0 else None
            loss = loss + F.cross_entropy(part, target, balance, ignore_index=_IGNORED)
        seen = wanted[:, 0] > 0
        figures = {
            "patch_kind": accuracy(parts[0][seen], wanted[seen, 0]),
            "patch_colour": accuracy(parts[1][seen], wanted[seen, 1]),
            "patch_count": accuracy(parts[2][seen], wanted[seen, 2]),
        }
        return loss, figures

    def evaluate_patches(self, patches: Tensor, scenes: Sequence[Scene], grid: int) -> dict[str, float]:
        """Loss and figures of the patches (n, grid * grid, width) of whole pictures of n scenes."""
        windows = torch.tensor([[0.0, 0.0, 1.0]]).repeat(len(scenes), 1)
        under, figures = self.patch_loss(patches, patch_targets(targets_of(scenes), windows, grid))
        return {"under": under.item(), **figures}


def _place_light_weather(logits: Tensor, whole: Tensor) -> Tensor:
    loss = logits.new_zeros(())
    for part, target in zip(torch.split(logits, list(_WHOLE), dim=1), whole.T, strict=True):
        loss = loss + F.cross_entropy(part, target)
    return loss


def accuracy(logits: Tensor, target: Tensor) -> float:
    """The share of rows (n, classes) whose likeliest class is the target (n,)."""
    return (logits.argmax(-1) == target).float().mean().item()


def _accuracy_of_sets(logits: Tensor, targets: Tensor) -> float:
    """The share of likeliest classes that are among the true ones, -100 standing for none."""
    return (logits.argmax(1, keepdim=True) == targets).any(1).float().mean().item()
