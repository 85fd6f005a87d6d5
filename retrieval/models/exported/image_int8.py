"""Static int8 quantisation of a plain vision transformer, by oneDNN's linear kernels, as torch brings them.

Ranges of activations are measured when the tower is written (`image_calibration`), not anew for each batch
(Jacob et al., CVPR 2018, section 2). So nothing has to look through the numbers before it rounds them.
Scales are folded into what comes before: a norm's weights, and the weights of the values that attention mixes. The
activation function, rounding to 8 bits and the sum with the residual are parts of a product's kernel. Attention, norms
and the residual stay in float32.

A batch is dealt out in small parts to threads that compute alone. torch's own way, all threads in each product, makes
each wait for the slowest a hundred times a batch, and beside threads that decode one is always slow.

On a Xeon with VNNI this takes 0.7 of the processor time of ONNX Runtime's dynamic quantisation (ViT-B-32-256, batches
of 32), but torch takes a second to import, and 0.4 GB. Only torch and
safetensors are imported here, none of the model libraries.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.transfer import tensor_of
from vasari.retrieval.models.hardware import out_of_memory

QUICK = 1.702  # QuickGELU is x sigmoid(1.702 x), that is swish(1.702 x) / 1.702
_LARGEST = 255
_PART = 8  # pictures that a thread takes at a time


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights do not tell of the tower."""

    layers: int
    heads: int
    grid: tuple[int, int]  # rows and columns of patches
    patch: tuple[int, int]  # height and width
    eps: float
    activation: str  # gelu, gelu_tanh, quick_gelu
    pool: str  # tok, avg
    norm_after_pool: bool

    @classmethod
    def parse(cls, text: str) -> Shape:
        """From `as_text`."""
        facts = json.loads(text)
        return cls(**{**facts, "grid": tuple(facts["grid"]), "patch": tuple(facts["patch"])})

    def as_text(self) -> str:
        """JSON, as it stands in the file."""
        return json.dumps(asdict(self))


def can_run() -> bool:
    """Whether torch here has the kernels, and the processor the instructions (VNNI) that they are worth it for."""
    capabilities: Any = torch.cpu.get_capabilities()
    vnni = any(capabilities.get(name, False) for name in ("avx512_vnni", "avx_vnni"))
    names = ("qlinear_prepack", "qlinear_pointwise")
    return vnni and all(hasattr(torch.ops.onednn, name) for name in names)


def patches_of(pixels: Tensor, grid: tuple[int, int], patch: tuple[int, int]) -> Tensor:
    """The pixels of each patch (n · rows · columns, high · wide · 3), from pictures (n, H, W, 3)."""
    (rows, columns), (high, wide) = grid, patch
    split = pixels.view(len(pixels), rows, high, columns, wide, 3)
    return split.permute(0, 1, 3, 2, 4, 5).reshape(-1, high * wide * 3)


