"""`vasari eval`: how well a model does on a dataset with known answers."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.cited_datasets import (
    list_datasets,
    measure_compositional,
    measure_inquire,
    refuse,
)
from vasari.api.cli.evaluation_output import (
    mean_of,
    print_benchmark,
    print_captions,
    print_languages,
    print_understanding,
)
from vasari.api.cli.measuring import Asked
from vasari.api.cli.measuring import measure as measure_judged
from vasari.api.cli.options import (
    FILE,
    PLACE,
    Integer,
    Number,
    choice,
    command,
    device_option,
    json_option,
    library_option,
    open_settings,
    precision_option,
)
from vasari.api.cli.progress import stage
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.compositional import find_compositional
from vasari.retrieval.evaluation.datasets import Captions, Dataset, read_captions
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, UnreadableError, load_readable
from vasari.retrieval.evaluation.hard_negatives import by_encoder, by_reranker, preferences, share_by_kind
from vasari.retrieval.evaluation.hybrid import Captioning
from vasari.retrieval.evaluation.inquire import find_inquire
from vasari.retrieval.evaluation.judgments import DEPTH
from vasari.retrieval.evaluation.positives import Positives, find_positives
from vasari.retrieval.evaluation.queries import Figures, query_figures, read_queries
from vasari.retrieval.evaluation.questions import question_accuracy, read_hard_negatives, read_questions
from vasari.retrieval.evaluation.refusals import LenientAnswerer, LenientCaptioner, Refusals
from vasari.retrieval.evaluation.report import Reranking
from vasari.retrieval.evaluation.report import evaluate as measure
from vasari.retrieval.evaluation.text_banks import read_texts
from vasari.retrieval.evaluation.variants import PLAIN
from vasari.retrieval.library.lexicons import lexicon_of
from vasari.retrieval.library.loading import chosen_model, find_folder, load_encoder, load_reranker
from vasari.retrieval.library.picture_models import load_answerer, load_captioner
from vasari.retrieval.models.ports import DualEncoder, ModelKind
from vasari.retrieval.models.registry.fingerprints import weights_fingerprint
from vasari.retrieval.models.registry.presets import rerank_weight
from vasari.retrieval.search.lexicon import Lexicon
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.caches import user_cache
from vasari.training.scenes.mentions import agreement
from vasari.training.scenes.scene import Detail, Scene


@command("eval", example="vasari eval ./scenes --model scenes --rerank")
@click.argument(
    "dataset",
    metavar="[DATASET]",
    type=FILE,
    required=False,
    help="A folder or file of those that --list shows.",
)
@click.option("--list", "listed", is_flag=True, help="Show the datasets that are read as they are published.")
@click.option("--model", "-m", type=PLACE, default="fast", help="Preset, hf-hub:… or directory.")
@click.option("--rerank", is_flag=True, help="Also rerank text→image by image-text matching.")
@click.option("--reranker", type=PLACE, help="Preset or directory. [default: to suit the model]")
@click.option("--top", type=Integer(1), default=32, help="Candidates to rerank.")
@click.option("--weight", type=Number(0, 1), help="Weight of the reranker. [default: 0.5; scenes-itm: 0.6]")
@click.option(
    "--hybrid",
    is_flag=True,
    help="Also raise text→image by the words of captions by the captioner.",
)
@click.option(
    "--fair",
    "bank_file",
    type=FILE,
    metavar="TEXTS",
    help="Also rank text→image fairly, by a file of at least 2,000 other texts, one a line.",
)
@click.option("--understanding", is_flag=True, help="Also measure the captioner: questions and captions.")
@click.option("--captioner", type=PLACE, help="Preset or directory. [default: to suit the model]")
@click.option(
    "--language",
    help="Captions' language: en, zh, …, or all, one after the other. [default: en, or the only one]",
)
@click.option("--detail", type=choice(Detail), default="high", help="Which captions, where the dataset says.")
@click.option("--split", help="Of datasets that have several: test, val, train.")
@click.option(
    "--images", type=FILE, metavar="FOLDER", help="Where the pictures are, if not beside the captions."
)
@click.option("--limit", type=Integer(1), help="Only the first so many pictures.")
@click.option("--fresh", is_flag=True, help="Compute the vectors anew instead of reusing them.")
@click.option(
    "--queries",
    metavar="FILE",
    help="In place of DATASET, judged queries over the library: judgments, or a file of such.",
)
@click.option("--qrels", type=FILE, help="The judgments of TREC topics, or of a run.")
@click.option("--run", type=FILE, help="With --qrels: measure this run of TREC's form, searching nothing.")
@click.option("--write-run", type=FILE, help="Of --queries: write what was found, as a run.")
@click.option(
    "--with", "variant", default=PLAIN, metavar="SETTING", help="Of --queries: see `vasari compare`."
)
@click.option(
    "--depth", type=Integer(1, 10_000), default=DEPTH, help="Of --queries: results that are looked at."
)
@device_option
@precision_option
@json_option
@library_option
def evaluate(
    dataset: Path | None,
    listed: bool,
    model: str,
    rerank: bool,
    reranker: str | None,
    top: int,
    weight: float | None,
    hybrid: bool,
    bank_file: Path | None,
    understanding: bool,
    captioner: str | None,
    language: str | None,
    detail: str,
    split: str | None,
    images: Path | None,
    limit: int | None,
    fresh: bool,
    queries: str | None,
    qrels: Path | None,
    run: Path | None,
    write_run: Path | None,
    variant: str,
    depth: int,
    device: str | None,
    precision: str | None,
    json: bool,
    library: Path | None,
) -> None:
    """Measure how well a model retrieves.

    Recall, median rank and mAP in both directions, with 95 % intervals; of typed queries P@10 and nDCG@10. With
    --queries, how well the library answers them: nDCG, mAP, R-precision and recall of graded judgments.
    """
    if listed:
        list_datasets(json=json)
        return
    if dataset is None or queries is not None or run is not None:
        _check_judged(dataset, queries, run)
        named = None if language == "all" else language
        asked = Asked(queries, qrels, run, write_run, variant, depth, named, library)
        measure_judged(asked, json=json)
        return
    settings = open_settings(device=device, precision=precision, reranker=reranker, captioner=captioner)
    cache = _cache(fresh)

    def models() -> tuple[DualEncoder, Reranking | None]:
        encoder = load_encoder(model, settings)
        if not rerank:
            return encoder, None
        share = rerank_weight(chosen_model(ModelKind.RERANKER, model, settings)) if weight is None else weight
        return encoder, Reranking(load_reranker(model, settings), top, share)

    unused = {
        "--hybrid": hybrid,
        "--fair": bank_file,
        "--understanding": understanding,
        "--language": language,
    }
    if files := find_compositional(dataset):
        refuse("a benchmark of hard negatives", {**unused, "--split": split})
        report = measure_compositional(dataset, files, models, cache, pictures=images, limit=limit)
    elif annotations := find_inquire(dataset):
        refuse("INQUIRE", unused)
        options = {"split": split, "pictures": images, "limit": limit}
        report = measure_inquire(dataset, annotations, models, cache, **options)
    else:
        captions = read_captions(dataset, split=split, pictures=images)
        captions, positives = find_positives(dataset, captions, split)
        sets = {
            name: captions.dataset(language=name, detail=detail, limit=limit)
            for name in _languages(captions, language)
        }
        encoder, reranking = models()
        writer = _captioning(model, settings, cache) if hybrid or understanding else None
        bank, folder = read_texts(bank_file) if bank_file else [], captions.directory
        measures = _Measures(
            encoder, reranking, writer if hybrid else None, bank, cache, folder, positives, lexicon_of(model)
        )
        results = {name: measures.of(found, name) for name, found in sets.items()}
        understood = {}
        if understanding and writer:
            understood = _understanding(folder, writer.captioner, partial(_answerer, model, settings), limit)
        _show(results, understood, json=json)
        return
    if json:
        output.print_json(report)
    else:
        print_benchmark(report)


def _show(results: dict[str, dict[str, Any]], understood: dict[str, Any], *, json: bool) -> None:
    if json:
        output.print_json(_report(results, understood))
        return
    for name, fields in results.items():
        print_captions(name, fields)
    if len(results) > 1:
        print_languages(results)
    print_understanding(understood)


def _languages(captions: Captions, wanted: str | None) -> list[str]:
    """The languages to measure: English where nobody says and there is any, else the only one."""
    if wanted is not None:
        return captions.languages if wanted == "all" else [wanted]
    return captions.languages if len(captions.languages) == 1 else ["en"]


_OF_JUDGED = {"queries", "qrels", "run", "write_run", "variant", "depth", "language", "json", "library"}


def _check_judged(dataset: Path | None, queries: str | None, run: Path | None) -> None:
    """Raise UsageError where it is not said what to measure, or an option says what does not go with it."""
    if dataset is not None:
        raise UsageError("measure a DATASET, or --queries of the library, or a --run: one of them")
    if queries is None and run is None:
        raise UsageError(
            "no dataset was named: vasari eval FOLDER, or --queries judgments; vasari eval --list shows what is read"
        )
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if given and option.name not in _OF_JUDGED:
            raise UsageError(
                f"{option.opts[0]} is of a DATASET: with --queries say it by --with, as in --with rerank"
            )


def _report(results: dict[str, dict[str, Any]], understood: dict[str, Any]) -> dict[str, Any]:
    """The figures of one language as they are, those of several under their names and their mean."""
    report = (
        next(iter(results.values()))
        if len(results) == 1
        else {"languages": results, "mean": mean_of(results)}
    )
    return report | {"understanding": understood} if understood else report


def _cache(fresh: bool) -> EmbeddingFiles:
    """Vectors of earlier runs, unless all are to be computed anew."""
    return EmbeddingFiles(None if fresh else user_cache() / "embeddings")


@dataclass(frozen=True, slots=True)
class _Measures:
    """What is measured, by which models."""

    encoder: DualEncoder
    reranking: Reranking | None
    captioning: Captioning[LenientCaptioner] | None
    bank: Sequence[str]
    cache: EmbeddingFiles
    folder: Path
    positives: Sequence[Positives] = ()
    lexicon: Lexicon | None = None  # by which typed queries are read, as searches read them

    def of(self, dataset: Dataset, language: str) -> dict[str, Any]:
        """All figures of a dataset's captions in one language."""
        try:
            found = measure(
                dataset,
                self.encoder,
                reranking=self.reranking,
                captioning=self.captioning,
                bank=self.bank,
                cache=self.cache,
                positives=self.positives,
                stage=stage,
            )
        except UnreadableError as error:
            return self.of(dataset.without(error.files), language)
        fields = found.as_json() | {"missing_images": list(dataset.missing), "broken": list(dataset.broken)}
        fields["broken"] += [line for one in self.positives for line in one.broken]
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
        judges = {"dual_encoder": by_encoder(self.encoder, self.cache, stage)}
        if self.reranking is not None:
            judges["reranker"] = by_reranker(self.reranking.reranker, stage)
        shares = {
            who: share_by_kind(negatives, preferences(negatives, judge)) for who, judge in judges.items()
        }
        return shares, broken

    def _queries(self, dataset: Dataset, language: str) -> tuple[dict[str, Figures], list[str]]:
        """Figures of typed queries by who ranked the pictures, and lines that cannot be used."""
        file = self.folder / "queries.jsonl"
        if not file.is_file():
            return {}, []
        queries, broken = read_queries(file, language)
        if self.lexicon is not None:
            queries = [query.read_by(self.lexicon) for query in queries]
        args = (self.encoder, self.reranking, self.captioning, self.cache, stage)
        return query_figures(queries, dataset.images, *args), broken


