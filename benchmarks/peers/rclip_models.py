"""Write a model's two towers and tokenizer as rclip 3.3 reads them: float32 ONNX files with all 77 tokens.

    python -m benchmarks.peers.rclip_models MODEL DATADIR

MODEL is a folder with `open_clip_config.json` of a ViT-B-32-256 with any weights.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor, nn

SUBFOLDER = "ViT-B-32-256-datacomp_s34b_b86k"


class _Tower(nn.Module):
    """One half of a model; its vectors are not scaled to length 1, which rclip does itself."""

    def __init__(self, encode: Any, model: nn.Module) -> None:
        super().__init__()
        self.model, self._encode = model, encode

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (n, 3, 256, 256) or tokens (n, 77) to vectors (n, 512)."""
        return self._encode(x)  # type: ignore[no-any-return]


def write(source: Path, datadir: Path) -> None:
    """Write `visual.onnx`, `textual.onnx` and the byte pairs."""
    model = open_clip.create_model(f"local-dir:{source}").eval()
    folder = datadir / SUBFOLDER
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {
        "visual": (model.encode_image, torch.zeros(2, 3, 256, 256)),
        "textual": (model.encode_text, torch.zeros(2, 77, dtype=torch.int64)),
    }
    for name, (encode, example) in inputs.items():
        torch.onnx.export(
            _Tower(encode, model).eval(),
            (example,),
            str(folder / f"{name}.onnx"),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
            opset_version=18,
            dynamo=False,
        )
    vocabulary = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    (datadir / "tokenizer").mkdir(exist_ok=True)
    shutil.copy(vocabulary, datadir / "tokenizer")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
