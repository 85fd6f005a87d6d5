"""What one writes first: open_clip in float32 behind Flask, one query at a time, exact search with numpy.

    python -m benchmarks.peers.plain_loop MODEL ITEMS PORT

MODEL is a folder as `benchmarks.random_model` writes it, ITEMS one with `vectors.npy` and `uris.txt`.
POST /search takes {"text": "…"} or {"image": "base64"} and answers the ten best.
"""

from __future__ import annotations

import base64
import io
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from flask import Flask, request
from PIL import Image


def make(model_folder: Path, items: Path) -> Flask:
    """The application."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{model_folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{model_folder}")
    model.eval()
    vectors = np.load(items / "vectors.npy")
    uris = (items / "uris.txt").read_text(encoding="utf-8").splitlines()
    app = Flask("plain loop")
    one_at_a_time = threading.Lock()

    @app.post("/search")  # type: ignore[untyped-decorator]
    def search() -> dict[str, Any]:
        query = request.get_json()
        with one_at_a_time, torch.inference_mode():
            if "text" in query:
                vector = model.encode_text(tokenizer([query["text"]]), normalize=True)
            else:
                image = Image.open(io.BytesIO(base64.b64decode(query["image"]))).convert("RGB")
                vector = model.encode_image(preprocess(image).unsqueeze(0), normalize=True)
            scores = vectors @ vector[0].numpy()
        best = np.argpartition(-scores, 10)[:10]
        best = best[np.argsort(-scores[best])]
        return {
            "hits": [{"id": int(n) + 1, "score": float(scores[n]), "uri": uris[n]} for n in best],
        }

    return app


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make(Path(sys.argv[1]), Path(sys.argv[2])).run(port=int(sys.argv[3]), threaded=True)
