"""An exported text tower in int8, for a service: made of the float32 graph without torch, at its first start.

A query of 15 tokens through ViT-B-32's tower takes a third of the processor time, sixteen together a sixth. Centred
cosines of 0.991 and more to the tower's own vectors were measured with random weights, 0.9997 with those of `scenes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vasari.retrieval.errors import LibraryCorruptError, UnsupportedError
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.export.int8 import quantize
from vasari.retrieval.models.exported.compiled import weights_of
from vasari.retrieval.models.exported.session import check_lengths, note_files
from vasari.retrieval.models.exported.text import GRAPH_FILE, OnnxTextEncoder
from vasari.retrieval.models.ports import TextEncoder

INT8_GRAPH = "text.int8.xml"
INT8_FILES = (weights_of(INT8_GRAPH), INT8_GRAPH)
_BEFORE = "text.int8.onnx"  # of versions before 0.3, computed by another library
_LEAST_COSINE = 0.99  # to the tower's own vectors, centred: see `drift`


def open_in_int8(
    directory: Path, exact: TextEncoder, texts: Sequence[str], *, threads: int | None = None
) -> OnnxTextEncoder:
    """The exported tower of `directory` in int8, which is made there at first: `texts` show ranges, and how near it is.

    Raises UnsupportedError where there is no exported tower, or one whose vectors would differ too much from those of
    `exact`, the model's own.
    """
    if not (directory / GRAPH_FILE).is_file():
        raise UnsupportedError("this model has no exported text tower")
    if not _is_whole(directory):
        _make(directory, texts)
    rounded = OnnxTextEncoder.open(directory, threads=threads, long_lived=True, graph=INT8_GRAPH)
    least = float(centred_cosines(rounded.embed_texts(texts), exact.embed_texts(texts)).min())
    if not least >= _LEAST_COSINE:
        raise UnsupportedError(f"in int8 its text tower gives other vectors (cosine {least:.4f})")
    return rounded


def _is_whole(directory: Path) -> bool:
    try:
        check_lengths(directory, INT8_FILES)
    except LibraryCorruptError:
        return False
    return all((directory / name).is_file() for name in INT8_FILES)


def _make(directory: Path, texts: Sequence[str]) -> None:
    tower = OnnxTextEncoder.open(directory)
    samples = [tokens for _, tokens in tower.batches(texts)]
    with TemporaryDirectory(dir=directory) as name:
        quantize(directory / GRAPH_FILE, Path(name) / INT8_GRAPH, samples)
        for file in INT8_FILES:
            (Path(name) / file).replace(directory / file)
    (directory / _BEFORE).unlink(missing_ok=True)
    note_files(directory, (*INT8_FILES, _BEFORE))
