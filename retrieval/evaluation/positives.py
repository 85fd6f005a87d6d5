"""Further right answers for COCO's test pictures, of which its captions name one each and there are more.

    ECCV-Caption   eccv_caption_to_image.json, eccv_image_to_caption.json (the package eccv_caption; Chun et al.,
                   ECCV 2022): mAP@R, R-precision and R@1 of 1,332 captions and 1,261 pictures
    CxC            sits_test.csv, sits_val.csv (Crisscrossed Captions; Parekh et al., EACL 2021): pairs that people gave
                   at least 3 of 5; R@k. As part of the package eccv_caption: cxc_*.json

They lie in a folder with COCO's captions: dataset_coco.json (Karpathy's split, whose 5,000 test pictures are the
gallery), or captions_val2014.json beside original_image_to_caption.json, which says which pictures these are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation import graded
from vasari.retrieval.evaluation.caption_files import as_id, read_document
from vasari.retrieval.evaluation.datasets import Captions, Dataset
from vasari.retrieval.evaluation.graded import GradedRanking
from vasari.retrieval.evaluation.metrics import RECALL_AT, interval, ranked
from vasari.retrieval.evaluation.rows import read_csv

_PLACES = ("", "*/", "*/*/", "*/*/*/")  # below the folder that is named
_FEWEST = 3.0  # of 5: what counts as right in CxC (Parekh et al., section 3)
_HEAD = max(RECALL_AT)

Ids = Mapping[str, frozenset[str]]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Positives:
    """All right pictures of captions and all right captions of pictures, by their ids.

    `strangers` are captions that the files name and COCO's test captions do not have (ECCV-Caption has two): nothing
    can find them, and by its definition they count among the right ones all the same.
    """

    name: str
    images_of: Ids
    captions_of: Ids
    broken: tuple[str, ...] = ()
    strangers: frozenset[str] = frozenset()


def find_positives(
    path: Path, captions: Captions, split: str | None = None
) -> tuple[Captions, list[Positives]]:
    """What of this lies in the folder of COCO's captions, and the captions of the pictures that it is measured on.

    Raises UsageError where nothing says which pictures these are.
    """
    root = path if path.is_dir() else captions.directory
    if not any(pair.image_id and pair.text_id for pair in captions.pairs):
        return captions, []
    found = [one for one in (_eccv(root, split), _cxc(root, split)) if one is not None]
    if not found or any(pair.split for pair in captions.pairs):
        return captions, _with_strangers(found, captions)
    listed = _first(root, "original_image_to_caption.json")
    if listed is None:
        if path.is_file():
            return captions, []
        raise UsageError(
            f"{found[0].name} is measured on the 5,000 test pictures of Karpathy's split, and nothing in {root} says"
            " which these are: add dataset_coco.json, or name the file of captions to measure these alone"
        )
    wanted = set(_by_id(listed))
    if lacking := wanted - {pair.image_id for pair in captions.pairs}:
        raise UsageError(
            f"{captions.file} has no captions of {len(lacking):,} of the {len(wanted):,} test pictures that"
            f" {found[0].name} is measured on: they are in captions_val2014.json, or dataset_coco.json"
        )
    captions = captions.of_images(wanted)
    return captions, _with_strangers(found, captions)


def positive_figures(
    positives: Positives, dataset: Dataset, scores: Scores, order: NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Figures of both directions by all right answers, with 95 % intervals that resample pictures.

    Args:
        positives: the right answers; those that are not on disk are left out, and so are queries without any.
        dataset: pictures and captions with their ids.
        scores: (texts, images), higher is better.
        order: (texts, top) pictures that replace the first ranks, for figures of text to image alone.
    """
    image_places = {image: place for place, image in enumerate(dataset.image_ids)}
    text_places = {text: place for place, text in enumerate(dataset.text_ids)}
    asked = _places(positives.images_of, text_places, image_places)
    values = _values(scores, asked, {}, order)
    owners = [dataset.answers[text] for text in asked]
    told: dict[str, Any] = {"text_to_image": _summary(values, owners)}
    if order is None:
        asked = _places(positives.captions_of, image_places, text_places)
        beyond = {
            image_places[image]: len(texts & positives.strangers)
            for image, texts in positives.captions_of.items()
            if image in image_places
        }
        told["image_to_text"] = _summary(_values(scores.T, asked, beyond), list(asked))
    return told


