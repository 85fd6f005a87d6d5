"""The script most people write: open_clip, a DataLoader, and a flat FAISS index.

python -m benchmarks.peers.usual_script PHOTOS --model DIR --index FILE
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import faiss
import open_clip
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class Photos(Dataset[Tensor]):
    """The transformed photos of a folder."""

    def __init__(self, folder: Path, transform: object) -> None:
        self.paths = sorted(folder.rglob("*.jpg"))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Tensor:
        """Pixels (3, H, W)."""
        return self.transform(Image.open(self.paths[number]).convert("RGB"))  # type: ignore[operator,no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--index", type=Path, required=True)
    options = parser.parse_args()
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{options.model}")
    model.eval()
    loader = DataLoader(Photos(options.photos, transform), batch_size=32, num_workers=os.cpu_count() or 1)
    index: faiss.Index | None = None
    with torch.inference_mode():
        for batch in loader:
            vectors = model.encode_image(batch, normalize=True).numpy()
            if index is None:
                index = faiss.IndexFlatIP(vectors.shape[1])
            index.add(vectors)
    if index is not None:
        faiss.write_index(index, str(options.index))


if __name__ == "__main__":
    main()
