"""ONNX export of the vision tower in float32: what `exported` runs, and what `int8` rounds."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.export.from_torch import vision_weights
from vasari.retrieval.models.export.image_graph import write_graph
from vasari.retrieval.models.export.layers import save_model
from vasari.retrieval.models.exported.single_image import GRAPH_FILE, WEIGHTS_FILE
from vasari.retrieval.models.preprocessing import ImagePreprocessing, ResizeMode

_OPSET = 18


def export_image_tower(encoder: OpenClipEncoder, directory: Path) -> None:
    """Write the picture half of `encoder`, which is loaded in float32 on the CPU, into the folder `directory`.

    Raises UnsupportedError for a tower that cannot be written.
    """
    towers = encoder.towers
    if towers.device.type != "cpu" or towers.dtype != torch.float32:
        raise ValueError("the model has to be loaded in float32 on the CPU")
    visual = towers.model.visual
    if (weights := vision_weights(visual)) is not None:
        write_graph(weights, towers.image, directory)
    else:
        model = _traced(_Tower(visual, towers.image).eval(), towers.image)
        save_model(model, directory / GRAPH_FILE, WEIGHTS_FILE)


class _Tower(nn.Module):
    """From 8-bit pixels (n, H, W, 3) to features, as a graph needs it."""

    scale: Tensor
    shift: Tensor

    def __init__(self, visual: Any, image: ImagePreprocessing) -> None:
        super().__init__()
        self.visual = deepcopy(visual)
        self.of_patches = image.resize_mode is ResizeMode.PATCHES
        trunk = getattr(self.visual, "trunk", None)
        if trunk is not None and hasattr(trunk, "set_input_size"):
            # timm would fit the positions to every batch anew, which no graph can.
            trunk.set_input_size(img_size=(image.height, image.width))
        self.register_buffer("scale", 1 / (255 * torch.tensor(image.std)))
        self.register_buffer("shift", -torch.tensor(image.mean) / torch.tensor(image.std))

    def forward(self, pixels: Tensor) -> Tensor:
        """Features (n, dim), not normalised."""
        if self.of_patches:
            return self.visual.of_patches(pixels, self.scale, self.shift)  # type: ignore[no-any-return]
        moved = (pixels.float() * self.scale + self.shift).permute(0, 3, 1, 2)
        found: Tensor = self.visual(moved)
        return found


def _traced(tower: nn.Module, image: ImagePreprocessing) -> onnx.ModelProto:
    """The graph by torch's tracing exporter."""
    example = torch.zeros((2, *image.shape), dtype=torch.uint8)
    if image.resize_mode is ResizeMode.PATCHES:
        example[:, -1, :2, 1] = 1  # a grid of one patch
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(), _plain_attention():
        warnings.simplefilter("ignore")
        path = Path(name) / "traced.onnx"
        try:
            torch.onnx.export(
                tower,
                (example,),
                str(path),
                dynamo=False,
                opset_version=_OPSET,
                input_names=["pixels"],
                output_names=["features"],
                dynamic_axes={"pixels": {0: "n"}, "features": {0: "n"}},
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise UnsupportedError(
                f"torch cannot export this vision tower ({type(error).__name__})"
            ) from error
        return onnx.load(str(path))


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Without the kernel into which torch fuses attention for inference, which has no form in ONNX."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
