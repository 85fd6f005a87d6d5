"""INQUIRE: expert queries about nature, each with all of its right pictures (Vendrow et al., NeurIPS 2024).

    inquire_annotations.csv          query_id, image_id, image_path: every row is a right picture
    inquire_queries_test.csv         query_id, query_text, supercategory; of `--split val` inquire_queries_val.csv

Both in the folder that is named, in inquire/ or in data/inquire/; pictures as iNat24 has them, in inat24/train/ or
inat24/train_rerank/ beside them. The gallery is what is there. Figures as its code has them: of the first 50.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation import graded
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles
from vasari.retrieval.evaluation.graded import GradedRanking
from vasari.retrieval.evaluation.metrics import interval, ranked
from vasari.retrieval.evaluation.report import Reranking, Stage, picture_features, rerank, silent
from vasari.retrieval.evaluation.rows import read_csv
from vasari.retrieval.models.ports import DualEncoder

CUTOFF = 50
_ANNOTATIONS = "inquire_annotations.csv"
_PLACES = ("", "inquire", "data/inquire")
_PICTURES = ("inat24", "", "../inat24")  # from where the files lie, and from the folder that was named
_SPLITS = ("train", "train_rerank", "images_rerank")


@dataclass(frozen=True, slots=True)
class ExpertQuery:
    """What is asked, the places of its right pictures in the gallery, and its supercategory."""

    text: str
    right: tuple[int, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Inquire:
    """The benchmark as far as it is on disk."""

    gallery: tuple[Path, ...]
    queries: tuple[ExpertQuery, ...]
    missing: tuple[str, ...] = ()  # right pictures that are not on disk
    broken: tuple[str, ...] = ()  # what is wrong with each line or picture that was left out

    def without(self, unreadable: Mapping[Path, str]) -> Inquire:
        """The rest where these pictures cannot be read; UsageError where no query has a right one left."""
        kept = [place for place, image in enumerate(self.gallery) if image not in unreadable]
        new = {place: number for number, place in enumerate(kept)}
        queries = (
            replace(query, right=tuple(new[place] for place in query.right if place in new))
            for query in self.queries
        )
        left = tuple(query for query in queries if query.right)
        if not left:
            path, reason = next(iter(unreadable.items()))
            raise UsageError(f"no right picture of any query can be read: {path}: {reason}")
        wrong = (f"{path.name}: {reason}" for path, reason in sorted(unreadable.items()))
        gallery = tuple(self.gallery[place] for place in kept)
        return replace(self, gallery=gallery, queries=left, broken=(*self.broken, *wrong))


def find_inquire(path: Path) -> Path | None:
    """The benchmark's table of right pictures that `path` is or holds."""
    if path.name == _ANNOTATIONS and path.is_file():
        return path
    return next((file for place in _PLACES if (file := path / place / _ANNOTATIONS).is_file()), None)


def read_inquire(
    path: Path,
    annotations: Path,
    *,
    split: str | None = None,
    pictures: Path | None = None,
    limit: int | None = None,
) -> Inquire:
    """Read what `find_inquire` found.

    Args:
        path: the folder that was named.
        annotations: the table of right pictures.
        split: test (the default) or val.
        pictures: the folder that iNat24's pictures lie in, if it is none of the usual.
        limit: the first so many pictures in the order of their paths.

    Raises:
        NotFoundError: no such split, or no such folder of pictures.
        UsageError: a table that cannot be read, or no query has a right picture on disk.
    """
    table = annotations.parent / f"inquire_queries_{split or 'test'}.csv"
    if not table.is_file():
        raise NotFoundError(f"no {table.name} beside {annotations}: it has the queries")
    asked, broken = read_csv(table, ("query_id", "query_text"))
    noted, wrong = read_csv(annotations, ("query_id", "image_path"))
    right_of: dict[str, set[str]] = defaultdict(set)
    for _, row in noted:
        right_of[row["query_id"]].add(_inner(row["image_path"]))
    gallery = _gallery(path, annotations.parent, pictures, limit)
    places = {name: place for place, name in enumerate(gallery)}
    queries = [
        ExpertQuery(
            row["query_text"],
            tuple(sorted(places[name] for name in right_of[row["query_id"]] if name in places)),
            row.get("supercategory", "") or "other",
        )
        for _, row in asked
    ]
    names = {name for _, row in asked for name in right_of[row["query_id"]]}
    left = tuple(query for query in queries if query.right)
    if not left:
        raise UsageError(
            f"none of the {len(names):,} right pictures of {table.name} is on disk: iNat24's belong in"
            f" {annotations.parent.parent / 'inat24' / 'train'}, or --images FOLDER says where they are"
        )
    missing = tuple(sorted(names - places.keys()))
    return Inquire(tuple(gallery.values()), left, missing, (*broken, *wrong))


