"""The recipe of the built-in reranker `scenes-itm`: a small BLIP reranker on a frozen vision tower.

The eyes (`vision_tower`) stay as they are, so that what they see of each picture is computed once. Each step takes some
pictures, and with each of them true captions, captions of pictures that the dual encoder takes for this one, and
captions with errors: at first with many, where the loss says of each word whether it is true; later with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vasari.training.matching import differing_tokens, matching_loss, nearest_texts, token_matching_loss
from vasari.training.recipes import tokenizer
from vasari.training.recipes.augment import MEAN, STD, whole_pictures
from vasari.training.recipes.encoder import CONTEXT, VOCABULARY, Towers, batch_indices, tokenise
from vasari.training.recipes.pictures import SIZE, Drawn
from vasari.training.recipes.vision_tower import Eyes
from vasari.training.recipes.weight_transfer import to_blip_vision
from vasari.training.recipes.word_init import look_around, make_identity, name_alike, visual_words
from vasari.training.scenes.captions import HardNegative, complements, describe, hard_negatives
from vasari.training.scenes.scene import Detail, Language, Scene

_WIDTH = 128  # of the text side
# How many words away each layer looks first: a colour stands nearer to its noun than a place does.
_REACH = (2, 5, 5)
_LANGUAGES = [Language.ENGLISH] * 3 + list(Language)  # English, the default of searches, is learnt best


@dataclass(frozen=True, slots=True)
class Text:
    """One text about a picture: its tokens, what is known of them (-100: nothing), and whether it is true."""

    ids: list[int]
    differing: list[int]  # 1 or 0 where a caption and its false twin differ
    match: int


_NEIGHBOURS = 16


class SmallReranker(nn.Module):
    """BlipForImageTextRetrieval, with a head for single tokens that is not kept."""

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
                "num_hidden_layers": len(_REACH),
                "num_attention_heads": 4,
                "max_position_embeddings": 128,
                "initializer_range": 0.07,  # BERT's 0.02 suits 768 wide; here attention would stay uniform for long
                "bos_token_id": tokenizer.START_ID,
                "eos_token_id": tokenizer.END_ID,
                "sep_token_id": tokenizer.END_ID,
                "pad_token_id": tokenizer.PAD_ID,
            },
            image_text_hidden_size=128,
        )
        self.blip = BlipForImageTextRetrieval(config)
        self.token_head = nn.Linear(_WIDTH, 2)

    def start_from(self, eyes: Towers) -> None:
        """Load the vision tower, and freeze it."""
        layers = self.blip.config.vision_config.num_hidden_layers
        self.blip.vision_model.load_state_dict(to_blip_vision(eyes.clip.visual.state_dict(), layers))
        self.blip.vision_model.requires_grad_(False)

    @torch.inference_mode()
    def see(self, pixels: Tensor) -> Tensor:
        """Features (n, patches + 1, width) of normalised pixels (n, 3, SIZE, SIZE)."""
        seen: Tensor = self.blip.vision_model(pixel_values=pixels).last_hidden_state
        return seen

    @torch.no_grad()
    def start_naming(self, naming: Tensor, eyes: Eyes) -> None:
        """Initialise word embeddings and cross-attention so that words find patches that show them (`visual_words`)."""
        text = self.blip.text_encoder
        words, positions = text.embeddings.word_embeddings.weight, text.embeddings.position_embeddings.weight
        room = _WIDTH // text.config.num_attention_heads  # one head's share, for the place of words
        words[:, -room:] = 0
        concepts = name_alike(words[:, :-room], naming)
        for layer, reach in zip(text.encoder.layer, _REACH, strict=True):
            look_around(layer.attention, positions, room, reach)
            attention = layer.crossattention
            seen = visual_words(eyes.towers.heads, concepts, 7.0, eyes.where)
            make_identity(attention.self.query, 2.0)
            for part in (attention.self.key, attention.self.value):
                part.weight[:-room] = seen
            make_identity(attention.output.dense, 0.5)

    @torch.no_grad()
    def load(self, directory: Path) -> None:
        """Take the weights that `save` wrote; the vision tower stays as it is, the head for tokens begins at zero."""
        saved = load_file(directory / "model.safetensors")
        self.blip.load_state_dict({name: value.float() for name, value in saved.items()})
        self.blip.vision_model.requires_grad_(False)
        for weights in self.token_head.parameters():
            weights.zero_()

    def attend(self, ids: Tensor, features: Tensor) -> Tensor:
        """Hidden states (n, length, width) of token ids (n, length) that look at features (n, patches + 1, width)."""
        hidden: Tensor = self.blip.text_encoder(
            input_ids=ids,
            attention_mask=(ids != tokenizer.PAD_ID).long(),
            encoder_hidden_states=features,
            encoder_attention_mask=torch.ones(features.shape[:2], dtype=torch.long),
        ).last_hidden_state
        return hidden

    def logits(self, ids: Tensor, features: Tensor) -> Tensor:
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
def neighbours(towers: Towers, drawn: Drawn, tokenizer: Any) -> npt.NDArray[np.int64]:
    """Hard negative mining: for each picture the scenes whose captions the encoder likes best: (n, _NEIGHBOURS)."""
    towers.eval()
    images, texts = [], []
    for start in range(0, len(drawn), 100):
        indices = np.arange(start, min(start + 100, len(drawn)))
        pixels = whole_pictures(drawn.pictures(indices), SIZE)
        images.append(nn.functional.normalize(towers.clip.visual(pixels)[0], dim=-1))
        scenes = [drawn.scenes[i] for i in indices]
        words = Random(f"neighbours/{start}")
        captions = [describe(s, words.choice(_LANGUAGES), Detail.HIGH, words) for s in scenes]
        texts.append(towers.read(tokenise(tokenizer, captions)))
    return nearest_texts(torch.cat(images), torch.cat(texts), _NEIGHBOURS)


class RerankerLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    def __init__(
        self,
        reranker: SmallReranker,
        scenes: Sequence[Scene],
        features: npt.NDArray[np.float16],
        near: npt.NDArray[np.int64],
        tokenizer: Any,
        batch: int,
        steps: int,
        seed: int = 0,
    ) -> None:
        """`features` (n, patches + 1, width) are what the eyes saw of the n scenes, `near` (n, k) look alike."""
        self.reranker, self.scenes, self.features, self.near = reranker, scenes, features, near
        self.tokenizer, self.size, self.seed, self.dense_until = tokenizer, batch, seed, steps // 2

    def batch_at(self, step: int) -> dict[str, Any]:
        """What the eyes saw of some pictures, and texts about each of them."""
        indices = batch_indices(len(self.features), self.size, step, self.seed)
        words = Random(f"{self.seed}/{step}")
        rows = [
            (number, text)
            for number, index in enumerate(indices)
            for text in self._texts(int(index), words, dense=step < self.dense_until)
        ]
        rows.sort(key=lambda row: len(row[1].ids))
        middle = len(rows) * 3 // 5  # short captions apart from long ones: less padding
        return {
            "features": torch.from_numpy(self.features[indices]).float(),
            "texts": [_padded(part) for part in (rows[:middle], rows[middle:])],
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Matching of captions and of single tokens."""
        reranker, features = self.reranker, batch["features"]
        parts = [(part, reranker.attend(part["ids"], features[part["pictures"]])) for part in batch["texts"]]
        heads = torch.cat([hidden[:, 0] for _, hidden in parts])
        states = torch.cat([hidden.flatten(0, 1) for _, hidden in parts])
        matches, differing = (
            torch.cat([part[name].flatten() for part, _ in parts]) for name in ("matches", "differing")
        )
        match, accuracy = matching_loss(reranker.blip.itm_head(heads), matches)
        token, token_accuracy = token_matching_loss(reranker.token_head(states), differing)
        figures = {"match": match.item(), "right": accuracy, "token": token.item(), "tokens": token_accuracy}
        return match + token, figures

    def evaluate(
        self, heldout: Drawn, languages: Sequence[Language] = (Language.ENGLISH, Language.JAPANESE)
    ) -> dict[str, float]:
        """Pair accuracy on the hard negatives of heldout scenes, by kind and by language."""
        pixels = whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE)
        features = self.reranker.see(pixels)
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
        logits = self.reranker.logits(tokenise(self.tokenizer, captions), features)
        return logits[:, 1] - logits[:, 0]

    def _texts(self, index: int, words: Random, dense: bool) -> list[Text]:
        """Texts about a picture: at first only such with many errors, later also such with one."""
        scene = self.scenes[index]
        found = self._complements(scene, words)
        if dense:
            found += self._complements(scene, words)
        else:
            pairs = hard_negatives(scene, words.choice(_LANGUAGES), words)
            pairs += hard_negatives(scene, words.choice(_LANGUAGES), words)
            for pair in words.sample(pairs, 2):
                found += self._pair(pair)
        return found + self._near_and_own(index, words)

    def _near_and_own(self, index: int, words: Random) -> list[Text]:
        """A caption of a picture that is taken for this one, and one of its own."""
        scene, other = self.scenes[index], self.scenes[int(words.choice(list(self.near[index])))]
        return [
            self._text(other, words, int(_same(scene, other)), words.choice(list(Detail))),
            self._text(scene, words, 1, words.choice(list(Detail))),
        ]

    def _complements(self, scene: Scene, words: Random) -> list[Text]:
        told = complements(scene, words.choice(_LANGUAGES), words)
        true, one, other = (self._ids(caption) for caption in (told.caption, told.one, told.other))
        found = []
        for ids, twin in ((one, other), (other, one)):
            facts, _ = differing_tokens(ids, twin)
            _, wrong = differing_tokens(true, ids)
            found.append(Text(ids, [0 if no == 0 else yes for yes, no in zip(facts, wrong, strict=True)], 0))
        return found

    def _pair(self, pair: HardNegative) -> list[Text]:
        true, false = self._ids(pair.caption), self._ids(pair.negative)
        true_labels, false_labels = differing_tokens(true, false)
        return [Text(true, true_labels, 1), Text(false, false_labels, 0)]

    def _text(self, scene: Scene, words: Random, match: int, detail: Detail) -> Text:
        ids = self._ids(describe(scene, words.choice(_LANGUAGES), detail, words))
        return Text(ids, [-100] * len(ids), match)

    def _ids(self, caption: str) -> list[int]:
        ids: list[int] = self.tokenizer(caption, truncation=True, max_length=CONTEXT)["input_ids"]
        return ids


def _padded(rows: Sequence[tuple[int, Text]]) -> dict[str, Tensor]:
    """Some of a batch's texts: token ids and labels (n, longest), matches (n,), and their pictures (n,)."""
    longest = max(len(text.ids) for _, text in rows)

    def filled(lists: Sequence[Sequence[int]], empty: int) -> Tensor:
        return torch.tensor([[*row, *[empty] * (longest - len(row))] for row in lists])

    return {
        "ids": filled([text.ids for _, text in rows], tokenizer.PAD_ID),
        "differing": filled([text.differing for _, text in rows], -100),
        "matches": torch.tensor([text.match for _, text in rows]),
        "pictures": torch.tensor([picture for picture, _ in rows]),
    }


def _same(one: Scene, other: Scene) -> bool:
    """Whether two scenes show the same, so that a caption of one is true of the other."""
    return (one.setting, one.time, one.weather, set(one.groups)) == (
        other.setting,
        other.time,
        other.weather,
        set(other.groups),
    )