def attended(qkv: Tensor, heads: int, asking: int | None = None) -> Tensor:
    """Attention of queries, keys and values (n, length, 3 · width): (n · asking, width), of the first `asking`."""
    n, length, _ = qkv.shape
    split = qkv.view(n, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = split  # (n, heads, length, width / heads)
    found = F.scaled_dot_product_attention(query[:, :, :asking], key, value)
    return found.transpose(1, 2).reshape(-1, qkv.shape[2] // 3)


class _Alone(ThreadPoolExecutor):
    """Threads in which torch computes with one thread each."""

    def __init__(self, count: int) -> None:
        super().__init__(count, thread_name_prefix="encode")
        all_here = threading.Barrier(count)
        outside = torch.get_num_threads()
        list(self.map(self._settle, [all_here] * count))
        # torch keeps the number twice: for the thread that sets it, and for threads that start later.
        torch.set_num_threads(outside)

    @staticmethod
    def _settle(all_here: threading.Barrier) -> None:
        torch.get_num_threads()  # the first call in a thread takes over the number of the process, once
        all_here.wait()
        torch.set_num_threads(1)


class Int8Tower:
    """Keeps nothing between calls: safe to call from several threads."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load what `image_calibration.write` wrote; `threads` compute it, as many as torch would take by default.

        Raises UnsupportedError where the processor or torch is another than it was written for.
        """
        if not can_run():
            raise UnsupportedError(
                "the int8 model of this library was made for a processor with VNNI, and torch with oneDNN: run"
                " `vasari models optimize` again on this machine, or `vasari models optimize --off`"
            )
        self._threads = _Alone(threads or torch.get_num_threads())
        with safe_open(path, framework="pt") as file, torch.inference_mode():
            names = frozenset(file.keys())
            self._shape = Shape.parse(file.metadata()["shape"])
            self._first = _Product(file, "first")
            self._positions = file.get_tensor("positions").clone()  # (patches, width)
            self._token = file.get_tensor("token").clone()  # (width,)
            self._before = _Norm(file, "ln_pre", self._shape.eps) if "ln_pre.weight" in names else None
            self._blocks = [_Block(file, f"blocks.{i}.", self._shape) for i in range(self._shape.layers)]
            self._after = _Norm(file, "ln_post", self._shape.eps)
            self._projection = file.get_tensor("proj").clone() if "proj" in names else None

    def embed(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of prepared pictures (n, H, W, 3); raises OutOfMemory."""
        parts = [batch[start : start + _PART] for start in range(0, len(batch), _PART)]
        with out_of_memory():
            return unit_vectors(np.concatenate(list(self._threads.map(self._part, parts))))

    def _part(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return self._features(tensor_of(pictures)).numpy()

    def _features(self, pixels: Tensor) -> Tensor:
        x = self._embedded(pixels)
        n, length, width = x.shape
        x = x.view(-1, width)
        first = self._shape.pool == "tok"
        for block in self._blocks:
            # With CLS pooling the last block needs one query; the other tokens are keys and values only.
            x = block.run(x, length, 1 if first and block is self._blocks[-1] else length)
        pooled = x if first else self._average(x.view(n, length, width))
        if first or self._shape.norm_after_pool:
            pooled = self._after.run(pooled)
        return pooled if self._projection is None else pooled @ self._projection

    def _embedded(self, pixels: Tensor) -> Tensor:
        """Patches as vectors behind the class token, with their positions: (n, patches + 1, width)."""
        shape, (patches, width) = self._shape, self._positions.shape
        x = torch.empty(len(pixels), patches + 1, width)
        found = self._first.plain(patches_of(pixels, shape.grid, shape.patch)).view(-1, patches, width)
        torch.add(found, self._positions, out=x[:, 1:])
        x[:, 0] = self._token
        return x if self._before is None else self._before.run(x)

    def _average(self, x: Tensor) -> Tensor:
        normed = x if self._shape.norm_after_pool else self._after.run(x)
        return normed[:, 1:].mean(dim=1)


class _Block:
    """One layer: attention, then feed-forward."""

    def __init__(self, file: Any, prefix: str, shape: Shape) -> None:
        self._heads, self._activation = shape.heads, shape.activation
        self._norm_1, self._norm_2 = (_Norm(file, f"{prefix}ln_{i}", shape.eps) for i in (1, 2))
        names = ("qkv", "out", "c_fc", "c_proj")
        self._qkv, self._out, self._widen, self._narrow = (_Product(file, prefix + name) for name in names)

    def run(self, x: Tensor, length: int, asking: int) -> Tensor:
        """(n · length, width) to (n · asking, width), of the first `asking` positions of each; overwrites `x`."""
        qkv = self._qkv.plain(_rounded(self._norm_1.run(x)))
        found = attended(qkv.view(-1, length, qkv.shape[1]), self._heads, asking)
        if asking < length:
            x = x.view(-1, length, x.shape[1])[:, :asking].reshape(-1, x.shape[1]).contiguous()
        x = self._out.onto(_rounded(found), x)
        hidden = self._widen.activated(_rounded(self._norm_2.run(x)), self._activation, self._narrow)
        return self._narrow.onto(hidden, x)


class _Norm:
    """Layer norm; where a product follows, its weights give 8-bit steps, plus one half to round by cutting off."""

    def __init__(self, file: Any, name: str, eps: float) -> None:
        self._weight, self._bias = (file.get_tensor(f"{name}.{part}").clone() for part in ("weight", "bias"))
        self._eps = eps

    def run(self, x: Tensor) -> Tensor:
        """Of the last axis."""
        return F.layer_norm(x, self._weight.shape, self._weight, self._bias, self._eps)


class _Product:
    """Linear layer of uint8 activations and int8 weights, which is what VNNI multiplies: W x + b."""

    def __init__(self, file: Any, name: str) -> None:
        ops = torch.ops.onednn
        whole = file.get_tensor(f"{name}.weight")  # (outputs, inputs) int8
        self._weight = ops.qlinear_prepack(whole, None)
        self._steps = file.get_tensor(f"{name}.steps").clone()  # (outputs,): what 1 is worth in W
        self._zeros = torch.zeros(len(whole), dtype=torch.int64)
        self._bias = file.get_tensor(f"{name}.bias").clone()
        step, zero = file.get_tensor(f"{name}.input").tolist()
        self._step, self._zero = float(step), int(zero)  # what 1 is worth in x, and which number is 0
        self._run, self._run_onto = ops.qlinear_pointwise.default, ops.qlinear_pointwise.binary

    def _given(self, x: Tensor) -> tuple[Any, ...]:
        return x, self._step, self._zero, self._weight, self._steps, self._zeros

    def plain(self, x: Tensor) -> Tensor:
        """In float32."""
        found: Tensor = self._run(*self._given(x), self._bias, 1.0, 0, torch.float32, "none", [], "")
        return found

    def onto(self, x: Tensor, sum_: Tensor) -> Tensor:
        """Added to `sum_`, which is overwritten."""
        into: tuple[Any, ...] = (torch.float32, 1.0, 0, "sum", 1.0, "none", [], "")
        found: Tensor = self._run_onto(*self._given(x), sum_, self._bias, 1.0, 0, *into)
        return found

    def activated(self, x: Tensor, activation: str, following: _Product) -> Tensor:
        """The activation function of it, in 8 bits as `following` takes them."""
        step, kind = following._step, ("gelu", "tanh" if activation == "gelu_tanh" else "none")
        if activation == "quick_gelu":  # weights and bias have the factor already
            step, kind = step * QUICK, ("swish", "")
        name, form = kind
        found: Tensor = self._run(
            *self._given(x), self._bias, step, following._zero, torch.uint8, name, [], form
        )
        return found


def _rounded(x: Tensor) -> Tensor:
    """Numbers that count 8-bit steps, with one half added, as 8 bits; overwrites `x`."""
    return x.clamp_(0, _LARGEST).to(torch.uint8)
