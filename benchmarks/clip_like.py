"""Vectors that lie as a CLIP's do, without a model: pictures in one cone, texts in another, both in clusters.

A picture is half a direction that all pictures share and half its content: √½ m + √½ z. A text is half the direction
of all texts, and half the content of the picture that it tells of with noise of its own: √½ t + √½ (s z + √(1 - s²) n).
With m · t = 0.2 and s = 0.4 the cosines are about those of photos with ViT-B-32: two pictures 0.5, a picture and an
unrelated text 0.1, a picture and its own caption 0.3. So queries come from where no row is, which is what makes graphs
that are built on the rows alone lose their way.

Contents are drawn around topics, and around themes within these, with fewer in the larger ones (as 1 / rank); their
spread falls with the dimension (as 1 / √dimension), so that some 150 of 512 dimensions matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors, unit_vectors

_BETWEEN_CONES = 0.2
_TOLD = 0.4  # s: how much of a picture's content its caption tells
_TOPICS = 64
_THEMES = 32  # in each topic
_THEME = 0.45  # of the variance of a row of `pictures_like`: its theme's
_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class ClipLike:
    """A source of pictures and texts; the same seed gives the same."""

    dim: int = 512
    seed: int = 0

    def pictures(self, count: int) -> Iterator[UnitVectors]:
        """`count` rows, in blocks."""
        image, _ = self._cones()
        for start in range(0, count, _AT_ONCE):
            contents = self._contents(min(_AT_ONCE, count - start), 1 + start)
            yield unit_vectors(np.sqrt(0.5) * (image + contents))

    def texts(self, count: int, rows: int) -> UnitVectors:
        """Captions of pictures of the same topics, none of which is among the first `rows`."""
        _, text = self._cones()
        contents = self._contents(count, rows + 7)
        noise = self._spread(np.random.default_rng((self.seed, 3)), count)
        told = _TOLD * contents + np.sqrt(1 - _TOLD**2) * unit_vectors(self._outside(noise))
        return unit_vectors(np.sqrt(0.5) * (text + told))

    def _cones(self) -> NDArray[np.float32]:
        """The directions (2, dim) of all pictures and of all texts."""
        first, second = unit_vectors(np.random.default_rng((self.seed, 1)).standard_normal((2, self.dim)))
        across = second - (second @ first) * first
        across /= np.linalg.norm(across)
        second = _BETWEEN_CONES * first + np.sqrt(1 - _BETWEEN_CONES**2) * across
        return np.asarray(np.stack([first, second]), np.float32)

    def _contents(self, count: int, stream: int) -> UnitVectors:
        """Unit vectors (count, dim) around topics and themes, at right angles to both cones."""
        fixed = np.random.default_rng((self.seed, 2))
        topics = unit_vectors(self._spread(fixed, _TOPICS))
        themes = unit_vectors(self._spread(fixed, _TOPICS * _THEMES))
        chance = np.random.default_rng((self.seed, 4, stream))
        topic = chance.choice(_TOPICS, count, p=_falling(_TOPICS))
        theme = topic * _THEMES + chance.choice(_THEMES, count, p=_falling(_THEMES))
        own = unit_vectors(self._spread(chance, count))
        return unit_vectors(self._outside(0.5 * topics[topic] + 0.45 * themes[theme] + 0.75 * own))

    def _spread(self, chance: np.random.Generator, count: int) -> NDArray[np.float32]:
        falling = 1 / np.sqrt(1 + np.arange(self.dim, dtype=np.float32))
        return np.asarray(chance.standard_normal((count, self.dim), dtype=np.float32) * falling, np.float32)

    def _outside(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Without what lies along the cones."""
        axes, _ = np.linalg.qr(self._cones().T)  # (dim, 2)
        return np.asarray(rows - (rows @ axes) @ axes.T, np.float32)


def pictures_like(photos: UnitVectors, count: int, seed: int = 0) -> Iterator[UnitVectors]:
    """`count` rows, in blocks, that lie where a model puts photos: of the mean and covariance of these (n, dim).

    In themes, as `ClipLike` has them, which are nearly half of a row. So the inverted lists of an index that is made
    of them are lists of the photos, too: 200 photos by `starter` have a cosine of 0.14 on average, and so have these.
    """
    mean, fixed = photos.mean(axis=0), np.random.default_rng((seed, 0))
    apart = (photos - mean) / np.sqrt(np.float32(len(photos)))
    themes = fixed.standard_normal((_TOPICS * _THEMES, len(photos)), dtype=np.float32)
    for start in range(0, count, _AT_ONCE):
        rows, chance = min(_AT_ONCE, count - start), np.random.default_rng((seed, 1 + start))
        theme = _themes(chance, rows)
        own = chance.standard_normal((rows, len(photos)), dtype=np.float32)
        mixed = np.sqrt(np.float32(_THEME)) * themes[theme] + np.sqrt(np.float32(1 - _THEME)) * own
        yield unit_vectors(mean + mixed @ apart)


def _themes(chance: np.random.Generator, count: int) -> NDArray[np.int64]:
    """The theme (count,) of each of so many rows."""
    topic = chance.choice(_TOPICS, count, p=_falling(_TOPICS))
    return np.asarray(topic * _THEMES + chance.choice(_THEMES, count, p=_falling(_THEMES)))


def _falling(count: int) -> NDArray[np.float64]:
    weights = 1 / (1 + np.arange(count))
    return np.asarray(weights / weights.sum())
