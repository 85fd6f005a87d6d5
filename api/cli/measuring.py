"""`vasari eval --queries` and `vasari compare`: judged searches of a library, or runs of TREC's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.judging import tell_left_out
from vasari.api.cli.options import FILE, PLACE, Integer, choice, command, json_option, library_option
from vasari.api.cli.output import counted
from vasari.api.cli.progress import stage
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation import trec
from vasari.retrieval.evaluation.compare import Verdict
from vasari.retrieval.evaluation.graded import MEASURES
from vasari.retrieval.evaluation.judgments import (
    DEPTH,
    Found,
    JudgedSearch,
    answerable,
    averages,
    figures_of,
)
from vasari.retrieval.evaluation.runs import read_runs
from vasari.retrieval.evaluation.side_by_side import MEASURE, SHOWN, SideBySide, side_by_side
from vasari.retrieval.evaluation.variants import parse_variant
from vasari.retrieval.library import comparing, judging
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.atomic import write_bytes

_FEW = 0.5  # share of judged hits below which figures are a lower bound


@dataclass(frozen=True, slots=True)
class Asked:
    """What `vasari eval` is to measure, where it measures judged searches."""

    queries: str | None
    qrels: Path | None
    run: Path | None  # a run to be measured; without one the library is searched
    write_run: Path | None
    variant: str
    depth: int
    language: str | None
    library: Path | None


def measure(asked: Asked, *, json: bool) -> None:
    """Measure how well the library answers judged queries, or how well a run does."""
    if asked.run is None:
        done = _searched(
            asked.queries, asked.qrels, [asked.variant], asked.depth, asked.language, asked.library
        )
    else:
        done = _read([asked.run], asked.queries, asked.qrels)
    (answers,) = done.answers
    if asked.write_run is not None:
        run = {
            one.name: [(done.item(item), score) for item, score in found]
            for one, found in done.pairs(answers)
        }
        write_bytes(
            asked.write_run, "".join(trec.run_lines(run, "vasari")).encode("utf-8", "surrogateescape")
        )
    means, bounds = averages(done.searches, figures_of(done.searches, answers))
    if json:
        fields = {"setting": done.names[0], **done.counts(), "figures": means, "intervals": bounds}
        output.print_json(fields)
        return
    done.tell()
    output.heading(f"  {'':14} mean   95 % interval")
    for name, mean in means.items():
        low, high = bounds[name]
        spread = f"[{low:.3f}, {high:.3f}]" if len(done.searches) > 1 else "one query has none"
        output.line(f"  {name:14} {mean:.3f}  {spread}")
    if done.partial:
        _tell_few(means["judged@10"])


@command(example="vasari compare default 'rerank, weight=0.3' --queries judgments")
@click.argument("a", metavar="A", type=PLACE, help="A setting, or a run file.")
@click.argument("b", metavar="B", type=PLACE, help="Another one.")
@click.option(
    "--queries",
    metavar="FILE",
    help="judgments: those of the library; JSON lines, TREC topics (with --qrels), or a dataset.  [default: judgments]",
)
@click.option("--qrels", type=FILE, help="The judgments of TREC topics.")
@click.option("--measure", type=choice(MEASURES), default=MEASURE, help="The figure that decides.")
@click.option("--depth", type=Integer(1, 10_000), default=DEPTH, help="How many results are looked at.")
@click.option("--changed", type=Integer(0), default=SHOWN, help="How many of the changed queries to tell.")
@click.option("--language", help="Only queries of this language, where the file says.")
@json_option
@library_option
def compare(
    a: str,
    b: str,
    queries: str | None,
    qrels: Path | None,
    measure: str,
    depth: int,
    changed: int,
    language: str | None,
    json: bool,
    library: Path | None,
) -> None:
    """Tell whether one setting finds better than another, by a paired test.

    A setting is `default`, or what a search is asked with, between commas: space=NAME, model=NAME, rerank, rerank=64,
    weight=0.3, hybrid=off, literally, collapse, diversify=0.7, regions, fair, fair=off, fair_weight=0.5. Both may also
    be run files of TREC's form, with --qrels.

    With fair a space that ranks by cosine is ranked as `vasari tune ranking --use nnn` would have it, for this once.
    """
    files = [Path(one).is_file() for one in (a, b)]
    if all(files):
        done = _read([Path(a), Path(b)], queries, qrels)
    elif any(files):
        raise UsageError("compare two settings, or two run files")
    else:
        done = _searched(queries, qrels, [a, b], depth, language, library)
    first, second = done.answers
    found = side_by_side(done.searches, first, second, (done.names[0], done.names[1]), measure, changed)
    if json:
        output.print_json(found.as_json() | done.counts())
        return
    done.tell()
    _show(found)
    if done.partial:
        judged = found.comparisons["judged@10"]
        _tell_few(min(judged.first, judged.second))
    if found.changed:
        output.line(f"queries that changed most, by {found.measure}:")
    for change in found.changed:
        narrowed = f"  ({change.search.request.filter})" if change.search.request.filter else ""
        output.line(f"  {change.first:.3f} → {change.second:.3f}  {change.search.query}{narrowed}")


@dataclass(frozen=True, slots=True)
class _Done:
    """Judged searches, and what each setting or run found for them."""

    names: list[str]
    searches: list[JudgedSearch]
    answers: list[list[Found]]
    empty: int  # judged queries without a right item
    left_out: list[str]
    items: list[str] | None = None  # names of the items of runs
    partial: bool = False  # thumbs: right items that nobody was shown were not judged

    def item(self, item: int) -> str:
        """The item's name in a run."""
        return str(item) if self.items is None else self.items[item]

    def pairs(self, answers: Sequence[Found]) -> list[tuple[JudgedSearch, Found]]:
        """Each search with what was found for it."""
        return list(zip(self.searches, answers, strict=True))

    def counts(self) -> dict[str, Any]:
        """What was measured, and what was not."""
        return {
            "queries": len(self.searches),
            "judgments": sum(len(one.grades) for one in self.searches),
            "without_right": self.empty,
            "left_out": self.left_out,
        }

    def tell(self) -> None:
        """The same in words."""
        counts = self.counts()
        queries, judgments = counts["queries"], counts["judgments"]
        output.line(f"{counted(queries, 'query', 'queries')}, {counted(judgments, 'judgment', 'judgments')}")
        if self.empty:
            without = counted(self.empty, "judged query has", "judged queries have")
            output.line(f"  {without} no right picture, and does not count")
        tell_left_out(self.left_out)


