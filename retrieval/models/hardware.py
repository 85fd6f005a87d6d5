"""Device and precision of inference, and out-of-memory errors of each device as one exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.ports import OutOfMemory

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_PART = 8
_PARTS = {"cuda": 64}
_OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")


def device_names(name: str) -> list[str]:
    """The devices that a setting names: several with commas between them; `all` is every CUDA device.

    Raises UsageError for `all` where there is none.
    """
    if name != "all":
        return [part.strip() for part in name.split(",")]
    if not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here: use auto or cpu")
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA or Apple's MPS where there is one, else the CPU; UsageError for a device that is not here.

    Of several the first: only jobs use more than one.
    """
    name = device_names(name)[0]
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"{name!r} is no device: use auto, cpu, cuda, cuda:1 or mps") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"there is no device {name}: torch sees {torch.cuda.device_count()} CUDA devices (use auto or cpu)"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("there is no device mps on this machine: use auto or cpu")
    return device


def choose_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """`auto` is float16 on CUDA, bfloat16 on CPUs that multiply it in hardware, else float32.

    Real bfloat16 weights make ViT-B-32 five times as fast as float32 on a CPU with AMX; autocast is slower than both.
    """
    if precision != "auto":
        if precision not in _DTYPES:
            raise UsageError(f"{precision!r} is no precision: use auto, {', '.join(_DTYPES)}")
        return _DTYPES[precision]
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and _multiplies_bfloat16():
        return torch.bfloat16
    return torch.float32


def part_on(device: torch.device) -> int:
    """How many pictures a device computes at a time, always: a batch is padded to a multiple of it."""
    return _PARTS.get(device.type, _PART)


def _multiplies_bfloat16() -> bool:
    """Whether this processor has AMX or AVX512-BF16."""
    capabilities: Any = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


@contextmanager
def out_of_memory() -> Iterator[None]:
    """Turn the many ways in which torch says that memory is short into OutOfMemory."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory("the device is out of memory: use a smaller batch (-b)") from error
    except RuntimeError as error:
        if any(sign in str(error) for sign in _OUT_OF_MEMORY):
            raise OutOfMemory("memory is short: use a smaller batch (-b)") from error
        raise
