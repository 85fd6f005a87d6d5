"""`vasari eval` on benchmarks with figures of their own, and the list of all datasets that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from vasari.api.cli import output
from vasari.api.cli.progress import stage
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.compositional import Compositional, figures, read_compositional
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, UnreadableError
from vasari.retrieval.evaluation.hard_negatives import by_encoder, by_reranker
from vasari.retrieval.evaluation.inquire import Inquire, inquire_figures, read_inquire
from vasari.retrieval.evaluation.known import KNOWN
from vasari.retrieval.evaluation.report import Reranking
from vasari.retrieval.models.ports import DualEncoder

Benchmark = TypeVar("Benchmark", Compositional, Inquire)


def list_datasets(*, json: bool) -> None:
    """What is read as it is published: a table for people, with files and addresses for programs."""
    if json:
        output.print_json({"datasets": [asdict(known) for known in KNOWN]})
        return
    for group, several in groupby(KNOWN, key=lambda known: known.group):
        members = list(several)
        is_one = len({known.figures for known in members}) == 1
        output.line(f"{group}: {members[0].figures}" if is_one else group)
        asks = [known.asks if is_one else f"{known.asks}: {known.figures}" for known in members]
        output.table(
            [(f"  {known.name:21}", asked) for known, asked in zip(members, asks, strict=True)], name=1
        )
    output.line("vasari eval FOLDER tells them by their files and says what is missing.")
    output.line("Where each is got from: vasari eval --list --json, or docs/evaluation.md.")


def refuse(name: str, given: Mapping[str, object]) -> None:
    """UsageError for options that were given and mean nothing for this benchmark."""
    if useless := [option for option, value in given.items() if value]:
        raise UsageError(f"{name} has no use for {', '.join(useless)}")


def measure_compositional(
    path: Path,
    files: list[Path],
    models: Callable[[], tuple[DualEncoder, Reranking | None]],
    cache: EmbeddingFiles,
    *,
    pictures: Path | None,
    limit: int | None,
) -> dict[str, Any]:
    """The figures of SugarCrepe, ARO or Winoground, by who judged."""
    found = read_compositional(path, files, pictures)
    encoder, reranking = models()

    def measured(dataset: Compositional) -> dict[str, Any]:
        told = {"dual_encoder": figures(dataset, by_encoder(encoder, cache, stage))}
        return told | (
            {"reranker": figures(dataset, by_reranker(reranking.reranker, stage))} if reranking else {}
        )

    dataset, told = _readable(found.first(limit) if limit else found, measured)
    pairs = sum(len(task.pairs) for task in dataset.tasks)
    counts = {"examples": len(dataset.quads)} if dataset.quads else {"pairs": pairs}
    return _head(dataset.name, len(dataset.images), dataset) | counts | told


def measure_inquire(
    path: Path,
    annotations: Path,
    models: Callable[[], tuple[DualEncoder, Reranking | None]],
    cache: EmbeddingFiles,
    **options: Any,
) -> dict[str, Any]:
    """The figures of INQUIRE, by who ranked."""
    found = read_inquire(path, annotations, **options)
    encoder, reranking = models()
    dataset, told = _readable(found, lambda one: inquire_figures(one, encoder, cache, reranking, stage))
    return _head("INQUIRE", len(dataset.gallery), dataset) | {"queries": len(dataset.queries)} | told


def _readable(
    found: Benchmark, measured: Callable[[Benchmark], dict[str, Any]]
) -> tuple[Benchmark, dict[str, Any]]:
    """The figures of those whose pictures can be read."""
    try:
        return found, measured(found)
    except UnreadableError as error:
        return _readable(found.without(error.files), measured)


def _head(name: str, images: int, found: Compositional | Inquire) -> dict[str, Any]:
    return {
        "dataset": name,
        "images": images,
        "missing": len(found.missing),
        "missing_images": list(found.missing),
        "broken": list(found.broken),
    }