def _searched(
    queries: str | None,
    qrels: Path | None,
    variants: Sequence[str],
    depth: int,
    language: str | None,
    library: Path | None,
) -> _Done:
    with Library.open(library) as opened:
        spaces = opened.catalog.spaces.all()
        asked = [parse_variant(one, spaces) for one in variants]
        known, left_out = judging.searches(opened, queries or judging.JUDGMENTS, qrels, language)
        searches, empty = answerable(known)
        answers = comparing.answers(opened, searches, asked, depth, stage)
    partial = queries in (None, judging.JUDGMENTS)
    return _Done([one.name for one in asked], searches, answers, empty, left_out, partial=partial)


def _read(runs: Sequence[Path], topics: str | None, qrels: Path | None) -> _Done:
    if qrels is None:
        raise UsageError("a run is measured by judgments: say --qrels FILE")
    found = read_runs(runs, qrels, None if topics is None else Path(topics))
    return _Done([run.name for run in runs], found.searches, found.answers, found.empty, [], found.items)


def _show(found: SideBySide) -> None:
    first, second = found.names
    for letter, name in zip("AB", found.names, strict=True):
        output.line(f"  {letter}  {name}")
    output.line(f"  {'':12} {'A':>7} {'B':>7} {'B - A':>8}  {'95 % interval':18} {'p':>6}")
    for name, one in found.comparisons.items():
        interval = f"[{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]"
        output.line(
            f"  {name:12} {one.first:7.3f} {one.second:7.3f} {one.difference:+8.3f}  {interval:18} {_p(one.p):>6}"
        )
    output.line(_sentence(found, first, second))


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _sentence(found: SideBySide, first: str, second: str) -> str:
    one, by = found.decisive, f"by {found.measure}"
    match one.verdict:
        case Verdict.BETTER:
            return f"B ({second}) is better {by}: p {_p(one.p)}"
        case Verdict.WORSE:
            return f"A ({first}) is better {by}: p {_p(one.p)}"
        case Verdict.TOO_FEW:
            few = counted(one.groups, "query is", "queries are")
            return f"{few} too few to tell a difference from chance: judge six or more"
    shown = f"a difference of {one.detectable:.3f} would be found in 4 of 5 such comparisons"
    return f"no difference shown {by}: p {_p(one.p)} ({shown})"


def _tell_few(judged: float) -> None:
    if judged < _FEW:
        output.note(
            f"{judged:.0%} of the first ten were judged, and the rest counts as wrong: judge more of what is found"
        )
