"""What `vasari eval` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vasari.api.cli import output
from vasari.api.cli.output import counted
from vasari.retrieval.evaluation.inquire import CUTOFF
from vasari.retrieval.evaluation.metrics import RECALL_AT
from vasari.retrieval.evaluation.report import FAIR


def print_captions(language: str, fields: dict[str, Any]) -> None:
    """Figures of the captions of one language."""
    output.line(
        f"{fields['dataset']} ({language}): {counted(fields['images'], 'picture', 'pictures')},"
        f" {counted(fields['texts'], 'caption', 'captions')}"
    )
    print_left_out(fields)
    rows = [("text → image", "text_to_image", fields), ("image → text", "image_to_text", fields)]
    stages = [name for name in ("reranked", "hybrid", *FAIR) if name in fields]
    rows[1:1] = [(f"  {name}", f"{name}_text_to_image", fields[name]) for name in stages]
    output.heading("  R@k: a right answer is among the first k (± half a 95 % interval); median: its rank")
    output.line(f"  {'':14} {'R@1':>15} {'R@5':>7} {'R@10':>7} {'median':>7} {'mAP@10':>7} {'P@10':>7}")
    for label, key, source in rows:
        figures = source[key if source is fields else "text_to_image"]
        bounds = fields["intervals"][key]["R@1"]
        spread = f"{figures['R@1']:.3f} ±{(bounds[1] - bounds[0]) / 2:.3f}"
        output.line(
            f"  {label:14} {spread:>15} {figures['R@5']:7.3f} {figures['R@10']:7.3f} "
            f"{figures['median_rank']:7.1f} {figures['mAP@10']:7.3f} {figures['precision@10']:7.3f}"
        )
    for name, told in fields.get("positives", {}).items():
        print_positives(name, told)
    if skewness := fields.get("hub_skewness"):
        as_it_is, *corrected = (f"{value:.2f}" for value in skewness.values())
        told = ", ".join(f"{value} by {name}" for name, value in zip(FAIR, corrected, strict=True))
        output.line(f"  skewness of how often a picture comes up: {as_it_is}; {told}")
    for who, shares in fields.get("hard_negatives", {}).items():
        kinds = ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items() if kind != "all")
        output.line(f"  true caption preferred to its hard negative, {who}: {shares['all']:.3f} ({kinds})")

    for who, kinds in fields.get("queries", {}).items():
        output.line(f"  typed queries, {who.replace('_', ' ')}: P@10 (nDCG@10)")
        shown = (f"{kind} {one['P@10']:.3f} ({one['nDCG@10']:.3f})" for kind, one in kinds.items())
        output.line(f"    {', '.join(shown)}")


def print_languages(results: dict[str, dict[str, Any]]) -> None:
    """The languages below each other, and their mean."""
    output.line(f"  {'':14} {'text → image':>23}   {'image → text':>23}")
    output.line(f"  {'':14} {'R@1':>7} {'R@5':>7} {'R@10':>7}   {'R@1':>7} {'R@5':>7} {'R@10':>7}")
    for name, fields in [*results.items(), ("mean", mean_of(results))]:
        ways = ((fields[way][f"R@{k}"] for k in RECALL_AT) for way in ("text_to_image", "image_to_text"))
        output.line(f"  {name:14} {'   '.join(' '.join(f'{one:7.3f}' for one in way) for way in ways)}")


def print_understanding(found: dict[str, Any]) -> None:
    """How well the captioner does."""
    if broken := found.get("broken"):
        output.line(f"not used: {'; '.join(broken[:5])}{' …' if len(broken) > 5 else ''}")
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


def mean_of(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The mean over languages of the figures of both directions, as they are cited."""
    ways = ("text_to_image", "image_to_text")
    return {
        way: {
            name: float(np.mean([fields[way][name] for fields in results.values()]))
            for name in next(iter(results.values()))[way]
        }
        for way in ways
    }


def print_benchmark(report: Mapping[str, Any]) -> None:
    """Figures for people."""
    count = next(name for name in ("pairs", "examples", "queries") if name in report)
    pictures = counted(report["images"], "picture", "pictures")
    output.line(f"{report['dataset']}: {pictures}, {report[count]:,} {count}")
    print_left_out(report)
    for who in ("dual_encoder", "reranker", "reranked"):
        if who in report:
            output.line(f"  {who.replace('_', ' ')}")
            shown = (
                _task_rows
                if "tasks" in report[who]
                else _query_rows
                if "kinds" in report[who]
                else _quad_rows
            )
            for line in shown(report[who]):
                output.line(f"    {line}")


def print_positives(name: str, told: Mapping[str, Any]) -> None:
    """Figures by all right answers, below those by the dataset's own."""
    output.line(f"  by all right answers of {name}:")
    output.line(f"  {'':14} {'R@1':>15} {'R@5':>7} {'R@10':>7} {'mAP@R':>7} {'R-prec':>7} {'queries':>7}")
    again = told.get("reranked", {}).get("text_to_image", {})
    rows = (
        ("text → image", told["text_to_image"]),
        ("  reranked", again),
        ("image → text", told["image_to_text"]),
    )
    for label, figures in rows:
        if not figures.get("queries"):
            continue
        shown = " ".join(f"{figures[name]:7.3f}" for name in ("R@5", "R@10", "mAP@R", "R-precision"))
        output.line(
            f"  {label:14} {_spread(figures['R@1'], figures['intervals']['R@1']):>15} {shown}"
            f" {figures['queries']:>7,}"
        )


def print_left_out(report: Mapping[str, Any]) -> None:
    """Pictures that are not on disk, and what cannot be used."""
    if report["missing"]:
        names = ", ".join(report["missing_images"][:5]) + (" …" if report["missing"] > 5 else "")
        missing = counted(report["missing"], "picture is", "pictures are")
        output.line(f"  {missing} not on disk, and left out: {names}")
    if broken := report["broken"]:
        which = "; ".join(broken[:5]) + (" …" if len(broken) > 5 else "")
        unused = counted(len(broken), "caption or picture", "captions or pictures")
        output.line(f"  {unused} cannot be used, and left out: {which}")


def _spread(figure: float, bounds: tuple[float, float]) -> str:
    return f"{figure:.3f} ±{(bounds[1] - bounds[0]) / 2:.3f}"


def _task_rows(told: Mapping[str, Any]) -> list[str]:
    rows = [
        f"{name:16} {task['pairs']:>7,} pairs   "
        + ("too few to count" if task["accuracy"] is None else _spread(task["accuracy"], task["interval"]))
        for name, task in told["tasks"].items()
    ]
    average = told["average"]
    return rows if average is None or len(rows) < 2 else [*rows, f"{'average':31} {average:.3f}"]


def _quad_rows(told: Mapping[str, Any]) -> list[str]:
    return [
        f"{name + ' score':12} {_spread(one['score'], one['interval'])}   "
        + ", ".join(f"{kind} {score:.3f}" for kind, score in one["kinds"].items())
        for name, one in told.items()
    ]


def _query_rows(told: Mapping[str, Any]) -> list[str]:
    name = f"mAP@{CUTOFF}"
    others = (f"{figure} {told[figure]:.3f}" for figure in (f"nDCG@{CUTOFF}", f"MRR@{CUTOFF}"))
    kinds = ", ".join(f"{kind} {one[name]:.3f}" for kind, one in told["kinds"].items())
    return [
        f"{name} {_spread(told[name], told['intervals'][name])}   {', '.join(others)}",
        f"{name}: {kinds}",
    ]
