"""The two towers on a device: precision, threads, batches of pixels and tokens in, float32 vectors out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Picture, UnitVectors, unit_vectors
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.builder import tokenize
from vasari.retrieval.models.clip.layouts import (
    build_model,
    build_text_tower,
    build_tokenizer,
    image_preprocessing,
    text_preprocessing,
)
from vasari.retrieval.models.clip.pixels import scaled, tensor_of
from vasari.retrieval.models.clip.transfer import lane_to
from vasari.retrieval.models.hardware import out_of_memory, part_on
from vasari.retrieval.models.preprocessing import ResizeMode
from vasari.retrieval.models.registry.files import ModelFiles

_TEXT_BATCH = 64


class Towers:
    """A loaded model. Safe to call from several threads; they take turns."""

    def __init__(
        self,
        files: ModelFiles,
        device: torch.device,
        dtype: torch.dtype,
        threads: int | None,
        *,
        mapped: bool = False,
    ) -> None:
        """With `mapped`, float32 weights on the CPU stay in their file: for towers that are only exported."""
        if threads is not None:
            torch.set_num_threads(threads)
        self.files, self.device, self.dtype = files, device, dtype
        converted = dtype != torch.float32 or device.type != "cpu"
        self.model: Any = build_model(files, mapped=mapped or converted).to(device=device, dtype=dtype)
        if device.type == "cuda":  # as pictures come
            self.model = self.model.to(memory_format=torch.channels_last)
        self.tokenizer = build_tokenizer(files, self.model)
        self.text_tower = build_text_tower(files, self.model)
        self.image = image_preprocessing(files, self.model)
        self.text = text_preprocessing(files, self.text_tower, self.tokenizer)
        self.part = part_on(device)
        self._turn = threading.Lock()
        self._lane = lane_to(device)
        # (pixel / 255 - mean) / std, as one multiplication and one addition over the channels.
        mean, std = torch.tensor(self.image.mean), torch.tensor(self.image.std)
        self._scale = (1 / (255 * std)).view(1, 3, 1, 1).to(device)
        self._shift = (-mean / std).view(1, 3, 1, 1).to(device)

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self.image.prepare(picture, scaled)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        """Vectors (n, dim) of pixels (n, H, W, 3)."""
        with self._turn, torch.inference_mode(), out_of_memory():
            return _unit(self._features(tensor_of(batch)))

    def begin(self, batch: NDArray[np.uint8]) -> Callable[[], UnitVectors]:
        """Send pixels (n, H, W, 3) and begin to compute; the function waits for the vectors (n, dim).

        On a GPU neither the copies nor the computation is waited for here; until the function has returned the pixels
        must stay as they are.
        """
        with self._turn, torch.inference_mode(), out_of_memory():
            features = self._lane.fetch(self._features(self._lane.send(batch)))

        def wait() -> UnitVectors:
            with out_of_memory():
                return unit_vectors(features())

        return wait

    @property
    def device_name(self) -> str:
        """The kind of a GPU and the precision; the type of any other device."""
        if self.device.type != "cuda":
            return self.device.type
        return f"{torch.cuda.get_device_name(self.device)}, {self.dtype}"

    @property
    def memory_in_use(self) -> float:
        """The largest share of a GPU's memory that was in use so far; 0 elsewhere."""
        if self.device.type != "cuda":
            return 0.0
        most, (_, total) = torch.cuda.max_memory_allocated(self.device), torch.cuda.mem_get_info(self.device)
        return most / total

    def _features(self, pixels: Tensor) -> Tensor:
        """Features (n, dim) of pixels (n, H, W, 3), in parts of one size of which the last is filled up with its last.

        torch and the libraries below it choose another order of additions for another shape: in bfloat16 a picture's
        cosines would move by up to 0.003 with the number of pictures beside it.
        """
        missing = -len(pixels) % self.part
        whole = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)]) if missing else pixels
        parts = [self._features_of_part(part) for part in torch.split(whole, self.part)]
        return torch.cat(parts)[: len(pixels)]

    def _features_of_part(self, pixels: Tensor) -> Tensor:
        found: Tensor
        if self.image.resize_mode is ResizeMode.PATCHES:
            moved = pixels.to(self.device, non_blocking=True)
            found = self.model.visual.of_patches(moved, self._scale.flatten(), self._shift.flatten())
        else:
            found = self.model.encode_image(self._normalised(pixels))
        return found

    def embed_patches(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors (n, rows, columns, dim) of the patches of pixels (n, H, W, 3), in the space of texts.

        The last layer's patches take the way that the whole picture's vector takes: final norm, then projection.
        Raises UnsupportedError for towers that are not open_clip's own vision transformer.
        """
        visual = self.model.visual
        if getattr(visual, "proj", None) is None or not hasattr(visual, "forward_intermediates"):
            raise UnsupportedError(
                "this model tells nothing of the parts of a picture; a reranker does:"
                " vasari models pull blip-itm-base-coco"
            )
        with self._turn, torch.inference_mode(), out_of_memory():
            found = visual.forward_intermediates(
                self._normalised(tensor_of(batch)),
                indices=1,
                normalize_intermediates=True,
                intermediates_only=True,
            )["image_intermediates"][-1]  # (n, width, rows, columns)
            patches = found.permute(0, 2, 3, 1) @ visual.proj
            return F.normalize(patches.float(), dim=-1).cpu().numpy()

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim), in the order of `texts`; batches hold texts of like length."""
        tokens = tokenize(self.tokenizer, texts)
        lengths = self.text.needed_lengths(tokens)
        order = np.argsort(lengths, kind="stable")
        rows: list[UnitVectors] = []
        for start in range(0, len(order), _TEXT_BATCH):
            cancellation.check()
            chosen = order[start : start + _TEXT_BATCH]
            rows.append(self._embed_tokens(tokens[chosen, : lengths[chosen].max()]))
        vectors = np.concatenate(rows)
        return UnitVectors(vectors[np.argsort(order)])

    def _normalised(self, pixels: Tensor) -> Tensor:
        """(n, H, W, 3) uint8 to (n, 3, H, W) in the model's dtype; memory stays channels-last."""
        moved = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return torch.addcmul(self._shift, moved, self._scale).to(self.dtype)

    def _embed_tokens(self, tokens: NDArray[np.int64]) -> UnitVectors:
        with self._turn, torch.inference_mode(), out_of_memory():
            return _unit(self.text_tower(torch.from_numpy(tokens).to(self.device)))


def _unit(features: Any) -> UnitVectors:
    rows = features[0] if isinstance(features, tuple) else features
    return unit_vectors(rows.float().cpu().numpy())
