"""Items found by a part of a picture: what is small in the whole is large in one of its regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import Item, ItemId, UnitVectors
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores
from vasari.retrieval.vectors.regions import box_of


def better_of_regions(
    gallery: Gallery,
    query: UnitVectors,
    whole: tuple[Ids, Scores],
    depth: int,
    allowed: NDArray[np.int64] | None,
) -> tuple[Ids, Scores, dict[ItemId, int]]:
    """The first `depth` items by the better of their whole picture and their best region.

    `whole` are ids (n,) and cosines (n,) of whole pictures, -1 standing for none. The places tell of which region a
    score is, for those that a region brought higher.
    """
    there = whole[0] >= 0
    best = dict(zip(whole[0][there].tolist(), whole[1][there].tolist(), strict=True))
    regions, places = gallery.best_regions(query, depth, allowed), {}
    for item, score, place in zip(
        regions.ids.tolist(), regions.scores.tolist(), regions.places.tolist(), strict=True
    ):
        if score > best.get(item, -np.inf):
            best[item] = score
            places[item] = place
    ranked = sorted(best.items(), key=lambda one: (-one[1], one[0]))[:depth]
    numbers, scores = zip(*ranked, strict=True) if ranked else ((), ())
    return np.array(numbers, np.int64), np.array(scores, np.float32), places


def pixels_of(place: int | None, item: Item) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of a region in pixels of the picture."""
    if place is None or not item.width or not item.height:
        return None
    left, top, right, bottom = box_of(place)
    across, down = item.width, item.height
    return round(left * across), round(top * down), round(right * across), round(bottom * down)
