"""The recipe of the built-in reranker `scenes-itm`: a small BLIP matcher that starts from the dual encoder's sight.

Each step shows some pictures, and with each picture two true captions with a false twin each (one fact changed), and
a caption of another picture that the dual encoder takes for this one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training import tokens
from training.augment import MEAN, STD, random_windows, whole_pictures
from training.drawn import SIZE, Drawn
from training.matching import differing_tokens, matching_loss, nearest_texts, token_matching_loss
from training.recipe_encoder import CONTEXT, EMBED_DIM, VOCABULARY, Towers, batch_indices, tokenise
from training.scenes.captions import describe, hard_negatives
from training.scenes.scene import Colour, Column, Detail, Kind, Language, Scene, Setting, Weather
from training.supervision import SceneHeads, patch_targets, targets_of
from training.transplant import to_blip_vision
from training.visual_words import make_identity, name_alike, visual_words

_WIDTH = 128  # of the text side
_LANGUAGES = [Language.ENGLISH] * 3 + list(Language)  # English, the default of searches, is learnt best
_MASK = tokens.UNKNOWN_ID  # stands for a hidden word


@dataclass(frozen=True, slots=True)
class _Text:
    """One text about a picture: its tokens, what is known of them (-100: nothing), and whether it is true."""

    ids: list[int]
    differing: list[int]  # 1 or 0 where a caption and its false twin differ
    hidden: list[int]  # the word under each mask
    match: int


_NEIGHBOURS = 16
_TEXTS = 8  # for each picture
_SIMPLE = (
    300  # steps of captions about one thing, before those that differ from the truth in one fact of many
)
_HALF_SIMPLE = 600  # until here, half of the false twins are still of that kind
_LOOKING = 1000  # steps in which the eyes, trained before, stay as they are: a step then costs half as much


class Matcher(nn.Module):
    """BlipForImageTextRetrieval, with a head for single tokens and one for patches that are not kept."""

    def __init__(self, vision_width: int, layers: int, patch: int) -> None:
        super().__init__()
        from transformers import BlipConfig, BlipForImageTextRetrieval

        config = BlipConfig(
            vision_config={
                "hidden_size": vision_width,
                "intermediate_size": 4 * vision_width,
                "num_hidden_layers": layers,
                "num_attention_heads": vision_width // 32,
                "image_size": SIZE,
                "patch_size": patch,
                "initializer_range": 0.02,
            },
            text_config={
                "vocab_size": VOCABULARY,
                "hidden_size": _WIDTH,
                "intermediate_size": 4 * _WIDTH,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "max_position_embeddings": 128,
                "initializer_range": 0.07,  # BERT's 0.02 suits 768 wide; here attention would stay uniform for long
                "bos_token_id": tokens.START_ID,
                "eos_token_id": tokens.END_ID,
                "sep_token_id": tokens.END_ID,
                "pad_token_id": tokens.PAD_ID,
            },
            image_text_hidden_size=128,
        )
        self.blip = BlipForImageTextRetrieval(config)
        self.token_head = nn.Linear(_WIDTH, 2)
        self.name_head = nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.GELU(), nn.LayerNorm(_WIDTH))
        self.heads = SceneHeads(EMBED_DIM, vision_width)

    def start_from(self, towers: Towers) -> None:
        """Take the dual encoder's eyes and its patch head."""
        layers = self.blip.config.vision_config.num_hidden_layers
        self.blip.vision_model.load_state_dict(to_blip_vision(towers.clip.visual.state_dict(), layers))
        self.heads.load_state_dict(towers.heads.state_dict())

    @torch.no_grad()
    def start_naming(self, naming: Tensor) -> None:
        """Let words for one thing be alike, and patches that show it be found by them (see `visual_words`)."""
        text = self.blip.text_encoder
        concepts = name_alike(text.embeddings.word_embeddings.weight, naming)
        text.embeddings.position_embeddings.weight.mul_(0.5)
        for layer in text.encoder.layer:
            attention = layer.crossattention
            seen = visual_words(self.heads, concepts, length=7.0)
            make_identity(attention.self.query, 2.0)
            attention.self.key.weight.copy_(seen)
            attention.self.value.weight.copy_(seen)
            make_identity(attention.output.dense, 0.5)

    def attend(self, ids: Tensor, features: Tensor) -> Tensor:
        """Hidden states (n, length, width) of token ids (n, length) that look at features (n, patches + 1, width)."""
        hidden: Tensor = self.blip.text_encoder(
            input_ids=ids,
            attention_mask=(ids != tokens.PAD_ID).long(),
            encoder_hidden_states=features,
            encoder_attention_mask=torch.ones(features.shape[:2], dtype=torch.long),
        ).last_hidden_state
        return hidden

    def name(self, states: Tensor) -> Tensor:
        """Logits (n, vocabulary) of the words under masks whose hidden states (n, width) are given."""
        words = self.blip.text_encoder.embeddings.word_embeddings.weight
        logits: Tensor = self.name_head(states) @ words.T
        return logits

    def match(self, ids: Tensor, features: Tensor) -> Tensor:
        """Logits (n, 2) of the matching head."""
        logits: Tensor = self.blip.itm_head(self.attend(ids, features)[:, 0])
        return logits

    def save(self, directory: Path, tokenizer: Any) -> None:
        """Write model, tokenizer and image processor in the hub's format, in half precision."""
        from copy import deepcopy

        from transformers import BlipImageProcessor, BlipProcessor

        deepcopy(self.blip).half().save_pretrained(directory)
        images = BlipImageProcessor(size={"height": SIZE, "width": SIZE}, image_mean=MEAN, image_std=STD)
        BlipProcessor(images, tokenizer).save_pretrained(directory)


