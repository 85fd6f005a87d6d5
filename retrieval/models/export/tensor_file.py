"""A safetensors file mapped into memory: its tensors as the graph writers want them, without torch."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.models.export.tower_weights import Array, Block, Gelu, Linear, Norm

_TYPES = {"F32": "<f4", "F16": "<f2"}


class TensorFile:
    """The tensors of a safetensors file, mapped; each is taken once, and with the shape that it has to have."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header.pop("__metadata__", None)
        self.left: dict[str, Mapping[str, Any]] = header
        self._bytes = np.frombuffer(self._mapped, np.uint8, offset=8 + length)

    def forget(self) -> None:
        """Give back the memory of what was read so far; it is read anew where it is looked at again."""
        if hasattr(self._mapped, "madvise"):  # not on Windows
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def take(self, name: str, shape: Sequence[int]) -> Array:
        """A tensor; KeyError where there is none, ValueError for another shape or type."""
        entry = self.left.pop(name)
        start, end = entry["data_offsets"]
        kind = np.dtype(_TYPES[entry["dtype"]])
        if tuple(entry["shape"]) != tuple(shape) or end - start != prod(shape) * kind.itemsize:
            raise ValueError(name)
        return self._bytes[start:end].view(kind).reshape(shape)

    def shape(self, name: str) -> Sequence[int]:
        """That of a tensor, which stays to be taken; KeyError where there is none."""
        return tuple(self.left[name]["shape"])

    def norm(self, name: str, width: int, eps: float = 1e-5) -> Norm:
        """A layer norm."""
        return Norm(self.take(f"{name}.weight", (width,)), self.take(f"{name}.bias", (width,)), eps)

    def linear(self, name: str, outputs: int, inputs: int, *, bias: bool = True) -> Linear:
        """A product, with its bias."""
        weight = self.take(f"{name}.weight", (outputs, inputs))
        return Linear(weight, self.take(f"{name}.bias", (outputs,)) if bias else None)

    def blocks(
        self, name: str, settings: Mapping[str, Any], heads: int, gelu: Gelu, eps: float = 1e-5
    ) -> list[Block]:
        """The layers of a transformer of open_clip."""
        width = int(settings["width"])
        hidden = int(width * float(settings.get("mlp_ratio", 4)))
        names = [f"{name}.resblocks.{number}" for number in range(int(settings["layers"]))]
        return [
            Block(
                ln_1=self.norm(f"{each}.ln_1", width, eps),
                given=Linear(
                    self.take(f"{each}.attn.in_proj_weight", (3 * width, width)),
                    self.take(f"{each}.attn.in_proj_bias", (3 * width,)),
                ),
                out=self.linear(f"{each}.attn.out_proj", width, width),
                ln_2=self.norm(f"{each}.ln_2", width, eps),
                up=self.linear(f"{each}.mlp.c_fc", hidden, width),
                down=self.linear(f"{each}.mlp.c_proj", width, hidden),
                heads=heads,
                gelu=gelu,
            )
            for each in names
        ]
