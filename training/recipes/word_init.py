"""Initialisation of cross-attention: patch features as mixtures of the text model's word embeddings.

The encoder's patch heads tell which object and colour a patch shows. Multiplied by the embeddings of the words that
name them, they turn a patch feature into a mixture of word embeddings, so that attention by likeness finds the patches
of a noun from the first step on. Without this, small rerankers and captioners spend most of their budget on finding out
which word goes with which look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from vasari.training.scenes.captions import describe
from vasari.training.scenes.scene import Colour, Column, Detail, Kind, Language, Layer, Scene
from vasari.training.supervision import SceneHeads

_SIZES = [len(Kind), len(Colour), 4, len(Layer), len(Column)]
CONCEPTS = sum(_SIZES)
_CAPTIONS = 12_000
_SPECIFIC = 0.6  # a word names what it stands with at least so often


def naming_words(
    scenes: Sequence[Scene],
    languages: Sequence[Language],
    encode: Callable[[str], Sequence[int]],
    vocabulary: int,
) -> Tensor:
    """Tokens that name each kind, colour, count, layer and column: (concepts, vocabulary), rows sum to 1 or 0.

    Found by counting in captions of single groups; a token counts for what it is specific to.
    """
    kinds, colours, layers, columns = list(Kind), list(Colour), list(Layer), list(Column)
    firsts = [sum(_SIZES[:number]) for number in range(len(_SIZES))]
    together: Counter[tuple[int, int]] = Counter()
    seen: Counter[int] = Counter()
    words = Random("naming words")
    for _ in range(_CAPTIONS):
        scene = words.choice(scenes)
        group = words.choice(scene.groups)
        told = replace(scene, groups=(group,))
        told_of = (
            kinds.index(group.kind),
            colours.index(group.colour),
            group.count - 1,
            layers.index(group.layer),
            columns.index(group.column),
        )
        for token in set(encode(describe(told, words.choice(languages), Detail.HIGH, words))):
            seen[token] += 1
            for first, value in zip(firsts, told_of, strict=True):
                together[first + value, token] += 1
    table = torch.zeros(CONCEPTS, vocabulary)
    for (row, token), count in together.items():
        if count >= 5 and count / seen[token] > _SPECIFIC:
            table[row, token] = count
    kinds_named = table[: len(kinds)].any(0)
    table[firsts[3] :, kinds_named] = 0  # what is only ever in the sky does not name it
    return table / table.sum(1, keepdim=True).clamp(min=1)


@torch.no_grad()
def name_alike(embeddings: Tensor, naming: Tensor) -> Tensor:
    """Fill embeddings (vocabulary, width) so that all words for one thing are alike, whatever their language.

    Returns the concepts, (concepts, width): random unit vectors, to which each word adds something of its own.
    """
    width = embeddings.shape[1]
    concepts = nn.functional.normalize(torch.randn(len(naming), width), dim=1)
    embeddings.normal_(std=0.6 / width**0.5)
    embeddings[: naming.shape[1]] += (naming > 0).float().T @ concepts
    return concepts


@torch.no_grad()
def visual_words(
    heads: SceneHeads, concepts: Tensor, length: float, where: nn.Linear | None = None
) -> Tensor:
    """The linear map (text width, vision width) from normed patch features to mixtures of concepts.

    `where` tells layer and column of what a patch shows. A feature comes out about `length` long; two fifths of the map
    are random, for what has no word.
    """
    weights = heads.patch.weight[1:]  # the first is for patches where nothing is
    places = weights.new_zeros(sum(_SIZES[3:]), weights.shape[1]) if where is None else where.weight
    parts = torch.split(torch.cat([weights, places]), _SIZES)
    mapped = concepts.T @ torch.cat([part - part.mean(0) for part in parts])
    rest = torch.randn_like(mapped)
    drawn_in: torch.Tensor = length * (mapped / mapped.norm() + 0.4 * rest / rest.norm())
    return drawn_in


@torch.no_grad()
def make_identity(linear: nn.Linear, gain: float) -> None:
    """Identity initialisation of a square linear layer, times `gain`, with a little noise to break ties."""
    linear.weight.copy_(gain * torch.eye(linear.out_features) + 0.02 * torch.randn_like(linear.weight))
    if linear.bias is not None:
        linear.bias.zero_()


@torch.no_grad()
def look_around(attention: Any, positions: Tensor, room: int, reach: int) -> None:
    """Initialise BERT-like self-attention to attend to neighbouring words: "red" learns that it is of a boat.

    The last `room` features hold nothing but the place: `positions` (length, width) are filled with waves there, whose
    likeness falls off within a few words; all heads but the last compare these alone and pass on the other features.
    The first looks at the word itself, the second about `reach` words before it, the third as far after it: "left" is
    said of what came before in "a boat on the left, a cow on the right", and of what comes after in "left a boat".
    """
    length, width = positions.shape
    half = room // 2
    speeds = torch.logspace(-1.3, 0.2, half)
    angles = torch.arange(length)[:, None] * speeds
    positions.zero_()
    positions[:, width - room :] = torch.cat([angles.sin(), angles.cos()], dim=1) / half**0.5
    heads = (width - room) // room
    for part in (attention.self.query, attention.self.key):
        part.weight[: width - room] = 0.02 * torch.randn(width - room, width)
    for head, away in zip(range(heads), (0, -reach, reach), strict=True):
        blur = (-((speeds * away) ** 2) / 12).exp()  # without the fast waves likeness falls off later
        even, odd = (blur * (away * speeds).cos()).diag(), (blur * (away * speeds).sin()).diag()
        turned = torch.cat([torch.cat([even, odd], dim=1), torch.cat([-odd, even], dim=1)])
        mine = slice(head * room, (head + 1) * room)
        attention.self.query.weight[mine, width - room :] += 0.7 * turned
        attention.self.key.weight[mine, width - room :] += 0.7 * torch.eye(room)
    kept = torch.eye(width)[: width - room]
    attention.self.value.weight[: width - room] = kept + 0.02 * torch.randn_like(kept)
    attention.output.dense.weight[:, : width - room] = 0.5 * kept.T + 0.02 * torch.randn_like(kept.T)