@torch.inference_mode()
def neighbours(towers: Towers, drawn: Drawn, tokenizer: Any, count: int) -> npt.NDArray[np.int64]:
    """For each of the first `count` pictures the scenes whose detailed captions the dual encoder likes best."""
    towers.eval()
    images, texts = [], []
    for start in range(0, count, 100):
        indices = np.arange(start, min(start + 100, count))
        pixels = whole_pictures(drawn.pictures(indices), SIZE)
        images.append(nn.functional.normalize(towers.clip.visual(pixels)[0], dim=-1))
        scenes = [drawn.scenes[i] for i in indices]
        words = Random(f"neighbours/{start}")
        captions = [describe(s, words.choice(_LANGUAGES), Detail.HIGH, words) for s in scenes]
        texts.append(towers.read(tokenise(tokenizer, captions)))
    return nearest_texts(torch.cat(images), torch.cat(texts), _NEIGHBOURS)


class MatcherLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    def __init__(
        self,
        matcher: Matcher,
        drawn: Drawn,
        near: npt.NDArray[np.int64],
        tokenizer: Any,
        batch: int,
        seed: int = 0,
    ) -> None:
        self.matcher, self.drawn, self.near, self.tokenizer = matcher, drawn, near, tokenizer
        self.size, self.seed = batch, seed
        self.targets = targets_of(drawn.scenes[: len(near)])

    def batch_at(self, step: int) -> dict[str, Any]:
        """Pictures with `_TEXTS` captions each."""
        rng = np.random.default_rng((self.seed, step))
        indices = batch_indices(len(self.near), self.size, step, self.seed)
        pixels, windows = random_windows(self.drawn.pictures(indices), SIZE, rng)
        words = Random(f"{self.seed}/{step}")
        rows = [row for i in indices for row in self._texts(int(i), words, step)]
        by_length = sorted(range(len(rows)), key=lambda number: len(rows[number].ids))
        middle = len(rows) * 3 // 5  # short captions apart from long ones: less padding
        targets = self.targets.at(indices)
        return {
            "looking": step < _LOOKING,
            "pixels": pixels,
            "texts": [_padded(rows, part) for part in (by_length[:middle], by_length[middle:])],
            "patches": patch_targets(targets, windows, round((self._patches()) ** 0.5)),
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Matching of captions and of single tokens, and the object under each patch."""
        matcher = self.matcher
        with torch.set_grad_enabled(not batch["looking"]):
            features = matcher.blip.vision_model(pixel_values=batch["pixels"]).last_hidden_state
        parts = [(part, matcher.attend(part["ids"], features[part["pictures"]])) for part in batch["texts"]]
        heads = torch.cat([hidden[:, 0] for _, hidden in parts])
        states = torch.cat([hidden.flatten(0, 1) for _, hidden in parts])
        matches, differing, words = (
            torch.cat([part[name].flatten() for part, _ in parts])
            for name in ("matches", "differing", "hidden")
        )
        judged = matches >= 0
        match, accuracy = matching_loss(matcher.blip.itm_head(heads[judged]), matches[judged])
        token, token_accuracy = token_matching_loss(matcher.token_head(states), differing)
        named, naming = matching_loss(matcher.name(states[words >= 0]), words[words >= 0])
        under, figures = matcher.heads.patch_loss(features[:, 1:], batch["patches"])
        loss = 2 * match + 2 * token + named + under
        return loss, {
            "match": match.item(),
            "right": accuracy,
            "tokens": token_accuracy,
            "named": named.item(),
            "naming": naming,
            **figures,
        }

    def evaluate(
        self, heldout: Drawn, languages: Sequence[Language] = (Language.ENGLISH, Language.JAPANESE)
    ) -> dict[str, float]:
        """Pair accuracy on the hard negatives of heldout scenes, by kind and by language."""
        pixels = whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE)
        features = torch.cat(
            [
                self.matcher.blip.vision_model(pixel_values=p).last_hidden_state
                for p in torch.split(pixels, 100)
            ]
        )
        figures: dict[str, float] = {}
        for language in languages:
            rows = [
                (n, pair)
                for n, scene in enumerate(heldout.scenes)
                for pair in hard_negatives(scene, language, Random(f"dev/{scene.seed}"))
            ]
            right: dict[str, list[bool]] = {}
            for start in range(0, len(rows), 100):
                part = rows[start : start + 100]
                seen = features[[n for n, _ in part]]
                true = self._margin([pair.caption for _, pair in part], seen)
                false = self._margin([pair.negative for _, pair in part], seen)
                for (_, pair), better in zip(part, (true > false).tolist(), strict=True):
                    right.setdefault(pair.kind, []).append(better)
            figures[language.value] = float(np.mean([b for kind in right.values() for b in kind]))
            figures |= {f"{language.value}_{kind}": float(np.mean(right[kind])) for kind in sorted(right)}
        return figures

    def _margin(self, captions: list[str], features: Tensor) -> Tensor:
        logits = self.matcher.match(tokenise(self.tokenizer, captions), features)
        return logits[:, 1] - logits[:, 0]

    def _patches(self) -> int:
        vision = self.matcher.blip.config.vision_config
        return int((vision.image_size // vision.patch_size) ** 2)

    def _texts(self, index: int, words: Random, step: int) -> list[_Text]:
        """(token ids, labels of differing tokens, match) of a picture's captions."""
        scene = self.drawn.scenes[index]
        found: list[_Text] = []
        if step < _SIMPLE:
            for _ in range(2):
                found += self._pair(*simple_pair(scene, words))
            found.append(self._text(scene, words, 1))
            found.append(self._text(words.choice(self.drawn.scenes), words, 0))
            return found + self._masked(scene, words)
        pairs = hard_negatives(scene, words.choice(_LANGUAGES), words)
        pairs += hard_negatives(scene, words.choice(_LANGUAGES), words)
        for pair in words.sample(pairs, 1 if step < _HALF_SIMPLE else 2):
            found += self._pair(pair.caption, pair.negative)
        if step < _HALF_SIMPLE:
            found += self._pair(*simple_pair(scene, words))
        other = self.drawn.scenes[int(words.choice(list(self.near[index])))]
        found.append(self._text(other, words, int(_same(scene, other))))
        found.append(self._text(scene, words, 1, words.choice(list(Detail))))
        return found + self._masked(scene, words)

    def _masked(self, scene: Scene, words: Random) -> list[_Text]:
        """Two true captions, of one group and of all, with words hidden: naming what is seen comes before judging."""
        found = []
        for told in (scene, replace(scene, groups=(words.choice(scene.groups),))):
            ids = self._ids(describe(told, words.choice(_LANGUAGES), Detail.HIGH, words))
            chosen = [0 < n < len(ids) - 1 and words.random() < 0.3 for n in range(len(ids))]
            masked = [_MASK if hide else word for word, hide in zip(ids, chosen, strict=True)]
            hidden = [word if hide else -100 for word, hide in zip(ids, chosen, strict=True)]
            found.append(_Text(masked, [-100] * len(ids), hidden, -100))
        return found

    def _pair(self, true: str, false: str) -> list[_Text]:
        true_ids, false_ids = self._ids(true), self._ids(false)
        true_labels, false_labels = differing_tokens(true_ids, false_ids)
        nothing = [-100] * max(len(true_ids), len(false_ids))
        return [
            _Text(true_ids, true_labels, nothing[: len(true_ids)], 1),
            _Text(false_ids, false_labels, nothing[: len(false_ids)], 0),
        ]

    def _text(self, scene: Scene, words: Random, match: int, detail: Detail = Detail.HIGH) -> _Text:
        ids = self._ids(describe(scene, words.choice(_LANGUAGES), detail, words))
        return _Text(ids, [-100] * len(ids), [-100] * len(ids), match)

    def _ids(self, caption: str) -> list[int]:
        ids: list[int] = self.tokenizer(caption, truncation=True, max_length=CONTEXT)["input_ids"]
        return ids


def simple_pair(scene: Scene, words: Random) -> tuple[str, str]:
    """A caption that tells one of the scene's groups, and the same words with a fact or two made false."""
    group = words.choice(scene.groups)
    told = replace(scene, groups=(group,))
    kinds = {other.kind for other in scene.groups}
    changes = words.sample(
        ("kind", "kind", "colour", "colour", "count", "column", "place"), words.choice((1, 1, 2))
    )
    if "kind" in changes:
        group = replace(group, kind=words.choice([kind for kind in Kind if kind not in kinds]))
    if "colour" in changes:
        group = replace(group, colour=words.choice([c for c in Colour if c is not group.colour]))
    if "count" in changes:
        group = replace(group, count=words.choice([n for n in range(1, 5) if n != group.count]))
    if "column" in changes:
        group = replace(group, column=words.choice([c for c in Column if c is not group.column]))
    false = replace(told, groups=(group,))
    if "place" in changes:
        false = replace(
            false,
            setting=words.choice([s for s in Setting if s is not scene.setting]),
            weather=words.choice([w for w in Weather if w is not scene.weather]),
        )
    language, start = words.choice(_LANGUAGES), words.random()
    return describe(told, language, Detail.HIGH, Random(start)), describe(
        false, language, Detail.HIGH, Random(start)
    )


def _padded(rows: Sequence[_Text], chosen: Sequence[int]) -> dict[str, Tensor]:
    """Some of a batch's texts: token ids and labels (n, longest), matches (n,), and their pictures (n,)."""
    length = max(len(rows[number].ids) for number in chosen)
    ids = torch.full((len(chosen), length), tokens.PAD_ID)
    differing = torch.full((len(chosen), length), -100)
    hidden = torch.full((len(chosen), length), -100)
    for line, number in enumerate(chosen):
        row = rows[number]
        ids[line, : len(row.ids)] = torch.tensor(row.ids)
        differing[line, : len(row.ids)] = torch.tensor(row.differing)
        hidden[line, : len(row.ids)] = torch.tensor(row.hidden)
    matches = torch.tensor([rows[number].match for number in chosen])
    pictures = torch.tensor(chosen) // _TEXTS
    return {"ids": ids, "differing": differing, "hidden": hidden, "matches": matches, "pictures": pictures}


def _same(one: Scene, other: Scene) -> bool:
    """Whether two scenes show the same, so that a caption of one is true of the other."""
    return (one.setting, one.time, one.weather, set(one.groups)) == (
        other.setting,
        other.time,
        other.weather,
        set(other.groups),
    )
