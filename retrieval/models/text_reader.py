"""Text recognition (OCR) by RapidOCR: PP-OCRv6 (PaddleOCR) in ONNX Runtime, whose weights come with the package.

A detector finds lines of text, a classifier turns those that stand on their head, a recogniser reads them; it knows
Chinese, Japanese and the Latin alphabet. No torch is imported.
"""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Picture, TextLine
from vasari.retrieval.errors import MissingExtraError

LEAST_CONFIDENCE = 0.6
LONE_CONFIDENCE = 0.9  # of a lone character: 16 of the 28 that were found in 200 photos are below
_SHORTER = 736  # pixels up to which the shorter side of a picture is enlarged
_LONGER = 2000  # pixels within which its longer side stays
_LANCZOS = 1  # Pillow's number
_THINNEST = 64  # pixels: thinner ones get a margin, as the package would scale a line of pixels to a gigabyte


class RapidOcrReader:
    """Reads the text in pictures, on the CPU. Threads may share it: each has models of its own in it."""

    def __init__(self) -> None:
        """Raises MissingExtraError without the package."""
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingExtraError("rapidocr", "ocr") from error
        self.name = f"rapidocr {importlib.metadata.version('rapidocr')}"
        self._engine = RapidOCR
        self._of_thread = threading.local()

    def read(self, picture: Picture) -> list[TextLine]:
        """The lines of text, from top to bottom, in the picture's own pixels."""
        width, height = picture.width, picture.height
        scale = min(max(_SHORTER / min(width, height), 1.0), _LONGER / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = np.asarray(picture if size == (width, height) else picture.resize(size, _LANCZOS))
        found = self._opened()(_with_margin(pixels)[:, :, ::-1])  # BGR, as OpenCV has it
        return list(_lines(found, (width / size[0], height / size[1]), (width, height)))

    def _opened(self) -> Any:
        if not hasattr(self._of_thread, "engine"):
            # One thread each: whoever has many pictures reads several at once, which is faster than sharing one.
            settings = {
                "Global.log_level": "error",
                "Global.text_score": LEAST_CONFIDENCE,
                "Det.limit_type": "max",  # it is scaled already
                "Det.limit_side_len": _LONGER,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
            self._of_thread.engine = self._engine(params=settings)
        return self._of_thread.engine


def _with_margin(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with its last row and column repeated until it is thick enough."""
    below, beside = (max(0, _THINNEST - side) for side in pixels.shape[:2])
    return np.pad(pixels, ((0, below), (0, beside), (0, 0)), "edge") if below or beside else pixels


def _lines(found: Any, scale: tuple[float, float], size: tuple[int, int]) -> Iterator[TextLine]:
    """What the package found; one pixel of it is `scale` of a picture of this `size`, (width, height)."""
    if found.boxes is None or found.txts is None:
        return
    for text, confidence, corners in zip(found.txts, found.scores, found.boxes, strict=True):
        if _is_text(text, confidence):
            points = np.clip(np.asarray(corners) * scale, 0, size).round().astype(int).tolist()
            yield TextLine(text.strip(), min(float(confidence), 1.0), tuple((x, y) for x, y in points))


def _is_text(text: str, confidence: float) -> bool:
    characters = [letter for letter in text if letter.isalnum()]
    return len(characters) > 1 or (len(characters) == 1 and confidence >= LONE_CONFIDENCE)
