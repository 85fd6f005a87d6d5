"""Hybrid search over captions that a model wrote, measured with the engine's own full-text index and fusion.

The captions come from the captioner alone, never from the dataset: what is measured is what a library gets that was
captioned by `vasari caption --all --detail detailed`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.analyzer import asked_words
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import Caption, CaptionSource, EmbeddingSpace, ItemId, Modality, UnitVectors
from vasari.retrieval.evaluation.embeddings import Report, load_picture
from vasari.retrieval.models.ports import Captioner, DualEncoder
from vasari.retrieval.search.hybrid import Fusion, WordQuery, found_by_words
from vasari.retrieval.search.relevance import BACKGROUND, Calibration, Null
from vasari.retrieval.search.stages import HEAD

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


class CaptionIndex:
    """A catalog that knows one caption of each picture and nothing else, not even a name."""

    def __init__(self, catalog: Catalog, captions: Sequence[str]) -> None:
        self._full_text = catalog.full_text
        self._items = np.array(_fill(catalog, captions), np.int64)  # rising

    @classmethod
    @contextmanager
    def of(cls, captions: Sequence[str]) -> Iterator[Self]:
        """A catalog of captions, one of each picture, for the time of the block."""
        with (
            tempfile.TemporaryDirectory() as folder,
            Catalog.open(Path(folder) / "catalog.sqlite3") as catalog,
        ):
            yield cls(catalog, captions)

    def raised(
        self,
        texts: Sequence[str],
        scores: NDArray[np.float32],
        nulls: Sequence[Null],
        report: Report = lambda _done: None,
    ) -> NDArray[np.float32]:
        """The cosines (texts, pictures) as the engine raises them by what the captions say.

        Args:
            texts: the queries.
            scores: their cosines (texts, pictures).
            nulls: the null distribution of each query.
            report: told of each text done.
        """
        raised = scores.copy()
        for row, (text, null) in enumerate(zip(texts, nulls, strict=True)):
            raised[row] = self._raised(text, scores[row], null)
            report(1)
        return raised

    def _raised(self, text: str, scores: NDArray[np.float32], null: Null) -> NDArray[np.float32]:
        words = WordQuery.of(asked_words(text), self._full_text, len(self._items))
        if not words.known:
            return scores
        head = self._items[np.argsort(-scores, kind="stable")[:HEAD]]
        found = found_by_words(words, self._full_text, self._items, None)
        ids = np.union1d(head, found)
        places = np.searchsorted(self._items, ids)
        held = self._full_text.held(ids.tolist(), [word.phrase for word in words.asked])
        fusion = Fusion(words, null, ids.tolist(), scores[places].astype(np.float64), held)
        fused = scores.copy()
        fused[places] = list(fusion.scores.values())
        return fused


def nulls_of(encoder: DualEncoder, texts: UnitVectors, pictures: UnitVectors) -> list[Null]:
    """The null distribution of each query (n, dim) over pictures (m, dim), as the engine measures it."""
    background = encoder.embed_texts(BACKGROUND)
    calibration = Calibration.of(background, (background @ pictures.T).max(axis=1))
    return [calibration.null(UnitVectors(texts[row : row + 1])) for row in range(len(texts))]


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
