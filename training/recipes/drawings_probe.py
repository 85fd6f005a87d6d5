"""The probe that tells drawings from photos, for `retrieval/models/drawings`: made from postcards and our photos."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.domain import Picture
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.drawings import PROBE, drawn
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.painter import paint
from vasari.training.scenes.scene import Split

FITTED = 600  # drawings for the direction
WEIGHED = 400  # drawings for the threshold
SEEN = 1000  # drawings to count mistakes in
REFUSED = 0.0025  # of drawings
RIDGE = 0.03  # added to the variance: there are more dimensions than photos
PHOTOS = 0.5  # weight of their covariance: they are few
_BATCH = 32

Vectors = NDArray[np.float32]


def make(models: Path) -> None:
    """Fit it, write it beside the captioner, and say how often it is wrong."""
    encoder = OpenClipEncoder.load(str(models / "starter"), device="cpu", precision="float32")
    collection, heldout = DrawnCollection(1, Split.TRAIN), DrawnCollection(77, Split.HELDOUT)
    ours = _embedded(encoder, [_painted(collection, index) for index in range(FITTED + WEIGHED)])
    photos = _embedded(encoder, list(_photos()))
    direction = discriminant(ours[:FITTED], photos)
    least = float(np.quantile(ours[FITTED:] @ direction, REFUSED))
    np.save(models / "scenes-florence" / PROBE, np.append(direction, least).astype(np.float32))
    others = _embedded(encoder, [_painted(heldout, index) for index in range(SEEN)])
    taken = int(drawn(others, direction, least).sum())
    print(f"{SEEN - taken} of {SEEN} heldout drawings are taken for photos")


def discriminant(ours: Vectors, theirs: Vectors) -> Vectors:
    """The unit vector (dim,) along which two sets of vectors (n, dim) differ most for how they vary."""
    difference = ours.mean(axis=0) - theirs.mean(axis=0)
    spread = np.cov(ours.T) + PHOTOS * np.cov(theirs.T) + RIDGE * np.eye(ours.shape[1])
    direction = np.linalg.solve(spread, difference)
    found: Vectors = (direction / np.linalg.norm(direction)).astype(np.float32)
    return found


def _embedded(encoder: OpenClipEncoder, pictures: Sequence[Picture]) -> Vectors:
    parts = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    return np.concatenate([encoder.embed_images(np.stack([*map(encoder.prepare, part)])) for part in parts])


def _painted(collection: DrawnCollection, index: int) -> Picture:
    """As it comes back from a JPEG file."""
    file = io.BytesIO()
    paint(collection.scene(index), collection.size).save(file, "JPEG", quality=90)
    return decode(file.getvalue(), ImageLimits()).picture


def _photos() -> Iterator[Picture]:
    for path in sorted(builtin_data("photos").glob("*.jpg")):
        yield decode(path.read_bytes(), ImageLimits()).picture
