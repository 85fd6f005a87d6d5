"""A job over webdataset shards, killed in the middle of one, goes on where it was."""

from __future__ import annotations

import signal
from pathlib import Path

from tests import forms
from tests.faults.apart import exit_code
from tests.faults.dying import index_and_die
from tests.faults.kill import differences
from tests.grey import GreyLibrary
from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.domain import Modality


def test_a_job_killed_inside_a_shard_repeats_no_more_than_its_last_commit(tmp_path: Path) -> None:
    """What was committed is not embedded again; in the end the library is that of a quiet run."""
    samples = forms.write_folder(tmp_path / "photos", 40)
    shards = tmp_path / "shards"
    forms.write_shard(shards / "00000.tar", samples[:25])
    forms.write_shard(shards / "00001.tar", samples[25:])
    root = tmp_path / "library"
    with GreyLibrary.open(root, create=True) as library:
        library.use_model("grey")
    assert exit_code(index_and_die, root, shards, "after", "segments.commit", 4) == -signal.SIGKILL
    with GreyLibrary.open(root) as library, GreyLibrary.open(tmp_path / "quiet", create=True) as quiet:
        before = library.catalog.items.count(Modality.IMAGE)
        assert 0 < before < 25
        report = index(library, choose_source([shards])[0])
        assert (report.added, report.unchanged) == (40 - before, before)
        assert library.grey().embedded == 40 - before
        quiet.use_model("grey")
        index(quiet, choose_source([shards])[0])
        assert differences(library, quiet) == []
        item = library.catalog.items.by_uri(f"{shards / '00001.tar'}#00030.png")
        assert item is not None
        assert [caption.text for caption in item.captions] == ["boat number 30"]
        assert examine(library) == []
