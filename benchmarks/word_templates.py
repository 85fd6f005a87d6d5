"""Do prompt templates help queries of one word?

    python -m benchmarks.word_templates LIBRARY COLLECTION

COLLECTION is a folder that `vasari scenes render` drew, LIBRARY holds its pictures. Asks for every thing, place, time
and weather that has a name of one English word and is seen in some pictures but not in all, as the bare word and
within each template, and measures the mean average precision over all pictures that show it. For photo models no
collection with such ground truth is at hand, so that their words stay bare.

Prints a table with 95 % intervals of the difference to the bare word, over words, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import finish
from vasari.retrieval.domain import Modality, UnitVectors, unit_vectors
from vasari.retrieval.evaluation.metrics import interval
from vasari.retrieval.library.library import Library
from vasari.training.scenes.languages.english import NOUNS
from vasari.training.scenes.scene import Scene

BARE = "{}"
TEMPLATES = (
    BARE, "a {}", "a {}.", "a picture of a {}", "a drawing of a {}", "a picture postcard of a {}", "a photo of a {}.",
    "a picture with a {} in it", "there is a {}", "You can see a {}.",
)  # fmt: skip
ALL = "mean of all"


def shown(scene: Scene) -> set[str]:
    """Words for what the scene shows: all names of one word of its things, and of its place, time and weather."""
    things = {forms[0] for group in scene.groups for forms in NOUNS[group.kind]}
    whole = {scene.setting.value, scene.time.value, scene.weather.value}
    return {word for word in things | whole if word.isalpha()}


def average_precisions(
    vectors: UnitVectors, queries: UnitVectors, truth: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Average precision of each query (words,), given which pictures (words, pictures) are right."""
    order = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")
    right = np.take_along_axis(truth, order, axis=1)
    precision = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    found: NDArray[np.float64] = (precision * right).sum(axis=1) / right.sum(axis=1)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("collection", type=Path)
    options = parser.parse_args(arguments)
    rows = [
        json.loads(line) for line in (options.collection / "scenes.jsonl").read_text("utf-8").splitlines()
    ]
    seen = {Path(row["file_name"]).name: shown(Scene.from_dict(row["scene"])) for row in rows}
    with Library.open(options.library) as library:
        gallery = library.gallery(Modality.IMAGE)
        items = [
            item for item in library.items(gallery.ids().tolist()).values() if Path(item.uri).name in seen
        ]
        pictures = [seen[Path(item.uri).name] for item in items]
        vectors = gallery.vectors_of([item.id for item in items])
        words = sorted(w for w in set.union(*pictures) if not all(w in words for words in pictures))
        truth = np.array([[word in words for words in pictures] for word in words])
        queries = {
            template: library.embed_texts([template.replace("{}", word) for word in words], library.space())
            for template in TEMPLATES
        }
        space = library.space().name
    queries[ALL] = unit_vectors(np.mean(list(queries.values()), axis=0))
    precisions = {name: average_precisions(vectors, asked, truth) for name, asked in queries.items()}
    report = {"space": space, "pictures": len(pictures), "words": len(words)}
    print(f"{len(words)} words, {len(pictures)} pictures, {space}")
    print(f"{'template':28} {'mAP':>6} {'against the bare word':>24}")
    found = {}
    for name, values in precisions.items():
        low, high = interval(values - precisions[BARE])
        gain = float((values - precisions[BARE]).mean())
        print(f"{name:28} {values.mean():6.3f} {gain:+8.3f} ({low:+.3f} … {high:+.3f})")
        found[name] = {"mAP": round(float(values.mean()), 4), "gain": round(gain, 4), "interval": (low, high)}
    finish("word_templates", **report, templates=found)


if __name__ == "__main__":
    main()
