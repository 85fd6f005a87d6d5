"""A reading job that is killed loses what it had not committed, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.grey import GreyLibrary
from tests.patience import until
from tests.signs import ByHeart
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.reading import read_library
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.domain import Modality

COUNT = 120


def test_a_killed_job_goes_on_where_it_was(tmp_path: Path) -> None:
    """SIGKILL in the middle, twice: what was committed is not read again, and all is read in the end."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for shade in range(COUNT):
        Image.new("RGB", (40, 30), (shade, shade, shade)).save(photos / f"{shade:03}.png")
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, choose_source([str(photos)])[0])
        before = 0
        for _ in range(2):
            before = _killed(library, more_than=before)
            assert 0 < before < COUNT
        reader = ByHeart({shade: f"SIGN{shade}" for shade in range(256)})
        report = read_library(library, reader)
        assert (report.read, report.unchanged) == (COUNT - before, before)
        assert len(set(reader.seen)) == COUNT - before
        ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
        read = library.catalog.readings.of(ids)
        assert sorted(line.text for lines in read.values() for line in lines) == sorted(
            f"SIGN{shade}" for shade in range(COUNT)
        )
        assert len(library.catalog.filters.matching("ocr:IGN11", Modality.IMAGE)) == 11  # 11 and 110 to 119
        assert examine(library) == []


def _killed(library: GreyLibrary, *, more_than: int) -> int:
    """Kill a job once it has committed something; how many pictures are read then."""
    command = [sys.executable, "-m", "tests.faults.reading_slowly", str(library.root)]
    with subprocess.Popen(command) as job:
        try:
            until(lambda: library.catalog.readings.count()[0] > more_than or job.poll() is not None, 0.01)
            assert job.poll() is None, "the job ended before it could be killed"
        finally:
            job.kill()
    return library.catalog.readings.count()[0]
