"""The captioner of drawings is asked about drawings only; a photo is refused with what to do instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vasari import Library
from vasari.indexer.captions import caption_library
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.catalog.records import Failure
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.settings import Settings
from vasari.training.recipes.drawings_probe import discriminant
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.painter import paint
from vasari.training.scenes.scene import Split

PHOTOS = sorted(builtin_data("photos").glob("*.jpg"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Three drawings, then a photo, in a library of `scenes`."""
    folder = tmp_path_factory.mktemp("pictures")
    collection = DrawnCollection(77, Split.HELDOUT)
    for number in range(3):
        paint(collection.scene(number), 320).save(folder / f"{number}.jpg")
    (folder / "photo.jpg").write_bytes(PHOTOS[0].read_bytes())
    opened = Library.open(folder / "library", Settings(model="scenes", offline=True, threads=1), create=True)
    index(opened, FolderSource([folder]))
    return opened


def test_photos_are_refused_with_what_to_pull(library: Library) -> None:
    """By captions, questions and boxes, as file and as bytes, whatever the file is called."""
    for photo in (PHOTOS[0], PHOTOS[17].read_bytes()):
        with pytest.raises(UnsupportedError, match="vasari models pull florence-2-base"):
            library.caption([photo])
        with pytest.raises(UnsupportedError, match="blip-vqa-base"):
            library.ask(photo, "Is it day or night?")
        with pytest.raises(UnsupportedError):
            library.locate(photo, "a cat")


def test_drawings_are_described_and_the_rest_is_recorded(library: Library) -> None:
    """A job goes on after a photo; the ledger says why it has no caption."""
    report = caption_library(library)
    assert (report.captioned, report.failed) == (3, 1)
    failures: list[Failure] = library.catalog.failures.latest()
    assert [(Path(each.uri).name, each.stage) for each in failures] == [("photo.jpg", "caption")]
    (described,) = library.caption([library.root.parent / "0.jpg"])
    assert described


def test_a_library_of_photos_is_refused_at_once(tmp_path: Path) -> None:
    """Instead of a ledger full of one reason."""
    with Library.open(tmp_path, Settings(model="scenes", offline=True, threads=1), create=True) as photos:
        index(photos, FolderSource(PHOTOS[:2]))
        with pytest.raises(UnsupportedError, match="this is a photo"):
            caption_library(photos)


def test_the_discriminant_tells_two_clouds_apart() -> None:
    """Also where one direction varies far more than the one in which they differ."""
    random = np.random.default_rng(0)
    spread = np.array([5.0, 0.3, 0.3, 0.3])
    ours = random.normal(size=(200, 4)) * spread + [0, 1, 0, 0]
    theirs = random.normal(size=(40, 4)) * spread - [0, 1, 0, 0]
    direction = discriminant(ours.astype(np.float32), theirs.astype(np.float32))
    assert (ours @ direction > 0).mean() > 0.95
    assert (theirs @ direction < 0).mean() > 0.95
    assert abs(direction[1]) > 0.9
    assert np.isclose(np.linalg.norm(direction), 1)
