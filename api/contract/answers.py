"""What models say of a picture: match, labels, caption, answer and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vasari.api.contract.scalars import Fields, clamped
from vasari.api.json_text import original
from vasari.retrieval.domain import Region


def match_fields(score: float) -> Fields:
    """An image-text match: the probability that a sentence describes a picture, in [0, 1]."""
    return {"score": clamped(score)}


def read_match(body: Mapping[str, Any]) -> float:
    """The inverse."""
    return float(body["score"])


def labels_fields(labels: Sequence[tuple[str, float]]) -> Fields:
    """Labels, the best first; `score` is a label's probability among those given, in [0, 1]."""
    return {"labels": [{"label": label, "score": clamped(score)} for label, score in labels]}


def read_labels(body: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The inverse."""
    return [(original(entry["label"]), float(entry["score"])) for entry in body["labels"]]


def description_fields(caption: str) -> Fields:
    """A description of a picture."""
    return {"caption": caption}


def read_description(body: Mapping[str, Any]) -> str:
    """The inverse."""
    return str(original(body["caption"]))


def answer_fields(answer: str) -> Fields:
    """A short answer to a question about a picture."""
    return {"answer": answer}


def read_answer(body: Mapping[str, Any]) -> str:
    """The inverse."""
    return str(original(body["answer"]))


def regions_fields(regions: Sequence[Region]) -> Fields:
    """Things in a picture; `box` is left, top, right and bottom in pixels of the whole picture, upright."""
    return {"regions": [{"label": r.label, "box": [r.left, r.top, r.right, r.bottom]} for r in regions]}


def read_regions(body: Mapping[str, Any]) -> list[Region]:
    """The inverse."""
    return [_read_region(entry) for entry in body["regions"]]


def _read_region(entry: Mapping[str, Any]) -> Region:
    left, top, right, bottom = entry["box"]
    return Region(left, top, right, bottom, original(entry["label"]))
