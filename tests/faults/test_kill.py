"""A killed job leaves a library that the next run completes, as if nothing had happened."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.faults.apart import exit_code
from tests.faults.dying import index_and_die
from tests.faults.kill import differences
from tests.grey import GreyLibrary, write_picture
from vasari.indexer.doctor import examine
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Caption, CaptionSource, Modality


@pytest.mark.parametrize(
    ("moment", "method", "count"),
    [
        ("before", "segments.commit", 1),  # between file and transaction
        ("before", "segments.commit", 2),
        ("after", "segments.commit", 1),
        ("before", "items.move", 1),
        ("after", "items.move", 1),
        ("before", "items.touch", 1),
        ("before", "failures.record", 1),
        ("after", "failures.record", 1),
        ("before", "items.lose", 1),
        ("after", "items.lose", 1),
    ],
)
def test_dying_between_any_two_steps_of_a_commit_is_made_good(
    tmp_path: Path, moment: str, method: str, count: int
) -> None:
    """Whichever transaction was the last, the next run ends with the same items, moved ones with their captions."""
    photos, root = tmp_path / "photos", tmp_path / "library"
    for number in range(12):
        write_picture(photos / f"{number:02}.png", number)
    with GreyLibrary.open(root, create=True) as library:
        index(library, FolderSource([photos]))
        boat = library.catalog.items.by_uri(str(photos / "03.png"))
        assert boat is not None
        library.catalog.annotations.set_captions(boat.id, [Caption("a red boat")], CaptionSource.USER)

    (photos / "03.png").rename(photos / "boat.png")  # moved
    (photos / "04.png").rename(photos / "13.png")
    write_picture(photos / "05.png", 50)  # edited
    (photos / "06.png").touch()
    (photos / "07.png").unlink()
    for number in range(20, 30):
        write_picture(photos / f"{number}.png", number)  # added
    (photos / "bad.png").write_bytes(b"no picture")

    assert exit_code(index_and_die, root, photos, moment, method, count) == -signal.SIGKILL

    with GreyLibrary.open(root) as library, GreyLibrary.open(tmp_path / "quiet", create=True) as quiet:
        index(library, FolderSource([photos]), IndexOptions(batch_size=2))
        index(quiet, FolderSource([photos]))
        assert differences(library, quiet) == []
        assert len(library.gallery(Modality.IMAGE)) == library.catalog.items.count(Modality.IMAGE) == 21
        moved = library.catalog.items.by_uri(str(photos / "boat.png"))
        assert moved is not None
        assert (moved.id, [caption.text for caption in moved.captions]) == (boat.id, ["a red boat"])
        assert [failure.uri for failure in library.catalog.failures.latest()] == [str(photos / "bad.png")]
        assert examine(library) == []
