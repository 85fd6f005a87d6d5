"""The recipe of the dual encoder's second lesson: the text tower learns what people type, before pictures as they are.

The embeddings of all pictures are computed once (`pooling`), so a step compares its texts with thousands of pictures.
A typed query is right for every picture of which it is true (multi-positive InfoNCE: Khosla et al., "Supervised
Contrastive Learning", NeurIPS 2020, equation 2), and one shared threshold on the cosine tells true from false,
whatever the query: foreign queries stay below it for all pictures. Captions go on as before, lest their figures fall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vasari.training.recipes.encoder import Towers, batch_indices, recalls, tokenise
from vasari.training.recipes.tokenizer import END_ID
from vasari.training.scenes.captions import describe
from vasari.training.scenes.foreign import foreign
from vasari.training.scenes.queries import Answers, Form, TypedQuery, queries_of, typed
from vasari.training.scenes.scene import Detail, Kind, Language, Scene
from vasari.training.supervision import SceneHeads, targets_of

_LANGUAGES = [Language.ENGLISH, *Language]
_FORMS = [
    form
    for form in Form
    for _ in range({Form.WORD: 3, Form.TYPO: 4, Form.PHRASE: 2, Form.SYNONYM: 2}.get(form, 1))
]
_CAPTIONS, _TYPED, _FOREIGN = 24, 144, 16
_ALSO: Mapping[StrEnum, set[StrEnum]] = {Kind.BIRD: {Kind.SWAN, Kind.DUCK}, Kind.TREE: {Kind.PALM}}
"""Kinds that some would call by another's word: neither right nor wrong."""


class Reader(nn.Module):
    """The text tower with what judges it: the heads that read scenes off embeddings, and how cosines become odds."""

    def __init__(self, towers: Towers, heads: SceneHeads) -> None:
        super().__init__()
        self.towers = towers
        self.towers.clip.visual.requires_grad_(False)
        self.heads = heads.requires_grad_(False)
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.typed_scale = nn.Parameter(torch.tensor(3.0))
        self.odds = nn.Parameter(torch.tensor([3.0, -6.0]))


class TypedLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    forms: Sequence[Form] = _FORMS
    among = 2000  # pictures that a step's queries are compared with

    def __init__(self, reader: Reader, scenes: Sequence[Scene], images: Tensor, tokenizer: Any) -> None:
        """`images` are the unit embeddings (n, dim) of the n scenes' pictures."""
        self.reader, self.scenes, self.images, self.tokenizer = reader, scenes, images, tokenizer
        self.targets, self.answers = targets_of(scenes), Answers(scenes)
        self.captions, self.gallery = min(_CAPTIONS, len(scenes)), min(self.among, len(scenes))

    def batch_at(self, step: int) -> dict[str, Any]:
        """Captions, typed and foreign queries, some pictures, and which of them are right."""
        rng, words = np.random.default_rng((4, step)), Random(f"typed/{step}")
        own = batch_indices(len(self.scenes), self.captions, step, 4)
        detail = [Detail.HIGH] * 4 + [Detail.MEDIUM]
        details = [words.choice(detail) for _ in own]
        captions = [
            describe(self.scenes[i], words.choice(_LANGUAGES), told, words)
            for i, told in zip(own, details, strict=True)
        ]
        gallery = np.concatenate([own, rng.choice(len(self.scenes), self.gallery, replace=False)])
        queries = [self._query(self.scenes[words.choice(gallery)], words) for _ in range(_TYPED)]
        answers = self.answers.at(gallery)
        right = np.stack([answers.of(query.meaning) for query in queries])
        open_ = np.stack([may_be_meant(query, answers) for query in queries])
        texts = [query.text for query in queries] + [
            foreign(words.choice(_LANGUAGES), words) for _ in range(_FOREIGN)
        ]
        nothing = np.zeros((_FOREIGN, len(gallery)), np.bool_)
        return {
            "captions": tokenise(self.tokenizer, captions),
            "detailed": torch.tensor([told is Detail.HIGH for told in details]),
            "targets": self.targets.at(own[[told is Detail.HIGH for told in details]]),
            "texts": self._by_length(texts),
            **self.shown(gallery),
            "right": torch.from_numpy(np.concatenate([right, nothing])),
            "open": torch.from_numpy(np.concatenate([open_ & ~right, nothing])),
        }

    def shown(self, gallery: NDArray[np.int64]) -> dict[str, Any]:
        """The embeddings of these pictures."""
        return {"gallery": self.images[torch.from_numpy(gallery)]}

    def _by_length(self, texts: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
        """Token ids with the places of their texts, short ones apart from long ones."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place].encode()))
        half = len(order) * 2 // 3
        return [
            (torch.tensor(part), tokenise(self.tokenizer, [texts[place] for place in part]))
            for part in (order[:half], order[half:])
        ]

    def _query(self, scene: Scene, words: Random) -> TypedQuery:
        while True:
            if query := typed(scene, words.choice(_LANGUAGES), words.choice(self.forms), words):
                return query

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """InfoNCE of captions and the scene off them, multi-positive InfoNCE of queries, and the shared threshold."""
        reader, gallery = self.reader, batch["gallery"]
        told = reader.towers.read(batch["captions"])
        logits = reader.scale.exp().clamp(max=100) * told @ gallery.T
        own = torch.arange(len(told))
        contrast = F.cross_entropy(logits, own) + 0.5 * F.cross_entropy(logits[:, : len(told)].T, own)
        read, figures = reader.heads.scene_loss(told[batch["detailed"]], batch["targets"])
        places, parts = zip(*batch["texts"], strict=True)
        cosines = torch.cat([reader.towers.read(part) for part in parts]) @ gallery.T
        order = torch.cat(places)
        right, open_ = batch["right"][order], batch["open"][order]
        searched = right.any(1)
        chosen = (
            cosines[searched].mul(reader.typed_scale.exp().clamp(max=60)).masked_fill(open_[searched], -1e4)
        )
        likely = F.log_softmax(chosen, dim=1)
        hits = right[searched].float()
        found = -((likely * hits).sum(1) / hits.sum(1) + hits.sum(1).log()).mean()
        odds = cosines * reader.odds[0].exp() + reader.odds[1]
        per_pair = F.binary_cross_entropy_with_logits(odds, right.float(), reduction="none").masked_fill(
            open_, 0
        )
        share = right.float().sum(1, keepdim=True).clamp(min=1)
        balanced = (
            torch.where(right, per_pair / share, per_pair / (~right).sum(1, keepdim=True) * 3).sum(1).mean()
        )
        figures = {
            "contrast": contrast.item(),
            "read": read.item(),
            "found": found.item(),
            "odds": balanced.item(),
            "read_kind": figures["kind"],
            "read_present": figures["present"],
        }
        return contrast + 0.15 * read + 2 * found + balanced, figures

    def evaluate(self, scenes: Sequence[Scene], images: Tensor) -> dict[str, float]:
        """P@10 of typed queries, and recall of detailed captions, among heldout pictures."""
        figures: dict[str, float] = {}
        for language in (Language.ENGLISH, Language.JAPANESE):
            captions = [describe(s, language, Detail.HIGH, Random(f"dev/{s.seed}")) for s in scenes]
            figures |= {
                f"{language}_{name}": value
                for name, value in recalls(self._read(captions) @ images.T).items()
            }
        queries = list(queries_of(scenes))
        first = (self._read([query.text for query, _ in queries]) @ images.T).topk(10, dim=1).indices.tolist()
        shares: dict[str, list[float]] = {}
        for (query, right), found in zip(queries, first, strict=True):
            share = len(set(right) & set(found)) / min(10, len(right))
            name = (
                query.form.value
                if query.form is Form.TYPO or query.language is Language.ENGLISH
                else query.language.value
            )
            shares.setdefault(name, []).append(share)
        return figures | {name: float(np.mean(found)) for name, found in shares.items()}

    def _read(self, texts: Sequence[str]) -> Tensor:
        parts = [texts[start : start + 100] for start in range(0, len(texts), 100)]
        return torch.cat([self.reader.towers.read(tokenise(self.tokenizer, part)) for part in parts])


@torch.no_grad()
def meet(towers: Towers, scenes: Sequence[Scene], images: Tensor, tokenizer: Any) -> None:
    """Set the text projection by least squares, so that captions point at the new embeddings of their pictures."""
    words = Random("meet")
    captions = [describe(scene, words.choice(_LANGUAGES), Detail.HIGH, words) for scene in scenes]
    clip = towers.clip
    kept = clip.text_projection.data
    clip.text_projection.data = torch.eye(len(kept))
    states = torch.cat(
        [_states(towers, tokenise(tokenizer, captions[i : i + 100])) for i in range(0, len(captions), 100)]
    )
    gram = states.T @ states + 0.01 * len(states) * torch.eye(states.shape[1]) * states.var()
    clip.text_projection.data = torch.linalg.solve(gram, states.T @ images)


def _states(towers: Towers, text: Tensor) -> Tensor:
    """`Towers.read` before the projection."""
    clip, length = towers.clip, text.shape[1]
    x = clip.token_embedding(text) + clip.positional_embedding[:length]
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
    ends = (text == END_ID).int().argmax(dim=1)
    states: Tensor = x[torch.arange(len(x)), ends]
    return states


def may_be_meant(query: TypedQuery, answers: Answers) -> NDArray[np.bool_]:
    """Pictures of which nobody could say whether they are right, or that are."""
    things = tuple(
        replace(thing, kinds=thing.kinds.union(*(_ALSO.get(kind, set()) for kind in thing.kinds)))
        for thing in query.meaning.things
    )
    return answers.of(replace(query.meaning, things=things))
