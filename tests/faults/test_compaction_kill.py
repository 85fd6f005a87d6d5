"""A job that is killed while small segments are merged leaves a library that the next run completes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.faults.apart import exit_code
from tests.faults.dying import index_and_die
from tests.faults.kill import differences
from tests.grey import GreyLibrary, write_picture
from vasari.indexer.build import rebuild
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.compaction import DUE

pytestmark = pytest.mark.long


@pytest.mark.parametrize("method", ["segments.replace", "segments.publish_generation"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_dying_while_small_segments_are_merged_is_made_good(tmp_path: Path, moment: str, method: str) -> None:
    """Before or after the transaction that switches rows over: nothing is lost or found twice, and no file stays."""
    photos, root = tmp_path / "photos", tmp_path / "library"
    for number in range(DUE + 2):
        write_picture(photos / f"{number:02}.png", number)
    with GreyLibrary.open(root, create=True) as library:
        library.use_model("grey")

    assert exit_code(index_and_die, root, photos, moment, method, 1, 1) == -signal.SIGKILL

    with GreyLibrary.open(root) as library, GreyLibrary.open(tmp_path / "quiet", create=True) as quiet:
        assert len(library.gallery(Modality.IMAGE)) == DUE + 2
        write_picture(photos / "new.png", 99)
        index(library, FolderSource([photos]))
        assert examine(library) == []  # what the build left that was killed is gone
        index(quiet, FolderSource([photos]))
        assert differences(library, quiet) == []
        rebuild(library, kind="flat")
        assert differences(library, quiet) == []
        assert examine(library) == []
        [segment] = library.catalog.segments.all("grey", Modality.IMAGE)
        assert segment.rows == DUE + 3
        assert len(list(library.segments_directory(library.space(), Modality.IMAGE).iterdir())) == 2
