"""`vasari eval`: how well a model does on a dataset with known answers."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vasari.api.cli import output
from vasari.api.cli.options import (
    FILE,
    PLACE,
    Integer,
    Number,
    choice,
    command,
    device_option,
    json_option,
    open_settings,
    precision_option,
)
from vasari.api.cli.progress import stage
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset, annotation_file, languages, load_dataset
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, UnreadableError, load_picture
from vasari.retrieval.evaluation.hybrid import Captioning
from vasari.retrieval.evaluation.queries import Figures, query_figures, read_queries
from vasari.retrieval.evaluation.questions import question_accuracy, read_hard_negatives, read_questions
from vasari.retrieval.evaluation.report import Reranking, pair_accuracy, reranked_pair_accuracy
from vasari.retrieval.evaluation.report import evaluate as measure
from vasari.retrieval.library.loading import (
    find_folder,
    load_answerer,
    load_captioner,
    load_encoder,
    load_reranker,
)
from vasari.retrieval.models.ports import Answerer, DualEncoder, ModelKind
from vasari.retrieval.models.registry.fingerprints import weights_fingerprint
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.caches import user_cache
from vasari.training.scenes.mentions import agreement
from vasari.training.scenes.scene import Detail, Scene

if TYPE_CHECKING:
    from vasari.retrieval.models.captioner import Florence2Captioner


@command("eval", example="vasari eval ./scenes --model scenes --rerank")
@click.argument("dataset", metavar="DATASET", type=FILE, help="COCO, Flickr, Karpathy or JSONL; or a folder.")
@click.option("--model", "-m", type=PLACE, default="fast", help="Preset, hf-hub:… or directory.")
@click.option("--rerank", is_flag=True, help="Also rerank text→image by image-text matching.")
@click.option("--reranker", type=PLACE, help="Preset or directory. [default: to suit the model]")
@click.option("--top", type=Integer(1), default=32, help="Candidates to rerank.")
@click.option("--weight", type=Number(0, 1), default=0.5, help="Weight of the reranker, 0 to 1.")
@click.option(
    "--hybrid",
    is_flag=True,
    help="Also fuse text→image with the words of captions by the captioner.",
)
@click.option("--understanding", is_flag=True, help="Also measure the captioner: questions and captions.")
@click.option("--captioner", type=PLACE, help="Preset or directory. [default: to suit the model]")
@click.option("--language", default="en", help="Captions' language: en, zh, …, or all, one after the other.")
@click.option("--detail", type=choice(Detail), default="high", help="Which captions, where the dataset says.")
@click.option("--split", help="Of Karpathy's files: test, val, train.")
@click.option("--limit", type=Integer(1), help="Only the first so many pictures.")
@click.option("--fresh", is_flag=True, help="Compute the vectors anew instead of reusing them.")
@device_option
@precision_option
@json_option
def evaluate(
    dataset: Path,
    model: str,
    rerank: bool,
    reranker: str | None,
    top: int,
    weight: float,
    hybrid: bool,
    understanding: bool,
    captioner: str | None,
    language: str,
    detail: str,
    split: str | None,
    limit: int | None,
    fresh: bool,
    device: str | None,
    precision: str | None,
    json: bool,
) -> None:
    """Measure how well a model retrieves.

    Recall, median rank and mAP in both directions, with 95 % intervals; of typed queries P@10 and nDCG@10.
    """
    settings = open_settings(device=device, precision=precision, reranker=reranker, captioner=captioner)
    sets = {
        name: load_dataset(dataset, split=split, language=name, detail=detail, limit=limit)
        for name in (languages(dataset) if language == "all" else [language])
    }
    encoder, cache = load_encoder(model, settings), _cache(fresh)
    reranking = Reranking(load_reranker(model, settings), top, weight) if rerank else None
    writer = _captioning(model, settings, cache) if hybrid or understanding else None
    captioning = writer if hybrid else None
    measures = _Measures(encoder, reranking, captioning, cache, annotation_file(dataset).parent)
    results = {name: measures.of(found, name) for name, found in sets.items()}
    understood = {}
    if understanding and writer:
        answers = partial(load_answerer, model, settings)
        understood = _understanding(measures.folder, writer.captioner, answers, limit)
    if json:
        output.print_json(_report(results, understood))
        return
    for name, fields in results.items():
        _print(name, fields)
    _print_understanding(understood)


def _report(results: dict[str, dict[str, Any]], understood: dict[str, Any]) -> dict[str, Any]:
    """The figures of one language as they are, those of several under their names."""
    report = next(iter(results.values())) if len(results) == 1 else {"languages": results}
    return report | {"understanding": understood} if understood else report


def _cache(fresh: bool) -> EmbeddingFiles:
    """Vectors of earlier runs, unless all are to be computed anew."""
    return EmbeddingFiles(None if fresh else user_cache() / "embeddings")


@dataclass(frozen=True, slots=True)
class _Measures:
    """What is measured, by which models."""

    encoder: DualEncoder
    reranking: Reranking | None
    captioning: Captioning[Florence2Captioner] | None
    cache: EmbeddingFiles
    folder: Path

    def of(self, dataset: Dataset, language: str) -> dict[str, Any]:
        """All figures of a dataset's captions in one language."""
        try:
            found = measure(
                dataset,
                self.encoder,
                reranking=self.reranking,
                captioning=self.captioning,
                cache=self.cache,
                stage=stage,
            )
        except UnreadableError as error:
            return self.of(dataset.without(error.files), language)
        fields = found.as_json() | {"missing_images": list(dataset.missing), "broken": list(dataset.broken)}
        for name, more in (("hard_negatives", self._hard_negatives), ("queries", self._queries)):
            figures, broken = more(dataset, language)
            fields["broken"] += broken
            fields |= {name: figures} if figures else {}
        return fields

    def _hard_negatives(
        self, dataset: Dataset, language: str
    ) -> tuple[dict[str, dict[str, float]], list[str]]:
        """Shares by who judged, and lines that cannot be used."""
        file, known = self.folder / "hard_negatives.jsonl", set(dataset.images)
        if not file.is_file():
            return {}, []
        pairs, broken = read_hard_negatives(file, language)
        negatives = [pair for pair in pairs if pair.image in known]
        if not negatives:
            return {}, broken
        shares = {"dual_encoder": pair_accuracy(negatives, self.encoder, self.cache, stage)}
        if self.reranking is not None:
            shares["reranker"] = reranked_pair_accuracy(negatives, self.reranking.reranker, stage)
        return shares, broken

    def _queries(self, dataset: Dataset, language: str) -> tuple[dict[str, Figures], list[str]]:
        """Figures of typed queries by who ranked the pictures, and lines that cannot be used."""
        file = self.folder / "queries.jsonl"
        if not file.is_file():
            return {}, []
        queries, broken = read_queries(file, language)
        args = (self.encoder, self.reranking, self.cache, stage)
        return query_figures(queries, dataset.images, *args), broken


