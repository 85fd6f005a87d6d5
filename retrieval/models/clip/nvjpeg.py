"""JPEG decoding on a GPU: NVIDIA's nvJPEG, as torchvision has it (`torchvision.io.decode_jpeg`).

**Never run on a GPU yet**: there was none. What is here was tested with torchvision's own decoder on the CPU in its
place, which has the same signature.

A decoded picture stays on the device: scaling to the model's input and the perceptual hash are computed there, and only
these come back. Files that the device fails on are the caller's to decode in another way.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.images.formats import RgbxPicture

_MOST_PIXELS = 64_000_000  # decoded in one call: 192 MB of the device's memory
_BOX = 4  # Pillow's Resampling.BOX
_BRIGHTNESS = (0.299, 0.587, 0.114)  # ITU-R BT.601
_TURNS = {  # EXIF's number: whether rows become columns, and which of (rows, columns) are reversed then
    2: (False, (2,)),
    3: (False, (1, 2)),
    4: (False, (1,)),
    5: (True, ()),
    6: (True, (2,)),
    7: (True, (1, 2)),
    8: (True, (1,)),
}


class DecodeJpeg(Protocol):
    """As `torchvision.io.decode_jpeg`: files as tensors (bytes,) to pictures (3, H, W); RuntimeError for a bad one."""

    def __call__(self, input: list[Tensor], *, mode: str, device: str) -> list[Tensor]: ...  # noqa: A002, D102


class TensorPicture:
    """A `Picture` of which the pixels (channels, H, W) lie on a device: three colours, or brightness alone."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.tensor.shape[2])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.tensor.shape[1])

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The pixels (H, W, 3), or (H, W), in memory of this process."""
        self._host: NDArray[np.uint8] = self.tensor.permute(1, 2, 0).squeeze(2).contiguous().cpu().numpy()
        return self._host.__array_interface__

    def resize(
        self,
        size: tuple[int, int],
        resample: int | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> Picture:
        """As Pillow: by its box filter on the device, else here."""
        if resample == _BOX and box is None:
            across, down = (
                _boxes(of, to).to(self.tensor.device)
                for of, to in zip((self.width, self.height), size, strict=True)
            )
            return TensorPicture((down @ self.tensor.float() @ across.T).round().to(torch.uint8))
        spare = np.zeros((self.height, self.width, 4), np.uint8)
        spare[:, :, :3] = np.asarray(self)
        return RgbxPicture(spare).resize(size, resample, box)

    def convert(self, mode: str) -> TensorPicture:
        """The brightness alone, on the device."""
        assert mode == "L"
        weights = torch.tensor(_BRIGHTNESS, device=self.tensor.device)
        grey = torch.tensordot(weights, self.tensor.float(), dims=1)  # (H, W)
        return TensorPicture(grey.round().to(torch.uint8).unsqueeze(0))

    def upright(self, orientation: int) -> TensorPicture:
        """The picture turned by EXIF's number, 1 to 8; as it is for 1 and for numbers that mean nothing."""
        if orientation not in _TURNS:
            return self
        transposed, reversed_ = _TURNS[orientation]
        turned = self.tensor.transpose(1, 2) if transposed else self.tensor
        return TensorPicture(turned.flip(reversed_).contiguous())


class GpuJpegs:
    """Decodes JPEGs on a device; safe to call from many threads, as torchvision's decoder is."""

    def __init__(self, decode_jpeg: DecodeJpeg, device: str) -> None:
        self.device = device
        self._decode_jpeg = decode_jpeg

    def decode(self, files: Sequence[bytes], pixels: Sequence[int]) -> list[TensorPicture | None]:
        """The pictures as stored, RGB; None for one that the device fails on, or that is too large for it.

        `pixels` are how many each file has.
        """
        found: list[TensorPicture | None] = [None] * len(files)
        for places in _calls(pixels):
            for place, picture in zip(
                places, self._together([files[place] for place in places]), strict=True
            ):
                found[place] = picture
        return found

    def _together(self, files: Sequence[bytes]) -> list[TensorPicture | None]:
        """In one call; if that fails, one by one."""
        tensors = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
        try:
            return [
                TensorPicture(found) for found in self._decode_jpeg(tensors, mode="RGB", device=self.device)
            ]
        except RuntimeError:  # which of them it was it does not say; out of memory is one, too
            return [None] if len(files) == 1 else [self._together([data])[0] for data in files]


def jpegs_on(device: str) -> GpuJpegs:
    """nvJPEG on a CUDA device. Raises UnsupportedError where it cannot be had, which a picture of its own shows."""
    try:
        from torchvision.io import decode_jpeg, encode_jpeg
    except ImportError:
        raise UnsupportedError("--decode gpu needs torchvision: pip install torchvision") from None
    if not torch.cuda.is_available():
        raise UnsupportedError("--decode gpu needs an NVIDIA GPU, and torch sees none here: leave it out")
    # torchvision 0.29 refers to TorchCodec, whose decoder for CUDA is not released for all that we support.
    warnings.filterwarnings("ignore", "The image decoding and encoding capabilities", DeprecationWarning)
    try:
        tried = encode_jpeg(torch.full((3, 16, 16), 128, dtype=torch.uint8))
        decode_jpeg([tried], mode="RGB", device=device)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise UnsupportedError(f"--decode gpu: JPEGs cannot be decoded on {device} ({reason})") from error
    return GpuJpegs(decode_jpeg, device)


def _calls(pixels: Sequence[int]) -> Iterator[list[int]]:
    """Places of the files, in calls of no more than `_MOST_PIXELS`; files with more alone are left out."""
    call: list[int] = []
    for place, count in enumerate(pixels):
        if count > _MOST_PIXELS:
            continue
        if sum(pixels[other] for other in call) + count > _MOST_PIXELS:
            yield call
            call = []
        call.append(place)
    if call:
        yield call


@cache
def _boxes(size: int, wanted: int) -> Tensor:
    """Weights (wanted, size) of Pillow's box filter: each place is the mean of those whose middle lies in it."""
    scale = size / wanted
    reach = max(scale, 1.0) / 2  # of a place, to both sides; enlarging takes the nearest
    middles = (torch.arange(wanted, dtype=torch.float64)[:, None] + 0.5) * scale
    away = torch.arange(size, dtype=torch.float64)[None, :] + 0.5 - middles
    weights = ((away > -reach) & (away <= reach)).float()
    return weights / weights.sum(dim=1, keepdim=True)
