"""`vasari tune ranking`: what makes answers better in a library, fair ranking and reranking, and switching it on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.options import FILE, Number, choice, command, json_option, library_option, space_option
from vasari.api.cli.progress import stage
from vasari.api.contract.spaces import fair_ranking_fields, tuned_fields
from vasari.retrieval.domain import (
    USUAL_TOP,
    EmbeddingSpace,
    FairMethod,
    FairRanking,
    Modality,
    UnitVectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.fair_ranking import Candidate, Verdict
from vasari.retrieval.evaluation.second_looks import MOST
from vasari.retrieval.evaluation.text_banks import LANGUAGES, read_texts
from vasari.retrieval.library import fair_ranking, reranking_depth
from vasari.retrieval.library.fair_ranking import USUAL, Bank
from vasari.retrieval.library.known_answers import KnownAnswers, embedded, known_answers
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.reranking_depth import RerankVerdict
from vasari.retrieval.models.registry.presets import rerank_weight
from vasari.retrieval.search.fairness import MAX_WEIGHT, MIN_WEIGHT

_MEASURED, _OFF = "measured", "off"


@command(example="vasari tune ranking --dry-run")
@click.option(
    "--use",
    type=choice((_MEASURED, *FairMethod, _OFF)),
    default=_MEASURED,
    help="What helps by measurement, a method unmeasured, or none.",
)
@click.option(
    "--weight", type=Number(MIN_WEIGHT, MAX_WEIGHT), help="With nnn and dn. [default: 0.25 and 0.5]"
)
@click.option("--hubs", type=Number(0.01, 1), help="With nnn: the share of pictures. [default: 0.2]")
@click.option(
    "--bank", type=FILE, metavar="TEXTS", help="At least 2,000 texts, one a line. [default: see above]"
)
@click.option(
    "--language", multiple=True, type=choice(LANGUAGES), help="Phrases in this language; repeatable."
)
@click.option(
    "--rerank/--no-rerank",
    default=True,
    help="Measure how many candidates to rerank, and the reranker's weight, too, where one is on this machine.",
)
@click.option("--dry-run", is_flag=True, help="Measure and report; switch nothing.")
@space_option
@json_option
@library_option
def ranking(
    use: str,
    weight: float | None,
    hubs: float | None,
    bank: Path | None,
    language: tuple[str, ...],
    rerank: bool,
    dry_run: bool,
    space: str | None,
    json: bool,
    library: Path | None,
) -> None:
    """Find out what makes answers better in this library, and switch that on.

    Fair ranking has pictures that come up for everything come later: by nearest neighbour normalization (nnn) or
    distribution normalization (dn), and a bank of texts that nobody asks now: the library's captions and past queries
    where there are 2,500, else everyday phrases in English. Measured on captions, their words and judged queries, in
    five folds; switched on if some of these gain measurably and none loses, else off.

    Reranking is measured after it: how many candidates hold the right answers, and the weight of the reranker's score.
    What is measurably better than 32 candidates and the usual weight is what searches with --rerank do from then on.
    """
    _check(use, weight, hubs, bank, language, dry_run=dry_run)
    with Library.open(library) as opened:
        found = opened.space(space)
        if use == _OFF:
            was_on = fair_ranking.switch_off(opened, found)
            reranking_depth.keep(opened, found, None)
            _tell_off(found, was_on, json=json)
            return
        known = known_answers(opened, found) if use == _MEASURED else None
        texts = _bank(opened, found, bank, language)
        vectors = embedded(opened, found, texts.texts, stage("bank", len(texts.texts)))
        if known is not None:
            _measured(opened, found, known, texts, vectors, rerank=rerank, dry_run=dry_run, json=json)
            return
        usual = USUAL[FairMethod(use)]
        chosen = Candidate(usual.method, weight or usual.weight, hubs or usual.hubs)
        fair = _switched(opened, found, texts, vectors, chosen)
    if json:
        output.print_json({"space": found.name, "fair_ranking": fair_ranking_fields(fair)})
    else:
        output.line(f"{found.name} ranks fairly from now on: {chosen}; {fair.texts:,} texts, {fair.source}")


def _check(
    use: str,
    weight: float | None,
    hubs: float | None,
    bank: Path | None,
    language: tuple[str, ...],
    *,
    dry_run: bool,
) -> None:
    """Raise UsageError for options that do not go together."""
    if (weight is not None or hubs is not None) and use in (_MEASURED, _OFF):
        raise UsageError("--weight and --hubs are measured, unless --use names a method: nnn or dn")
    if hubs is not None and use == FairMethod.DN:
        raise UsageError("--hubs goes with --use nnn: dn takes the same way with every picture")
    if bank is not None and language:
        raise UsageError("--bank and --language both name the bank: choose one")
    if dry_run and use != _MEASURED:
        raise UsageError("--dry-run measures: leave --use away")


def _bank(library: Library, space: EmbeddingSpace, file: Path | None, languages: tuple[str, ...]) -> Bank:
    if file is None:
        return fair_ranking.usual_bank(library, space, languages)
    return Bank(read_texts(file), f"texts of {file.name}")


def _switched(
    library: Library,
    space: EmbeddingSpace,
    bank: Bank,
    vectors: UnitVectors,
    chosen: Candidate,
    gate: float | None = None,
) -> FairRanking:
    if gate is None:
        nnn = chosen.method is FairMethod.NNN
        gate = fair_ranking.gate_of(library, space, vectors, chosen.hubs) if nnn else -1.0
    return fair_ranking.switch_on(
        library,
        space,
        vectors,
        method=chosen.method,
        weight=chosen.weight,
        source=bank.source,
        gate=gate,
        report=stage("pictures", len(library.gallery(Modality.IMAGE, space))),
    )


def _measured(
    library: Library,
    space: EmbeddingSpace,
    known: KnownAnswers,
    bank: Bank,
    vectors: UnitVectors,
    *,
    rerank: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Measure, switch what helps on, or what does not off, and tell."""
    report = stage("ranking", sum(len(asked.answers) for asked in known.asked.values()))
    verdict = fair_ranking.tried(library, space, known, bank, vectors, report)
    fair = library.catalog.spaces.fair_ranking(space.name)
    if not dry_run and verdict.helps and verdict.chosen is not None:
        fair = _switched(library, space, bank, vectors, verdict.chosen, verdict.gate)
    elif not dry_run and fair is not None:
        fair_ranking.switch_off(library, space)
        fair = None
    if not json:
        for line in _told(verdict, bank, by_model=known.by_model):
            output.line(line)
        if not dry_run:
            output.line(f"{space.name} ranks {'by cosine alone' if fair is None else 'fairly from now on'}")
    second = _second_looks(library, space, known) if rerank else None
    reranking = library.catalog.spaces.reranking(space.name)
    if second is not None and not dry_run:
        reranking = reranking_depth.keep(library, space, second)
    if json:
        told = tuned_fields(space, bank.source, len(bank.texts), verdict, fair, second, reranking)
        output.print_json(told)
        return
    if second is not None:
        for line in _told_second(second):
            output.line(line)
    elif rerank:
        name = library.reranker_name()
        output.line(
            f"reranking was not measured: {name} is not on this machine (`vasari models pull {name}`)"
        )
    if dry_run:
        output.line("nothing was switched")
    elif second is not None:
        top, weight = second.chosen.top, second.chosen.weight
        output.line(f"searches with --rerank compare {top} candidates from now on, by weight {weight:g}")


