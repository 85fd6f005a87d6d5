"""open_clip's CLIP read from its files alone: without torch, mapped into memory.

Importing torch and open_clip takes five seconds and 0.8 GB, and building the model another copy of it: a new library
would wait for that only to write the towers down again. Models of the plain architecture (OpenAI's, and most of
LAION's, DataComp's and Meta's) need none of it; whatever differs from it in a setting, a name or a shape is left to
`from_torch`, and so are the words for what is wrong with a file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.models.export.tower_weights import (
    Array,
    Block,
    Linear,
    Norm,
    TextWeights,
    VisionWeights,
)
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.files import ModelFiles
from vasari.retrieval.models.registry.resolve import ReferenceKind
from vasari.retrieval.models.tokenizers import Crop, TextPreprocessing, byte_order, merge_table

_WORDS = 49408  # of CLIP's tokenizer
_EOS = 2  # open_clip's default, which pooling at the highest token does not look at
_SETTINGS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}
_VISION = {"image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio"}
_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}
_TYPES = {"F32": "<f4", "F16": "<f2"}


@dataclass(frozen=True, slots=True)
class PlainModel:
    """Both towers with their preprocessing, and the length of their vectors."""

    vision: VisionWeights
    text: TextWeights
    image: ImagePreprocessing
    texts: TextPreprocessing
    dim: int


def read_plain_model(files: ModelFiles) -> PlainModel | None:
    """The model in these files; None where it is not of the plain architecture."""
    image = _image_settings(files)
    plain = files.transformers is None and files.tokenizer is None and files.text_model is None
    if not plain or image is None or files.weights.suffix != ".safetensors":
        return None
    try:
        return _read(files.model, image, _Tensors(files.weights))
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return None


def _image_settings(files: ModelFiles) -> Mapping[str, Any] | None:
    """How pictures are prepared; None where only open_clip knows."""
    if files.image is not None:
        return files.image
    preset = files.source.preset
    return preset.preprocessing if preset and files.source.kind is ReferenceKind.TAG else None


def _read(settings: Mapping[str, Any], image: Mapping[str, Any], tensors: _Tensors) -> PlainModel | None:
    vision, text = dict(settings["vision_cfg"]), dict(settings["text_cfg"])
    if not (settings.keys() <= _SETTINGS and vision.keys() <= _VISION and text.keys() <= _TEXT):
        return None
    quick = bool(settings.get("quick_gelu", False))
    dim, size, patch = int(settings["embed_dim"]), vision["image_size"], int(vision["patch_size"])
    context = int(text["context_length"])
    if not isinstance(size, int) or not isinstance(vision["layers"], int) or text["vocab_size"] != _WORDS:
        return None
    wide, side = int(vision["width"]), size // patch
    tensors.take("logit_scale", ())
    seen = VisionWeights(
        kernel=tensors.take("visual.conv1.weight", (wide, 3, patch, patch)),
        token=tensors.take("visual.class_embedding", (wide,)),
        positions=tensors.take("visual.positional_embedding", (side * side + 1, wide)),
        grid=(side, side),
        ln_pre=tensors.norm("visual.ln_pre", wide),
        blocks=tensors.blocks("visual.transformer", vision, wide // int(vision.get("head_width", 64)), quick),
        ln_post=tensors.norm("visual.ln_post", wide),
        projection=tensors.take("visual.proj", (wide, dim)),
    )
    width = int(text["width"])
    read = TextWeights(
        table=tensors.take("token_embedding.weight", (_WORDS, width)),
        positions=tensors.take("positional_embedding", (context, width)),
        blocks=tensors.blocks("transformer", text, int(text["heads"]), quick),
        causal=True,
        ln_final=tensors.norm("ln_final", width),
        projection=Linear(tensors.take("text_projection", (width, dim)).T),
    )
    if tensors.left:
        return None
    return PlainModel(
        seen,
        read,
        ImagePreprocessing.from_open_clip(size, image),
        TextPreprocessing(context, crop=Crop.POOLED, eos_id=_EOS),
        dim,
    )


class _Tensors:
    """The tensors of a safetensors file, mapped; each is taken once, and with the shape that it has to have."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        self.left: dict[str, Mapping[str, Any]] = header
        self._bytes = np.memmap(path, np.uint8, "r", offset=8 + length)

    def take(self, name: str, shape: Sequence[int]) -> Array:
        """A tensor; KeyError where there is none, ValueError for another shape or type."""
        entry = self.left.pop(name)
        start, end = entry["data_offsets"]
        kind = np.dtype(_TYPES[entry["dtype"]])
        if tuple(entry["shape"]) != tuple(shape) or end - start != prod(shape) * kind.itemsize:
            raise ValueError(name)
        return self._bytes[start:end].view(kind).reshape(shape)

    def norm(self, name: str, width: int) -> Norm:
        """A layer norm."""
        return Norm(self.take(f"{name}.weight", (width,)), self.take(f"{name}.bias", (width,)))

    def linear(self, name: str, outputs: int, inputs: int) -> Linear:
        """A product with its bias."""
        return Linear(self.take(f"{name}.weight", (outputs, inputs)), self.take(f"{name}.bias", (outputs,)))

    def blocks(self, name: str, settings: Mapping[str, Any], heads: int, quick: bool) -> list[Block]:
        """The layers of a transformer."""
        width = int(settings["width"])
        hidden = int(width * float(settings.get("mlp_ratio", 4)))
        names = [f"{name}.resblocks.{number}" for number in range(int(settings["layers"]))]
        return [
            Block(
                ln_1=self.norm(f"{each}.ln_1", width),
                given=Linear(
                    self.take(f"{each}.attn.in_proj_weight", (3 * width, width)),
                    self.take(f"{each}.attn.in_proj_bias", (3 * width,)),
                ),
                out=self.linear(f"{each}.attn.out_proj", width, width),
                ln_2=self.norm(f"{each}.ln_2", width),
                up=self.linear(f"{each}.mlp.c_fc", hidden, width),
                down=self.linear(f"{each}.mlp.c_proj", width, hidden),
                heads=heads,
                gelu="quick" if quick else "none",
            )
            for each in names
        ]


def clip_merges() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """CLIP's byte pairs from the file that comes with open_clip, as `tokenizers.ClipTokenizer` wants them."""
    spec = find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("open_clip is not installed")
    path = Path(spec.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    pairs = [line.split() for line in lines[1 : _WORDS - 512 - 1]]
    letters = _byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in pairs)]
    numbers = {word: number for number, word in enumerate(words)}
    return merge_table(np.array([(numbers[left], numbers[right]) for left, right in pairs], np.int64))


def _byte_letters() -> list[str]:
    """The letter that stands for each byte, in the order of their token numbers."""
    order = byte_order()
    printable = {byte for byte in order if 0x21 <= byte < 0x7F or 0xA1 <= byte < 0xAD or byte >= 0xAE}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in order]
