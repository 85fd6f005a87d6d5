"""The recipe of the built-in reranker `scenes-itm`: a small BLIP matcher that starts from the dual encoder's sight.

Each step shows some pictures, and with each picture two true captions with a false twin each (one fact changed), and
a caption of another picture that the dual encoder takes for this one's.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from training.scenes.scene import Detail, Language, Scene
from training.supervision import SceneHeads, patch_targets, targets_of
from training.transplant import to_blip_vision

_WIDTH = 128  # of the text side
_LANGUAGES = list(Language)
_NEIGHBOURS = 16
_TEXTS = 5  # for each picture


class Matcher(nn.Module):
    """BlipForImageTextRetrieval, with a head for single tokens and one for patches that are not kept."""

    def __init__(self, vision_width: int, layers: int, patch: int) -> None:
        super().__init__()
        from transformers import BlipConfig, BlipForImageTextRetrieval  # noqa: PLC0415  seven seconds

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
                "bos_token_id": tokens.START_ID,
                "eos_token_id": tokens.END_ID,
                "sep_token_id": tokens.END_ID,
                "pad_token_id": tokens.PAD_ID,
            },
            image_text_hidden_size=128,
        )
        self.blip = BlipForImageTextRetrieval(config)
        self.token_head = nn.Linear(_WIDTH, 2)
        self.heads = SceneHeads(EMBED_DIM, vision_width)

    def start_from(self, towers: Towers) -> None:
        """Take the dual encoder's eyes, its patch head, and its words."""
        layers = self.blip.config.vision_config.num_hidden_layers
        self.blip.vision_model.load_state_dict(to_blip_vision(towers.clip.visual.state_dict(), layers))
        self.heads.load_state_dict(towers.heads.state_dict())
        words = self.blip.text_encoder.embeddings.word_embeddings.weight
        with torch.no_grad():
            words.copy_(towers.clip.token_embedding.weight)

    def attend(self, ids: Tensor, features: Tensor) -> Tensor:
        """Hidden states (n, length, width) of token ids (n, length) that look at features (n, patches + 1, width)."""
        hidden: Tensor = self.blip.text_encoder(
            input_ids=ids,
            attention_mask=(ids != tokens.PAD_ID).long(),
            encoder_hidden_states=features,
            encoder_attention_mask=torch.ones(features.shape[:2], dtype=torch.long),
        ).last_hidden_state
        return hidden

    def match(self, ids: Tensor, features: Tensor) -> Tensor:
        """Logits (n, 2) of the matching head."""
        logits: Tensor = self.blip.itm_head(self.attend(ids, features)[:, 0])
        return logits

    def save(self, directory: Path, tokenizer: Any) -> None:
        """Write model, tokenizer and image processor in the hub's format, in half precision."""
        from copy import deepcopy  # noqa: PLC0415

        from transformers import BlipImageProcessor, BlipProcessor  # noqa: PLC0415

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
        rows = [row for i in indices for row in self._texts(int(i), words)]
        by_length = sorted(range(len(rows)), key=lambda number: len(rows[number][0]))
        middle = len(rows) * 3 // 5  # short captions apart from long ones: less padding
        targets = self.targets.at(indices)
        return {
            "pixels": pixels,
            "texts": [_padded(rows, part) for part in (by_length[:middle], by_length[middle:])],
            "patches": patch_targets(targets, windows, round((self._patches()) ** 0.5)),
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Matching of captions and of single tokens, and the object under each patch."""
        matcher = self.matcher
        features = matcher.blip.vision_model(pixel_values=batch["pixels"]).last_hidden_state
        logits, matches, token_logits, labels = [], [], [], []
        for part in batch["texts"]:
            hidden = matcher.attend(part["ids"], features[part["pictures"]])
            logits.append(matcher.blip.itm_head(hidden[:, 0]))
            matches.append(part["matches"])
            token_logits.append(matcher.token_head(hidden).flatten(0, 1))
            labels.append(part["labels"].flatten())
        match, accuracy = matching_loss(torch.cat(logits), torch.cat(matches))
        token, token_accuracy = token_matching_loss(torch.cat(token_logits), torch.cat(labels))
        under, figures = matcher.heads.patch_loss(features[:, 1:], batch["patches"])
        loss = 2 * match + 2 * token + under
        return loss, {"match": match.item(), "right": accuracy, "tokens": token_accuracy, **figures}

    def evaluate(self, heldout: Drawn, languages: Sequence[Language] = (Language.ENGLISH, Language.JAPANESE)) -> dict[str, float]:
        """Pair accuracy on the hard negatives of heldout scenes, by kind and by language."""
        pixels = whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE)
        features = torch.cat([self.matcher.blip.vision_model(pixel_values=p).last_hidden_state for p in pixels.split(100)])
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

    def _texts(self, index: int, words: Random) -> list[tuple[list[int], list[int], int]]:
        """(token ids, labels of differing tokens, match) of a picture's captions."""
        scene = self.drawn.scenes[index]
        pairs = hard_negatives(scene, words.choice(_LANGUAGES), words)
        pairs += hard_negatives(scene, words.choice(_LANGUAGES), words)
        chosen = words.sample(pairs, 2)
        found: list[tuple[list[int], list[int], int]] = []
        for number, pair in enumerate(chosen):
            if number == 1 and words.random() < 0.25:
                found += self._coarse(scene, words)
                continue
            true, false = self._ids(pair.caption), self._ids(pair.negative)
            true_labels, false_labels = differing_tokens(true, false)
            found += [(true, true_labels, 1), (false, false_labels, 0)]
        other = self.drawn.scenes[int(words.choice(list(self.near[index])))]
        caption = self._ids(describe(other, words.choice(_LANGUAGES), Detail.HIGH, words))
        found.append((caption, [-100] * len(caption), int(_same(scene, other))))
        return found

    def _coarse(self, scene: Scene, words: Random) -> list[tuple[list[int], list[int], int]]:
        """A true short caption, and one of a scene in another place."""
        detail = words.choice((Detail.LOW, Detail.MEDIUM))
        others = (words.choice(self.drawn.scenes) for _ in iter(int, 1))
        other = next(other for other in others if other.setting is not scene.setting)
        true = self._ids(describe(scene, words.choice(_LANGUAGES), detail, words))
        false = self._ids(describe(other, words.choice(_LANGUAGES), detail, words))
        return [(true, [-100] * len(true), 1), (false, [-100] * len(false), 0)]

    def _ids(self, caption: str) -> list[int]:
        ids: list[int] = self.tokenizer(caption, truncation=True, max_length=CONTEXT)["input_ids"]
        return ids


def _padded(rows: Sequence[tuple[list[int], list[int], int]], chosen: Sequence[int]) -> dict[str, Tensor]:
    """Some of a batch's texts: token ids and labels (n, longest), matches (n,), and their pictures (n,)."""
    length = max(len(rows[number][0]) for number in chosen)
    ids = torch.full((len(chosen), length), tokens.PAD_ID)
    labels = torch.full((len(chosen), length), -100)
    for line, number in enumerate(chosen):
        row, differing, _ = rows[number]
        ids[line, : len(row)] = torch.tensor(row)
        labels[line, : len(row)] = torch.tensor(differing)
    matches = torch.tensor([rows[number][2] for number in chosen])
    return {"ids": ids, "labels": labels, "matches": matches, "pictures": torch.tensor(chosen) // _TEXTS}


def _same(one: Scene, other: Scene) -> bool:
    """Whether two scenes show the same, so that a caption of one is true of the other."""
    return (one.setting, one.time, one.weather, set(one.groups)) == (
        other.setting,
        other.time,
        other.weather,
        set(other.groups),
    )
