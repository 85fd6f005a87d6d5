"""Object detection and phrase grounding: where things are in a picture, in pixels of the whole picture, upright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vasari.retrieval.domain import Region
from vasari.retrieval.models.ports import Task

if TYPE_CHECKING:
    from vasari.retrieval.images.decode import DecodedImage
    from vasari.retrieval.models.ports import Locator


def locate(model: Locator, decoded: DecodedImage, phrase: str) -> list[Region]:
    """Where a phrase is to be seen; empty if nowhere. UsageError for one without words."""
    return _solid(model.locate(decoded.picture, phrase, _size(decoded)))


def detect(model: Locator, decoded: DecodedImage, *, describe: bool = False) -> list[Region]:
    """All things that the model sees, by name or by what they look like."""
    return _solid(model.detect(decoded.picture, _size(decoded), describe=describe))


def detection(describe: bool) -> Task:
    """The task that `detect` asks for."""
    return Task.DESCRIBE_REGIONS if describe else Task.DETECT


def _size(decoded: DecodedImage) -> tuple[int, int]:
    return decoded.info.width, decoded.info.height


def _solid(regions: Sequence[Region]) -> list[Region]:
    """Without boxes of no area, which a model may write as well."""
    return [region for region in regions if region.left < region.right and region.top < region.bottom]
