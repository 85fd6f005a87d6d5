"""What the reranker made of pictures, on disk: a file a picture, in 8-bit blocks, for searches of other processes.

    second_looks/3f/3f0c…-<reranker>.q8        BLAKE2b-64 of what follows; scales, codes (two arrays of numpy)

Each block of 32 numbers has a scale in float16 and codes of 8 bits, as GGML's Q8_0: 53 % of float16, 471 kB for
BLIP's 577 patches. A file that is cut or damaged counts as absent, and is taken away: the next job makes it anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from vasari.retrieval.search.feature_cache import Features
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.layout import SECOND_LOOKS, features_path, is_content_hash

BLOCK = 32
_LEVELS = 127
_CHECKSUM = 8  # bytes


class FeatureStore:
    """Features of one reranker, by content hash. Any number of processes may share it."""

    def __init__(self, root: Path, reranker: str) -> None:
        """`root` is the library's folder, `reranker` the fingerprint of the model."""
        self._root, self._reranker = root, reranker

    def get(self, content_hash: str) -> Features | None:
        """The features of the picture with this content; None where there are none, or none that are whole."""
        if not is_content_hash(content_hash):
            return None
        path = features_path(self._root, content_hash, self._reranker)
        try:
            return unpacked(path.read_bytes())
        except OSError:
            return None
        except ValueError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def put(self, content_hash: str, features: Features, room: int) -> int:
        """Keep features that take up to `room` bytes; what they take, 0 where that is more. May raise StorageError."""
        data = packed(features)
        if len(data) > room:
            return 0
        write_bytes(features_path(self._root, content_hash, self._reranker), data, durable=False)
        return len(data)

    def sizes(self) -> dict[str, int]:
        """Bytes of each picture's file, by content hash."""
        found: dict[str, int] = {}
        for path in self._files():
            content_hash, _, reranker = path.stem.partition("-")
            if reranker == self._reranker:
                with contextlib.suppress(FileNotFoundError):
                    found[content_hash] = path.stat().st_size
        return found

    def keep_only(self, contents: Collection[str]) -> None:
        """Delete features of other rerankers, and of pictures without one of these contents."""
        for path in self._files():
            content_hash, _, reranker = path.stem.partition("-")
            if reranker != self._reranker or content_hash not in contents:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list((self._root / SECOND_LOOKS).glob("??/*.q8"))


def packed(features: Features) -> bytes:
    """Features (…, width) in 8-bit blocks along the width."""
    *shape, width = features.shape
    blocks = -(-width // BLOCK)
    filled = np.zeros((*shape, blocks * BLOCK), np.float32)
    filled[..., :width] = features
    filled = filled.reshape(*shape, blocks, BLOCK)
    scales = (np.abs(filled).max(axis=-1, keepdims=True) / _LEVELS).astype(np.float16)
    steps = np.maximum(scales.astype(np.float32), np.float32(np.finfo(np.float16).smallest_subnormal))
    codes = np.clip(np.rint(filled / steps), -_LEVELS, _LEVELS).astype(np.int8)
    body = io.BytesIO()
    np.save(body, scales[..., 0], allow_pickle=False)
    np.save(body, codes.reshape(*shape, -1)[..., :width], allow_pickle=False)
    return _checksum(body.getvalue()) + body.getvalue()


def unpacked(data: bytes) -> Features:
    """What was packed, each number within half a step of its block; ValueError for what is not whole."""
    checksum, body = data[:_CHECKSUM], data[_CHECKSUM:]
    if checksum != _checksum(body):
        raise ValueError("it is damaged")
    arrays = io.BytesIO(body)
    scales = np.load(arrays, allow_pickle=False)
    codes = np.load(arrays, allow_pickle=False)
    steps = np.repeat(scales.astype(np.float32), BLOCK, axis=-1)[..., : codes.shape[-1]]
    features: Features = (codes * steps).astype(np.float16)
    return features


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM).digest()