def _second_looks(library: Library, space: EmbeddingSpace, known: KnownAnswers) -> RerankVerdict | None:
    """What reranking does here; None where no reranker is on this machine."""
    if not library.models.has_reranker(space.model):
        return None
    report = stage("reranking", reranking_depth.asked_of(known))
    return reranking_depth.measured(library, space, known, report)


def _told(verdict: Verdict, bank: Bank, *, by_model: bool) -> Iterator[str]:
    written = ", whose captions a model wrote" if by_model else ""
    yield f"{output.counted(verdict.pictures, 'picture', 'pictures')}{written}; bank: {len(bank.texts):,} {bank.source}"
    if verdict.chosen is None:
        yield "fair ranking does not help: no way of it finds more than ranking by cosine"
        return
    yield f"best way of fair ranking: {verdict.chosen}"
    yield f"  {'':16}{'queries':>8}{'nDCG@10':>17}{'R@1':>17}{'P@10':>17}"
    for kind, effect in verdict.effects.items():
        cells = (
            f"{effect.before[name]:.3f} → {effect.after[name]:.3f}" for name in ("nDCG@10", "R@1", "P@10")
        )
        yield f"  {kind:16}{effect.queries:8,}" + "".join(f"{cell:>17}" for cell in cells)
    for kind, effect in verdict.effects.items():
        yield f"  {kind}, on queries it was not chosen by: nDCG@10"
        yield f"    {_interval(effect.difference, effect.low, effect.high)}"
    before, after = verdict.skewness
    yield f"  skewness of how often a picture comes up: {before:.2f} → {after:.2f}"
    yield "it helps" if verdict.helps else "it does not help measurably"


def _told_second(second: RerankVerdict) -> Iterator[str]:
    weight, (gain, low, high) = second.weight, second.gain
    yield f"reranking by {second.chosen.model}, on {second.queries:,} of the queries: nDCG@10"
    usual = f"{USUAL_TOP} candidates and weight {rerank_weight(second.chosen.model):g}"
    yield f"  {second.first_stage:.3f} without, {second.usual:.3f} with {usual}"
    yield f"  {weight.best:g} is the best weight; on queries it was not chosen by"
    yield f"    {_interval(weight.difference, weight.low, weight.high)}"
    yield f"  {second.depth} candidates hold 95 % of the right answers that {MOST} hold; next to {USUAL_TOP}"
    yield f"    {_interval(gain, low, high)}"
    if second.is_usual:
        yield "nothing is measurably better than that"
    else:
        yield f"  {second.tuned:.3f} with {second.chosen.top} candidates and weight {second.chosen.weight:g}"


def _interval(difference: float, low: float, high: float) -> str:
    return f"{difference:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}"


def _tell_off(space: EmbeddingSpace, was_on: bool, *, json: bool) -> None:
    if json:
        told: Mapping[str, Any] = {"space": space.name, "switched_off": was_on, "fair_ranking": None}
        output.print_json(told)
    else:
        output.line(f"{space.name} ranks by cosine alone" + ("" if was_on else "; nothing was switched on"))
