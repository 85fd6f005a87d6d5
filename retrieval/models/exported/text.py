"""Text queries without torch: the text tower as an ONNX graph beside its tokenizer, in a folder of the library.

    text.json       how texts are cleaned, cropped and padded (or why this model has no graph)
    text.onnx       the graph; text.weights holds its float32 weights and is mapped into memory, so that a search
                    reads only the pages it needs: the rows of its own words, and the layers
    merges.npy or tokenizer.json; beside the latter, which is long to read, tables: bpe.npy and bpe.json where it is
                    Gemma's, unigram.npy, unigram_numbers.npy and unigram.json where it is XLM-RoBERTa's or mT5's
    checksums.json  the length and checksum of each of these

Only numpy, onnxruntime and (for other than CLIP's tokenizer) tokenizers are imported here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, MissingExtraError, StorageError, UnsupportedError
from vasari.retrieval.models import mapped_bpe, mapped_unigram
from vasari.retrieval.models.exported.compiled import CompiledGraph, weights_of
from vasari.retrieval.models.exported.session import check_lengths, open_session
from vasari.retrieval.models.mapped_bpe import MappedBpe
from vasari.retrieval.models.mapped_unigram import MappedUnigram
from vasari.retrieval.models.tokenizers import (
    JSON_FILE,
    MERGES_FILE,
    ClipTokenizer,
    Crop,
    JsonTokenizer,
    TextPreprocessing,
    Tokenizer,
    Tokens,
)
from vasari.retrieval.storage.os_errors import cannot_read

if TYPE_CHECKING:
    pass

GRAPH_FILE = "text.onnx"
WEIGHTS_FILE = "text.weights"
SETTINGS_FILE = "text.json"
_BPE = (mapped_bpe.TABLE_FILE, mapped_bpe.SCHEME_FILE)
_UNIGRAM = (mapped_unigram.PIECES_FILE, mapped_unigram.NUMBERS_FILE, mapped_unigram.SCHEME_FILE)
FILES = (SETTINGS_FILE, GRAPH_FILE, WEIGHTS_FILE, MERGES_FILE, JSON_FILE, *_BPE, *_UNIGRAM)
_TOKENIZERS: dict[str, type[ClipTokenizer | JsonTokenizer | MappedBpe | MappedUnigram]] = {
    "clip": ClipTokenizer,
    "json": JsonTokenizer,
    "bpe": MappedBpe,
    "unigram": MappedUnigram,
}
_BATCH = 64
Features = Callable[[Tokens], NDArray[np.float32]]  # (n, length) to (n, dim), not normalised


class OnnxTextEncoder:
    """The text half of a dual encoder. Safe to call from several threads."""

    def __init__(
        self, features: Features, tokenizer: Tokenizer, settings: TextPreprocessing, dim: int
    ) -> None:
        self._features, self._tokenizer, self._settings = features, tokenizer, settings
        self.dim = dim

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        threads: int | None = None,
        long_lived: bool = False,
        graph: str = GRAPH_FILE,
    ) -> OnnxTextEncoder:
        """Open what `export_text_tower` wrote; UnsupportedError where the model has no graph.

        LibraryCorruptError for what is damaged or half there, StorageError for what cannot be read.
        `long_lived` spends 0.1 to 0.2 s and a copy of the weights on opening, to halve the time of each query.
        `graph` names another form of the graph in the same folder, in OpenVINO's format.
        """
        try:
            check_lengths(directory, {*FILES, graph, weights_of(graph)})
            content = _content(directory)
            settings = read_settings(content)
            tokenizer: Tokenizer = _TOKENIZERS[content["tokenizer"]].open(directory, settings)
            features = _opened(directory / graph, threads, long_lived)
            return cls(features, tokenizer, settings, int(content["dim"]))
        except (UnsupportedError, MissingExtraError, StorageError, MemoryError):
            raise
        except Exception as error:  # the errors of ONNX Runtime and of tokenizers have no base of their own
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise cannot_read(directory, error) from error
            line = " ".join(str(error).split())[:200]
            raise LibraryCorruptError(
                f"the exported text tower in {directory} is damaged ({line}): run `vasari doctor --repair`, which"
                " makes it anew"
            ) from error

    def embed_texts(self, texts: Sequence[str]) -> UnitVectors:
        """Vectors (n, dim) of `texts`."""
        if not texts:
            return UnitVectors(np.empty((0, self.dim), dtype=np.float32))
        vectors = np.empty((len(texts), self.dim), np.float32)
        for rows, tokens in self.batches(texts):
            vectors[rows] = unit_vectors(self._features(tokens))
        return UnitVectors(vectors)

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.intp], Tokens]]:
        """Texts of like length as tokens (rows, length), and which rows of `texts` they are."""
        tokens = self._tokenizer(texts)
        lengths = self._settings.needed_lengths(tokens)
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), _BATCH):
            cancellation.check()
            rows = order[start : start + _BATCH]
            yield rows, tokens[rows, : lengths[rows].max()]


def _opened(graph: Path, threads: int | None, long_lived: bool) -> Features:
    """What computes the graph: ONNX Runtime, or OpenVINO where the graph is in its format."""
    if graph.suffix != ".xml":
        session = open_session(graph, threads, pack=long_lived)
        return lambda tokens: np.asarray(session.run(["features"], {"tokens": tokens})[0])
    return CompiledGraph(graph, threads)


def _content(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / SETTINGS_FILE).read_text(encoding="utf-8"))
    if "reason" in content:
        raise UnsupportedError(f"this model has no torch-free text tower: {content['reason']}")
    return content


def write_settings(directory: Path, settings: TextPreprocessing, tokenizer: str, dim: int) -> None:
    """Write what `OnnxTextEncoder.open` reads."""
    content = {"tokenizer": tokenizer, "dim": dim, "text": asdict(settings)}
    (directory / SETTINGS_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_settings(content: dict[str, Any]) -> TextPreprocessing:
    """The settings in the content of a text.json."""
    text = dict(content["text"])
    return TextPreprocessing(**{**text, "crop": Crop(text["crop"])})