def _captioning(model: str, settings: Settings, cache: EmbeddingFiles) -> Captioning[Florence2Captioner]:
    folder, captioner = find_folder(ModelKind.CAPTIONER, model, settings), load_captioner(model, settings)
    weights = (weights_fingerprint(file) for file in sorted(folder.glob("*.safetensors")))
    return Captioning(captioner, "".join([str(folder), *weights]), cache.directory)


def _understanding(
    folder: Path, captioner: Florence2Captioner, answerer: Callable[[], Answerer], limit: int | None
) -> dict[str, Any]:
    """Question accuracy, and for drawn scenes how well captions name the things shown and their colours."""
    found: dict[str, Any] = {}
    if (folder / "questions.jsonl").is_file():
        questions, broken = read_questions(folder / "questions.jsonl")
        if broken:
            found["broken"] = broken
        chosen = list(dict.fromkeys(question.image for question in questions))[:limit]
        questions = [question for question in questions if question.image in set(chosen)]
        found["questions"] = question_accuracy(questions, answerer(), stage)
    if (folder / "scenes.jsonl").is_file():
        found["captions"] = _caption_agreement(folder, captioner, limit)
    if not found:
        raise UsageError(
            f"{folder} has neither questions.jsonl nor scenes.jsonl to measure understanding with"
        )
    return found