def _captioning(model: str, settings: Settings, cache: EmbeddingFiles) -> Captioning[LenientCaptioner]:
    folder, captioner = find_folder(ModelKind.CAPTIONER, model, settings), load_captioner(model, settings)
    weights = (weights_fingerprint(file) for file in sorted(folder.glob("*.safetensors")))
    return Captioning(LenientCaptioner(captioner), "".join([str(folder), *weights]), cache.directory)


def _answerer(model: str, settings: Settings) -> LenientAnswerer:
    return LenientAnswerer(load_answerer(model, settings))


def _understanding(
    folder: Path, captioner: LenientCaptioner, answerer: Callable[[], LenientAnswerer], limit: int | None
) -> dict[str, Any]:
    """Question accuracy, and for drawn scenes how well captions name the things shown and their colours."""
    found: dict[str, Any] = {}
    broken: list[str] = []
    unreadable: dict[Path, str] = {}
    if (folder / "questions.jsonl").is_file():
        questions, broken = read_questions(folder / "questions.jsonl")
        chosen = list(dict.fromkeys(question.image for question in questions))[:limit]
        questions = [question for question in questions if question.image in set(chosen)]
        asked = answerer()
        found["questions"], unreadable = question_accuracy(questions, asked, stage)
        broken += _refused(asked.refusals, "questions")
    if (folder / "scenes.jsonl").is_file():
        found["captions"], wrong = _caption_agreement(folder, captioner, limit)
        unreadable |= wrong
        broken += _refused(captioner.refusals, "pictures")
    if not found:
        raise UsageError(
            f"{folder} has neither questions.jsonl nor scenes.jsonl to measure understanding with"
        )
    broken += [f"{path.name}: {reason}" for path, reason in sorted(unreadable.items())]
    return found | ({"broken": broken} if broken else {})


def _refused(refusals: Refusals, what: str) -> list[str]:
    """In words, that the model refused some, which count as wrong."""
    if not refusals.refused:
        return []
    return [f"{refusals.refused} {what} refused, which count as wrong ({refusals.reason.partition(':')[0]})"]


def _caption_agreement(
    folder: Path, captioner: LenientCaptioner, limit: int | None
) -> tuple[dict[str, float], dict[Path, str]]:
    """How well captions name what was drawn, and why pictures cannot be read, which do not count."""
    rows = [jsonlib.loads(line) for line in (folder / "scenes.jsonl").read_text("utf-8").splitlines()][:limit]
    report = stage("captions", len(rows))
    captions: list[str] = []
    scenes: list[Scene] = []
    unreadable: dict[Path, str] = {}
    for start in range(0, len(rows), 32):
        part = {folder / row["file_name"]: row["scene"] for row in rows[start : start + 32]}
        pictures, wrong = load_readable(part)
        unreadable |= wrong
        captions += captioner.caption(list(pictures.values()), "detailed")
        scenes += [Scene.from_dict(part[path]) for path in pictures]
        report(len(part))
    return asdict(agreement(captions, scenes)), unreadable
