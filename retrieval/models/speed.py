"""How long this machine takes for a picture with a vision tower of any shape, without its weights.

A tower is the same block many times, so one block with random weights is timed, at the tower's own width, heads and
number of tokens, and counted as often as the tower has blocks: seconds for all presets, and no download. On a CPU that
is the processor time of one core, divided by the cores: threads that wait for each other on a busy machine would
measure the others' work, forty times over. Decoding is timed on a JPEG of a camera's size.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

from vasari.retrieval.errors import StorageError
from vasari.retrieval.models.registry.preset_table import PRESETS, VisionTower
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.caches import user_cache

if TYPE_CHECKING:
    import torch
    from torch import nn

_TOKENS = 512  # a batch holds at least so many on a CPU: smaller products are slower, and a job's batches are larger
_ON_GPU = 32  # pictures a batch there
_MOMENT = 0.25  # seconds, for each shape
_MOST_RUNS = 10
_WEIGHT = 0.01  # all of them: times do not depend on it, and drawing them takes longer than the block
_TARGET = 256
_MEASURING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured: seconds of one block for one picture, by the block's shape, and of decoding on one core."""

    asked: str  # device and precision as they were asked for, `auto` too
    processor: str
    cores: int
    device: str
    precision: str
    decode_seconds: float
    block_seconds: Mapping[str, float]  # of one core, or of the GPU

    def pictures_per_second(self, tower: VisionTower) -> float | None:
        """Decoded and embedded: one after the other where they share cores, else at the pace of the slower one.

        None for a shape that was not measured.
        """
        block = self.block_seconds.get(_shape(tower))
        if block is None:
            return None
        encode, decode = tower.layers * block, self.decode_seconds / self.cores
        if self.device == "cpu":
            return 1 / (encode / self.cores + decode)
        return 1 / max(encode, decode)

    @property
    def here(self) -> bool:
        """Whether it is this machine's; a cache may have come with a home directory."""
        return (self.processor, self.cores) == (_processor(), _cores())


def of_this_machine(device: str = "auto", precision: str = "auto") -> Speed:
    """What was measured for this device and precision before, else what is measured now; raises as `measure`."""
    with _MEASURING:
        found = remembered()
        if found is None or found.asked != f"{device}/{precision}":
            found = measure(device, precision)
            remember(found)
        return found


def measure(
    device: str = "auto", precision: str = "auto", towers: Iterable[VisionTower] | None = None
) -> Speed:
    """Time a block of each tower (of the presets'). Some seconds; UsageError for a device that is not here."""
    import torch

    from vasari.retrieval.models.hardware import choose_device, choose_dtype

    place = choose_device(device)
    dtype = choose_dtype(place, "auto" if precision == "int8" else precision)
    shapes = {_shape(tower): tower for tower in towers or _towers()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        blocks = {shape: _block_seconds(tower, place, dtype) for shape, tower in shapes.items()}
    finally:
        torch.set_num_threads(threads)
    return Speed(
        asked=f"{device}/{precision}",
        processor=_processor(),
        cores=_cores(),
        device=place.type,
        precision=str(dtype).removeprefix("torch."),
        decode_seconds=_decode_seconds(),
        block_seconds=blocks,
    )


def remember(speed: Speed) -> None:
    """Keep it for `remembered`; where nothing can be kept it is measured again."""
    with contextlib.suppress(OSError, StorageError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_bytes(_file(), json.dumps(asdict(speed)).encode())


def remembered() -> Speed | None:
    """What was measured on this machine last, if anything. Light: no torch."""
    try:
        speed = Speed(**json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return speed if speed.here else None


def _file() -> Path:
    return user_cache() / "speed.json"


def _towers() -> Iterable[VisionTower]:
    return (preset.tower for preset in PRESETS.values() if preset.tower is not None)


def _shape(tower: VisionTower) -> str:
    return f"{tower.width}/{tower.mlp}/{tower.heads}/{tower.tokens}"


def _block_seconds(tower: VisionTower, device: torch.device, dtype: torch.dtype) -> float:
    import torch

    pictures = _ON_GPU if device.type != "cpu" else max(1, round(_TOKENS / tower.tokens))
    with torch.device("meta"):
        block = _block(tower)
    block = block.to(dtype).to_empty(device=device).eval()
    for parameter in block.parameters():
        parameter.detach().fill_(_WEIGHT)
    tokens = torch.randn(pictures, tower.tokens, tower.width, device=device, dtype=dtype)

    def compute() -> None:
        with torch.inference_mode():
            block(tokens)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return _fastest(compute, thread_time if device.type == "cpu" else perf_counter) / pictures


def _block(tower: VisionTower) -> nn.Module:
    """A block as open_clip's and timm's towers have it: attention and a hidden layer, each behind a norm."""
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(tower.width), nn.LayerNorm(tower.width)
            self.given = nn.Linear(tower.width, 3 * tower.width)
            self.out = nn.Linear(tower.width, tower.width)
            self.up = nn.Linear(tower.width, tower.mlp)
            self.down = nn.Linear(tower.mlp, tower.width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, tokens, width)
            n, tokens, width = x.shape
            parts = self.given(self.before(x)).view(n, tokens, 3, tower.heads, width // tower.heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4)  # (n, heads, tokens, width of a head)
            seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, tokens, width)
            x = x + self.out(seen)
            out: torch.Tensor = x + self.down(F.gelu(self.up(self.between(x))))
            return out

    return Block()


def _decode_seconds() -> float:
    """A camera's JPEG, decoded as for a model of 256 pixels."""
    from vasari.retrieval.images.decode import decode
    from vasari.retrieval.images.limits import ImageLimits
    from vasari.retrieval.images.samples import camera_jpeg

    data, limits = camera_jpeg(), ImageLimits()
    return _fastest(lambda: decode(data, limits, target=_TARGET), thread_time)


def _fastest(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Seconds of the fastest of some runs: as many as fit into a moment, one at least."""
    found: list[float] = []
    while not found or (sum(found) < _MOMENT and len(found) < _MOST_RUNS):
        began = clock()
        work()
        found.append(clock() - began)
    return min(found)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