def _caption_agreement(folder: Path, captioner: Florence2Captioner, limit: int | None) -> dict[str, float]:
    rows = [jsonlib.loads(line) for line in (folder / "scenes.jsonl").read_text("utf-8").splitlines()][:limit]
    report = stage("captions", len(rows))
    captions: list[str] = []
    for start in range(0, len(rows), 32):
        part = rows[start : start + 32]
        pictures = [load_picture(folder / row["file_name"]) for row in part]
        captions += captioner.caption(pictures, "detailed")
        report(len(part))
    return asdict(agreement(captions, (Scene.from_dict(row["scene"]) for row in rows)))


def _print(language: str, fields: dict[str, Any]) -> None:
    output.line(
        f"{fields['dataset']} ({language}): {fields['images']:,} pictures, {fields['texts']:,} captions"
    )
    if fields["missing"]:
        names = ", ".join(fields["missing_images"][:5]) + (" …" if fields["missing"] > 5 else "")
        output.line(f"  {fields['missing']} pictures are not on disk and were left out: {names}")
    if broken := fields["broken"]:
        which = "; ".join(broken[:5]) + (" …" if len(broken) > 5 else "")
        output.line(f"  {len(broken)} captions or pictures cannot be used and were left out: {which}")
    rows = [("text → image", "text_to_image", fields), ("image → text", "image_to_text", fields)]
    stages = [name for name in ("reranked", "hybrid") if name in fields]
    rows[1:1] = [(f"  {name}", f"{name}_text_to_image", fields[name]) for name in stages]
    output.line(f"  {'':14} {'R@1':>15} {'R@5':>7} {'R@10':>7} {'median':>7} {'mAP@10':>7} {'P@10':>7}")
    for label, key, source in rows:
        figures = source[key if source is fields else "text_to_image"]
        bounds = fields["intervals"][key]["R@1"]
        spread = f"{figures['R@1']:.3f} ±{(bounds[1] - bounds[0]) / 2:.3f}"
        output.line(
            f"  {label:14} {spread:>15} {figures['R@5']:7.3f} {figures['R@10']:7.3f} "
            f"{figures['median_rank']:7.1f} {figures['mAP@10']:7.3f} {figures['precision@10']:7.3f}"
        )
    for who, shares in fields.get("hard_negatives", {}).items():
        kinds = ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items() if kind != "all")
        output.line(f"  true caption preferred to its hard negative, {who}: {shares['all']:.3f} ({kinds})")

    for who, kinds in fields.get("queries", {}).items():
        output.line(f"  typed queries, {who.replace('_', ' ')}: P@10 (nDCG@10)")
        shown = (f"{kind} {one['P@10']:.3f} ({one['nDCG@10']:.3f})" for kind, one in kinds.items())
        output.line(f"    {', '.join(shown)}")


def _print_understanding(found: dict[str, Any]) -> None:
    if broken := found.get("broken"):
        output.line(f"{len(broken)} questions cannot be used and were left out, such as {broken[0]}")
    if "questions" in found:
        kinds = ", ".join(
            f"{kind} {share:.3f}" for kind, share in found["questions"].items() if kind != "all"
        )
        output.line(f"questions answered right: {found['questions']['all']:.3f} ({kinds})")
    if "captions" in found:
        figures = found["captions"]
        output.line(
            f"coloured things named in captions: F1 {figures['f1']:.3f} "
            f"(precision {figures['precision']:.3f}, recall {figures['recall']:.3f})"
        )
