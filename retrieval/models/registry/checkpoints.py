"""Checkpoint files: what is in one, read without ever running code that it brings.

A pickle is a program. torch's restricted unpickler (`weights_only=True`) knows tensors and plain values alone, and the
lint rules allow no other loader; safetensors hold nothing but numbers.
"""

from __future__ import annotations

import pickle  # noqa: TID251 (for the name of its error)
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vasari.retrieval.errors import ModelUnavailableError, VasariError

_LEAST_HEADER = 2  # bytes: `{}`
# torch's words.
_PROGRAM = re.compile("unsupported (global|class|operand)|is blocked|reduce for|build for", re.IGNORECASE)
_NAME = re.compile(r'"([^"]+)"')
# What checkpoints of training runs hold beside tensors, where an earlier version wrote them.
_NUMPY_STATE: tuple[Any, ...] = (
    np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    np.ndarray,
    np.dtype,
    np.dtypes.UInt32DType,
)


def load_tensors(path: Path, *, numpy_state: bool = False) -> Any:
    """What a torch checkpoint holds, on the CPU: tensors and plain values; with `numpy_state` arrays of numpy too.

    Raises ModelUnavailableError, in one line, for a file that is none or would run code.
    """
    check_file(path)
    allowed = torch.serialization.safe_globals([*_NUMPY_STATE]) if numpy_state else nullcontext()
    with allowed, readable(path):
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 (the one place)


def check_file(path: Path) -> None:
    """Raises ModelUnavailableError for a file that is no checkpoint, with what it is instead."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ModelUnavailableError(f"{path} cannot be read: {error.strerror}") from error
    if (wrong := _not_weights(path, head, size)) is not None:
        raise ModelUnavailableError(f"{path} {wrong}")


def _not_weights(path: Path, head: bytes, size: int) -> str | None:
    if size == 0:
        return "is empty: its download or copy did not finish"
    if head.lstrip()[:1] == b"<":
        return "is a web page and no weights: download the file itself"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS and no weights: run `git lfs pull` where it came from"
    if path.suffix != ".safetensors":
        return None
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{" or not length >= _LEAST_HEADER:
        return "is not in the format of safetensors"
    return "is cut off: its download or copy did not finish" if 8 + length > size else None


@contextmanager
def readable(path: Path, problem: str = "cannot be used") -> Iterator[None]:
    """Whatever goes wrong with a foreign file in here ends as a ModelUnavailableError that names it, in one line."""
    try:
        yield
    except VasariError:
        raise
    except pickle.UnpicklingError as error:
        if _PROGRAM.search(str(error)):
            raise ModelUnavailableError(
                f"{path} holds more than weights: it would run code of its own, which Vasari never does;"
                " have it saved as safetensors"
            ) from error
        raise ModelUnavailableError(f"{path} is damaged, or no checkpoint of torch") from error
    except Exception as error:  # safetensors, torch, open_clip, transformers and tokenizers share no base
        raise ModelUnavailableError(f"{path} {problem}: {_line(error)}") from error


def _line(error: Exception) -> str:
    """The error in one line; torch's list of all parameters that do not fit by their numbers."""
    words = " ".join(str(error).split()) or type(error).__name__
    if "TorchScript" in words:
        return "it is a TorchScript archive, which is a program: have its weights saved as safetensors"
    if "deserializing header" in words:
        return "it is cut off or damaged"
    if "loading state_dict" not in words:
        return words[:300]
    missing, unknown, sizes = (_part(words, start) for start in ("Missing key", "Unexpected key", "size mis"))
    told = [
        _counted(_NAME.findall(missing), "weights of its architecture are missing"),
        _counted(_NAME.findall(unknown), "are of another architecture"),
        _counted(re.findall(r"size mismatch for ([^:]+):", sizes), "have another shape"),
    ]
    return "; ".join(filter(None, told))


def _part(words: str, start: str) -> str:
    """From `start` to the next of the lists in torch's message."""
    begin = words.find(start)
    if begin < 0:
        return ""
    ends = (words.find(other, begin + 1) for other in ("Missing key", "Unexpected key", "size mis"))
    if start == "size mis":  # each of them is said with it
        return words[begin:]
    return words[begin : min((end for end in ends if end > 0), default=len(words))]


def _counted(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what} (such as {names[0]})" if names else ""