def inquire_figures(
    dataset: Inquire,
    encoder: DualEncoder,
    cache: EmbeddingFiles,
    reranking: Reranking | None = None,
    stage: Stage = silent,
) -> dict[str, Any]:
    """Figures by who ranked: of all queries with 95 % intervals, and by supercategory."""
    texts = [query.text for query in dataset.queries]
    pictures = cache.pictures(dataset.gallery, encoder, stage("pictures", len(dataset.gallery)))
    vectors = cache.texts(texts, encoder, stage("queries", len(texts)))
    heads, again = [], []
    report = stage("rerank queries", len(texts)) if reranking else None
    for row, query in enumerate(dataset.queries):
        scores = _cosines(vectors, pictures, row)
        order = ranked(scores, query.right)
        heads.append(order[:CUTOFF].tolist())
        if reranking and report:
            top = order[: reranking.top]
            features = picture_features([dataset.gallery[place] for place in top], reranking.reranker)
            within = rerank([query.text], scores[None, top], features, reranking)[0]
            again.append([*top[within].tolist(), *order[reranking.top :].tolist()][:CUTOFF])
            report(1)
    figures = {"dual_encoder": _summary(dataset.queries, heads)}
    return figures | ({"reranked": _summary(dataset.queries, again)} if reranking else {})


def query_values(head: Sequence[int], right: Sequence[int]) -> dict[str, float]:
    """The figures of one query, of which `head` are the first pictures found.

    AP is normalised by the right pictures that could be among the first 50 (supplement of the paper).
    """
    ranking = GradedRanking.of(head, dict.fromkeys(right, 1))
    reachable = min(len(right), CUTOFF)
    first = np.flatnonzero(ranking.gains)
    return {
        f"mAP@{CUTOFF}": graded.average_precision(ranking, CUTOFF) * len(right) / reachable,
        f"nDCG@{CUTOFF}": graded.ndcg(ranking, CUTOFF),
        f"MRR@{CUTOFF}": 1 / (int(first[0]) + 1) if len(first) else 0.0,
        f"precision@{CUTOFF}": graded.precision(ranking, CUTOFF),
        f"recall@{CUTOFF}": graded.recall(ranking, CUTOFF),
    }


def _summary(queries: Sequence[ExpertQuery], heads: Sequence[Sequence[int]]) -> dict[str, Any]:
    values = [query_values(head, query.right) for query, head in zip(queries, heads, strict=True)]
    columns = {name: np.array([one[name] for one in values]) for name in values[0]}
    kinds = np.array([query.kind for query in queries])
    return {
        "queries": len(queries),
        **{name: float(column.mean()) for name, column in columns.items()},
        "intervals": {name: interval(column) for name, column in columns.items()},
        "kinds": {
            str(kind): {
                "queries": int((kinds == kind).sum()),
                **{name: float(column[kinds == kind].mean()) for name, column in columns.items()},
            }
            for kind in np.unique(kinds)
        },
    }


def _cosines(vectors: UnitVectors, pictures: UnitVectors, row: int) -> NDArray[np.float32]:
    """Of one query with all pictures: the table of all queries would take gigabytes where there are 5 M pictures."""
    cosines: NDArray[np.float32] = pictures @ vectors[row]
    return cosines


def _gallery(path: Path, beside: Path, pictures: Path | None, limit: int | None) -> dict[str, Path]:
    """All pictures on disk by their paths below the split's folder, in the order of these."""
    if pictures is not None and not pictures.is_dir():
        raise NotFoundError(f"no folder of pictures at {pictures}")
    roots = (
        [pictures]
        if pictures
        else [root / name for root in (path, beside, beside.parent) for name in _PICTURES]
    )
    found: dict[str, Path] = {}
    for root in dict.fromkeys(root.resolve() for root in roots if root.is_dir()):
        for folder in [root / split for split in _SPLITS if (root / split).is_dir()] or (
            [root] if pictures else []
        ):
            for file in _pictures_below(folder):
                found.setdefault(_inner(file.relative_to(folder.parent).as_posix()), file)
    return dict(sorted(found.items())[:limit])


def _pictures_below(folder: Path) -> list[Path]:
    return [
        Path(root) / name
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith((".jpg", ".jpeg", ".png"))
    ]


def _inner(path: str) -> str:
    """The path below the split's folder: train/00001_Animalia/a.jpg and train_rerank/00001_Animalia/a.jpg are one."""
    return path.replace("\\", "/").partition("/")[2] or path