def _places(right: Ids, queries: Mapping[str, int], candidates: Mapping[str, int]) -> dict[int, list[int]]:
    """The right candidates of each query, by their places; only queries that have some."""
    found = {
        queries[query]: [candidates[one] for one in ones if one in candidates]
        for query, ones in right.items()
        if query in queries
    }
    return {query: sorted(ones) for query, ones in sorted(found.items()) if ones}


def _values(
    scores: Scores,
    asked: Mapping[int, Sequence[int]],
    beyond: Mapping[int, int],
    order: NDArray[np.int64] | None = None,
) -> list[dict[str, float]]:
    """The figures of each query, of which `beyond` says how many right answers cannot be found."""
    values = []
    for query, right in asked.items():
        found = ranked(scores[query], right, None if order is None else order[query])
        unfound = range(-beyond.get(query, 0), 0)
        head = found[: max(_HEAD, len(right) + len(unfound))].tolist()
        ranking = GradedRanking.of(head, dict.fromkeys([*right, *unfound], 1))
        recalls = {f"R@{k}": graded.success(ranking, k) for k in RECALL_AT}
        own = {"mAP@R": graded.map_at_r(ranking), "R-precision": graded.r_precision(ranking)}
        values.append(recalls | own)
    return values


def _summary(values: Sequence[Mapping[str, float]], owners: Sequence[int]) -> dict[str, Any]:
    """Means over queries, and their intervals, for which the queries of one picture are drawn together."""
    if not values:
        return {"queries": 0}
    columns = {name: np.array([one[name] for one in values]) for name in values[0]}
    return {
        "queries": len(values),
        **{name: float(column.mean()) for name, column in columns.items()},
        "intervals": {name: interval(column, groups=owners) for name, column in columns.items()},
    }


def _with_strangers(found: Iterable[Positives], captions: Captions) -> list[Positives]:
    known = {pair.text_id for pair in captions.pairs}
    return [replace(one, strangers=frozenset().union(*one.captions_of.values()) - known) for one in found]


def _eccv(root: Path, split: str | None) -> Positives | None:
    return _json_pair(root, "eccv") if split in (None, "test") else None


def _cxc(root: Path, split: str | None) -> Positives | None:
    """The published tables; else what another package made of those of the test split."""
    file = _first(root, f"sits_{split or 'test'}.csv")
    if file is None:
        return _json_pair(root, "cxc") if split in (None, "test") else None
    images_of: dict[str, set[str]] = defaultdict(set)
    rows, broken = read_csv(file, ("caption", "image", "agg_score"))
    for number, row in rows:
        text = row["caption"].rpartition(":")[2]  # COCO_val2014:sentid:732091
        image = row["image"].partition(".")[0].rpartition("_")[2]  # COCO_val2014_000000365325.jpg
        try:
            text, image, score = str(int(text)), str(int(image)), float(row["agg_score"])
        except ValueError:
            broken.append(f"{file.name}, line {number}: needs a caption's id, a picture's name and a score")
        else:
            if score >= _FEWEST:
                images_of[text].add(image)
    return Positives("CxC", _frozen(images_of), _frozen(_turned(images_of)), tuple(broken))


def _json_pair(root: Path, name: str) -> Positives | None:
    forward, backward = (
        _first(root, f"{name}_{way}.json") for way in ("caption_to_image", "image_to_caption")
    )
    if forward is None or backward is None:
        return None
    return Positives({"eccv": "ECCV-Caption", "cxc": "CxC"}[name], _by_id(forward), _by_id(backward))


def _by_id(file: Path) -> Ids:
    """A JSON object of lists of ids; UsageError where it is none."""
    data = read_document(file)
    if not isinstance(data, dict) or not all(isinstance(ids, list) for ids in data.values()):
        raise UsageError(f"{file} is no object that has a list of ids for each id")
    return {as_id(key): frozenset(map(as_id, ids)) for key, ids in data.items()}


def _first(root: Path, name: str) -> Path | None:
    return next((file for place in _PLACES for file in sorted(root.glob(f"{place}{name}"))), None)


def _turned(right: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    turned: dict[str, set[str]] = defaultdict(set)
    for one, others in right.items():
        for other in others:
            turned[other].add(one)
    return turned


def _frozen(right: Mapping[str, Iterable[str]]) -> Ids:
    return {one: frozenset(others) for one, others in right.items()}
