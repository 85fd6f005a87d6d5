"""Embedding spaces: the fingerprints that tell whether two vectors may be compared.

A space is one set of weights under one preprocessing. Hashing a model of 600 MB takes a second, so that
fingerprints of weights are remembered by path, size and modification time. Light: no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import StorageError
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.configurations import INDEX_SUFFIX
from vasari.retrieval.models.registry.files import ModelFiles, locate, shards_of
from vasari.retrieval.models.registry.hub import PROCESSOR_FILES, TRANSFORMERS_WEIGHTS
from vasari.retrieval.models.registry.resolve import ModelSource, resolve
from vasari.retrieval.models.tokenizers import TextPreprocessing
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.caches import user_cache

__all__ = ["ModelFiles", "ModelSource", "locate", "resolve", "space_for", "weights_fingerprint"]

_DIGEST_BYTES = 16
_CONFIGURATIONS = ("config.json", *PROCESSOR_FILES)
_TOKENIZER_FILES = re.compile(r"tokenizer.*\.json|vocab.*|merges\.txt|special_tokens_map\.json|.*\.model")


def space_for(
    files: ModelFiles, image: ImagePreprocessing, text: TextPreprocessing, dim: int
) -> EmbeddingSpace:
    """The space of a model: its name is made of the reference and the fingerprints, and safe as a folder's name."""
    weights = weights_fingerprint(files.weights)
    preprocessing = preprocessing_fingerprint(files, image, text)
    both = _digest(f"{weights}{preprocessing}".encode())
    return EmbeddingSpace(
        name=f"{_slug(files.source)}-{both[:8]}",
        model=files.source.reference,
        weights_fingerprint=weights,
        preprocessing_fingerprint=preprocessing,
        dim=dim,
    )


def preprocessing_fingerprint(files: ModelFiles, image: ImagePreprocessing, text: TextPreprocessing) -> str:
    """BLAKE2b-128 of everything that decides what the towers get to see: settings and tokenizer files."""
    tokenizer = {}
    if files.tokenizer is not None:
        names = (path for path in files.tokenizer.iterdir() if _TOKENIZER_FILES.fullmatch(path.name))
        tokenizer = {path.name: _digest(path.read_bytes()) for path in sorted(names)}
    settings = {
        "image": {name: value for name, value in asdict(image).items() if value is not None},
        "text": {"context_length": text.context_length, "clean": text.clean, "pad_id": text.pad_id},
        "tokenizer": tokenizer,
        "tokenizer_kwargs": files.text_settings.get("tokenizer_kwargs"),
    }
    return _digest(json.dumps(settings, sort_keys=True).encode())


def files_digest(files: ModelFiles) -> str:
    """BLAKE2b-128 of all that a model is made of: where it stays the same, so do its vectors."""
    folders = {folder for folder in (files.tokenizer, files.text_model) if folder is not None}
    texts = {
        path.name: _digest(path.read_bytes())
        for folder in sorted(folders)
        for path in sorted(folder.iterdir())
        if path.name == "config.json" or _TOKENIZER_FILES.fullmatch(path.name)
    }
    settings = {"model": files.model, "image": files.image, "texts": texts}
    told = json.dumps(settings, sort_keys=True, default=str)
    return _digest(f"{weights_fingerprint(files.weights)}{told}".encode())


def folder_digest(folder: Path) -> str:
    """BLAKE2b-128 of a model in transformers' format: its weights, its configuration, how pictures are prepared."""
    weights = (
        weights_fingerprint(folder / name) for name in TRANSFORMERS_WEIGHTS if (folder / name).is_file()
    )
    told = (_digest((folder / name).read_bytes()) for name in _CONFIGURATIONS if (folder / name).is_file())
    return _digest("".join([*weights, *told]).encode())


def weights_fingerprint(path: Path, remembered: Path | None = None) -> str:
    """BLAKE2b-128 of a weights file, hexadecimal; `remembered` is the file that keeps earlier answers.

    That of an index of several files is one of theirs.
    """
    if path.name.endswith(INDEX_SUFFIX):
        return _digest("".join(weights_fingerprint(shard, remembered) for shard in shards_of(path)).encode())
    path = path.resolve()  # the hub's cache links names to content
    remembered = remembered or user_cache() / "fingerprints.json"
    known = _read(remembered)
    stat = path.stat()
    key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
    if (fingerprint := known.get(key)) is None:
        with path.open("rb") as file:
            fingerprint = hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)
            ).hexdigest()
        _write(remembered, {**known, key: fingerprint})
    return fingerprint


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


def _slug(source: ModelSource) -> str:
    """A short lower-case name of letters, digits and dashes for a reference."""
    name = source.reference
    if source.path is not None:
        name = source.path.stem if source.path.is_file() else source.path.name
    elif source.repository is not None and source.preset is None and source.tag is None:
        name = source.repository.rpartition("/")[2]
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug[:40].strip("-") or "model"


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, fingerprints: dict[str, str]) -> None:
    """Replace the file in one step; a cache that cannot be written costs a second next time, no more."""
    with contextlib.suppress(StorageError):
        write_bytes(path, json.dumps(fingerprints).encode(), durable=False)
