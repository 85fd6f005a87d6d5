"""Hybrid search over captions that a model wrote, measured with the engine's own full-text search and rank fusion.

The captions come from the captioner alone, never from the dataset: what is measured is what a library gets that was
captioned by `vasari caption --all --detail detailed` and is searched with `--hybrid`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import Caption, CaptionSource, EmbeddingSpace, ItemId, Modality
from vasari.retrieval.evaluation.embeddings import Report, load_picture
from vasari.retrieval.models.ports import Captioner
from vasari.retrieval.search.engine import HEAD
from vasari.retrieval.search.ranking import fuse

BATCH = 32
Writer = TypeVar("Writer", bound=Captioner, covariant=True)
_SPACE = EmbeddingSpace("captions", "none", "none", "none", 1)


@dataclass(frozen=True, slots=True)
class Captioning(Generic[Writer]):
    """The captioner, and the file that caches its captions."""

    captioner: Writer
    fingerprint: str
    """Changes when the captioner does, so that captions by an older one are not read again."""
    directory: Path | None = None
    """Captions are kept here batch by batch, so that an interrupted run goes on; without one nothing is kept."""

    def write(self, paths: Sequence[Path], report: Report) -> list[str]:
        """A detailed caption of each picture; those kept from an earlier run are read."""
        file = None if self.directory is None else self.directory / f"captions-{self._digest(paths)}.jsonl"
        captions = _kept(file)[: len(paths)]
        report(len(captions))
        for start in range(len(captions), len(paths), BATCH):
            pictures = [load_picture(path) for path in paths[start : start + BATCH]]
            fresh = self.captioner.caption(pictures, "detailed")
            captions += fresh
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a", encoding="utf-8") as lines:
                    lines.writelines(json.dumps(text) + "\n" for text in fresh)
            report(len(fresh))
        return captions

    def _digest(self, paths: Sequence[Path]) -> str:
        stamps = (f"{path}|{path.stat().st_size}|{path.stat().st_mtime_ns}" for path in paths)
        digest = blake2b(self.fingerprint.encode(), digest_size=16)
        for stamp in stamps:
            digest.update(stamp.encode("utf-8", "surrogateescape") + b"\0")
        return digest.hexdigest()


def _kept(file: Path | None) -> list[str]:
    """The captions of an earlier run, up to a line that was being written when it ended."""
    if file is None or not file.is_file():
        return []
    whole = file.read_bytes().rpartition(b"\n")[0]
    if len(whole) + 1 != file.stat().st_size:
        file.write_bytes(whole + b"\n" if whole else b"")
    return [json.loads(line) for line in whole.splitlines()]


def hybrid_order(
    texts: Sequence[str],
    captions: Sequence[str],
    scores: NDArray[np.float32],
    report: Report = lambda _done: None,
) -> NDArray[np.int64]:
    """The hybrid order of each text's first pictures: (texts, depth) indices.

    Args:
        texts: the queries.
        captions: one of each picture.
        scores: cosines (texts, pictures).
        report: told of each text done.
    """
    depth = min(HEAD, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalog.open(Path(folder) / "catalog.sqlite3") as catalog,
    ):
        places = {item: place for place, item in enumerate(_fill(catalog, captions))}
        for row, text in enumerate(texts):
            found = [places[item] for item in catalog.full_text.search(text, Modality.IMAGE, HEAD)]
            order[row] = fuse(order[row].tolist(), found)[:depth]
            report(1)
    return order


def _fill(catalog: Catalog, captions: Sequence[str]) -> list[ItemId]:
    """Items that have nothing but a caption each: not even a name tells anything of them."""
    catalog.spaces.ensure(_SPACE)
    ids = list(catalog.items.reserve(len(captions)))
    rows = [
        NewItem(
            uri=f"/{item}",
            content_hash=f"{item:032x}",
            bytes=0,
            mtime_ns=0,
            vector=np.empty(0, np.float32),
            id=item,
            captions=(Caption(caption, source=CaptionSource.MODEL),),
        )
        for item, caption in zip(ids, captions, strict=True)
    ]
    number = catalog.segments.reserve(_SPACE.name, Modality.IMAGE)
    catalog.segments.commit(SegmentRecord(_SPACE.name, Modality.IMAGE, number, len(rows), "none"), rows)
    return ids
