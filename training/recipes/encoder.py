"""The recipe of the built-in dual encoder `scenes`: a small open_clip CLIP trained on drawn scenes from nothing.

Pairs alone teach a transformer of this size far too slowly for two processor cores, so both towers are also taught
what the painter knows (see `supervision`): every place of the scene from the picture's and from the caption's
embedding, and the object under every patch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from vasari.training.losses import info_nce
from vasari.training.recipes import tokenizer
from vasari.training.recipes.augment import MEAN, STD, random_windows, whole_pictures
from vasari.training.recipes.pictures import Drawn
from vasari.training.scenes.captions import describe
from vasari.training.scenes.scene import Detail, Language
from vasari.training.supervision import SceneHeads, patch_targets, targets_of

CONTEXT = 64  # tokens
VOCABULARY = 4096
EMBED_DIM = 256
_DETAILS = (Detail.HIGH, Detail.MEDIUM, Detail.LOW)
_DETAIL_SHARES = (0.7, 0.2, 0.1)
_LANGUAGES = list(Language)


def configuration(image_size: int, patch: int, width: int) -> dict[str, Any]:
    """The `model_cfg` of open_clip_config.json."""
    return {
        "embed_dim": EMBED_DIM,
        "vision_cfg": {
            "image_size": image_size,
            "patch_size": patch,
            "width": width,
            "layers": 6,
            "head_width": 32,
            "no_ln_pre": True,  # so that the same weights fit BLIP's vision tower
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": VOCABULARY,
            "hf_tokenizer_name": "scenes",  # open_clip reads the tokenizer beside the configuration
            "width": 128,
            "heads": 4,
            "layers": 4,
            "pad_id": tokenizer.PAD_ID,
            "eos_id": tokenizer.END_ID,
            "pool_type": "eos",  # attention is causal: what follows the end, padding, changes nothing
        },
    }


def create(directory: Path, model_cfg: dict[str, Any], drawn: Drawn) -> None:
    """Make the model's directory: configuration, tokenizer learnt from captions; no weights yet."""
    directory.mkdir(parents=True, exist_ok=True)
    sample = (
        describe(scene, language, detail, Random(f"tokenizer/{scene.seed}"))
        for scene in drawn.scenes[:3000]
        for language in Language
        for detail in (Detail.HIGH, Detail.LOW)
    )
    tokenizer.save(tokenizer.learn(sample, VOCABULARY), directory, CONTEXT)
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    (directory / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")


class Towers(nn.Module):
    """An open_clip model with auxiliary heads, which are not kept."""

    def __init__(self, model_cfg: dict[str, Any]) -> None:
        super().__init__()
        from open_clip.model import CLIP

        self.clip = CLIP(**model_cfg)
        self.clip.visual.output_tokens = True
        self.heads = SceneHeads(EMBED_DIM, model_cfg["vision_cfg"]["width"])

    def read(self, text: Tensor) -> Tensor:
        """Unit embeddings (n, dim) of token ids (n, length), where length may be less than the context.

        open_clip pads every caption to the full context, since its mask has that size; attention is causal, so a
        mask cut to the longest caption gives the same embeddings in half the time.
        """
        clip, length = self.clip, text.shape[1]
        x = clip.token_embedding(text) + clip.positional_embedding[:length]  # (n, length, width)
        x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
        ends = (text == tokenizer.END_ID).int().argmax(dim=1)
        return F.normalize(x[torch.arange(len(x)), ends] @ clip.text_projection, dim=-1)

    def save(self, directory: Path) -> None:
        """Write the weights in half precision, without the heads, under the name the hub uses."""
        weights = {
            name: value.half().contiguous() if value.is_floating_point() else value
            for name, value in self.clip.state_dict().items()
        }
        save_file(weights, directory / "open_clip_model.safetensors", metadata={"format": "pt"})


class EncoderLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    def __init__(self, towers: Towers, drawn: Drawn, tokenizer: Any, batch: int, seed: int = 0) -> None:
        self.towers, self.drawn, self.tokenizer, self.size, self.seed = towers, drawn, tokenizer, batch, seed
        self.targets = targets_of(drawn.scenes)

    def batch_at(self, step: int) -> dict[str, Any]:
        """Pictures, one caption each, and targets."""
        rng = np.random.default_rng((self.seed, step))
        indices = batch_indices(len(self.drawn), self.size, step, self.seed)
        visual = self.towers.clip.visual
        pixels, windows = random_windows(self.drawn.pictures(indices), visual.image_size[0], rng)
        details = rng.choice(len(_DETAILS), self.size, p=_DETAIL_SHARES)
        words = Random(f"{self.seed}/{step}")
        captions = [
            describe(self.drawn.scenes[i], words.choice(_LANGUAGES), _DETAILS[d], words)
            for i, d in zip(indices, details, strict=True)
        ]
        targets = self.targets.at(indices)
        more = rng.choice(len(self.drawn), self.size, replace=False)  # captions cost a third of a picture
        captions += [
            describe(self.drawn.scenes[i], words.choice(_LANGUAGES), Detail.HIGH, words) for i in more
        ]
        return {
            "pixels": pixels,
            "read": self.targets.at(np.concatenate([indices[details == 0], more])),
            "text": tokenise(self.tokenizer, captions),
            "detailed": torch.from_numpy(np.concatenate([details == 0, np.full(self.size, True)])),
            "targets": targets,
            "patches": patch_targets(targets, windows, visual.grid_size[0]),
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """InfoNCE, the scene off both embeddings, and the object under each patch."""
        clip, heads = self.towers.clip, self.towers.heads
        pooled, patches = clip.visual(batch["pixels"])
        image = F.normalize(pooled, dim=-1)
        text = self.towers.read(batch["text"])  # those of the pictures, then more
        contrast = info_nce(image, text[: len(image)], clip.logit_scale.exp().clamp(max=100))
        seen, figures = heads.scene_loss(image, batch["targets"])
        read, reading = heads.scene_loss(text[batch["detailed"]], batch["read"])
        under, patch_figures = heads.patch_loss(patches, batch["patches"])
        loss = contrast + seen + read + 8 * under
        return loss, {
            "contrast": contrast.item(),
            "seen": seen.item(),
            "read": read.item(),
            **figures,
            **patch_figures,
            "read_kind": reading["kind"],
            "read_present": reading["present"],
            "read_pair": reading["pair"],
        }

    def evaluate(
        self, heldout: Drawn, languages: Sequence[Language] = (Language.ENGLISH, Language.CHINESE)
    ) -> dict[str, float]:
        """Recall of detailed captions in a gallery of heldout scenes, per language."""
        clip = self.towers.clip
        pictures = heldout.pictures(np.arange(len(heldout)))
        size = clip.visual.image_size[0]
        pixels = whole_pictures(pictures, size)
        pooled, patches = map(
            torch.cat, zip(*(clip.visual(part) for part in torch.split(pixels, 100)), strict=True)
        )
        image = F.normalize(pooled, dim=-1)
        targets = targets_of(heldout.scenes)
        figures: dict[str, float] = {}
        for language in languages:
            captions = [describe(s, language, Detail.HIGH, Random(f"dev/{s.seed}")) for s in heldout.scenes]
            parts = [captions[i : i + 100] for i in range(0, len(captions), 100)]
            text = torch.cat([self.towers.read(tokenise(self.tokenizer, part)) for part in parts])
            figures |= {f"{language.value}_{name}": value for name, value in recalls(text @ image.T).items()}
        seen, details = self.towers.heads.scene_loss(image, targets)
        patch = self.towers.heads.evaluate_patches(patches, heldout.scenes, clip.visual.grid_size[0])
        return {**figures, "seen": seen.item(), **details, **patch}


def batch_indices(count: int, batch: int, step: int, seed: int) -> npt.NDArray[np.int64]:
    """Which examples a step sees: each epoch is one shuffle, a function of (seed, epoch)."""
    per_epoch = count // batch
    epoch, number = divmod(step, per_epoch)
    order = np.random.default_rng((seed, epoch, 1)).permutation(count)
    return order[number * batch : (number + 1) * batch]


def tokenise(tokenizer: Any, captions: Sequence[str]) -> Tensor:
    """Token ids (n, longest caption), padded on the right."""
    encoded = tokenizer(
        list(captions), padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt"
    )
    ids: Tensor = encoded["input_ids"]
    return ids


def recalls(similarities: Tensor) -> dict[str, float]:
    """R@1 and R@10 of text→image (rows are texts) and R@1 of image→text, row i belonging to column i."""
    own = similarities.diagonal()
    text_rank = (similarities > own[:, None]).sum(1)
    image_rank = (similarities > own[None, :]).sum(0)
    return {
        "t2i_R@1": (text_rank < 1).float().mean().item(),
        "t2i_R@10": (text_rank < 10).float().mean().item(),
        "i2t_R@1": (image_rank < 1).float().mean().item(),
    }
