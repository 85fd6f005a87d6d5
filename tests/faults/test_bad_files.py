"""A folder full of bad files costs a job nothing but a line in the ledger for each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bad_files import BadFile, Fate, write_bad_files
from tests.grey import GreyLibrary, write_picture
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality

GOOD = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good pictures whose names sort between those of the bad files."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(GOOD):
        letter = chr(ord("a") + number % 26)
        write_picture(folder / f"{letter}-good-{number}.png", number)
    return folder


@pytest.fixture(scope="module")
def bad_files(folder: Path) -> list[BadFile]:
    return write_bad_files(folder)


@pytest.fixture(scope="module")
def library(
    folder: Path, bad_files: list[BadFile], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path_factory.mktemp("library"), create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(library: GreyLibrary, folder: Path) -> IndexReport:
    """The job's own count."""
    return index(library, FolderSource([folder]), IndexOptions(batch_size=8, commit_every=16))


def test_there_are_enough_bad_files(bad_files: list[BadFile]) -> None:
    """At least 60, most of them to be refused."""
    assert len(bad_files) >= 60
    assert sum(file.fate is Fate.REFUSED for file in bad_files) >= 40


def test_all_good_files_are_indexed(
    library: GreyLibrary, folder: Path, bad_files: list[BadFile], report: IndexReport
) -> None:
    """The good ones and the odd ones, and nothing else."""
    indexed = {file.uri for file in library.catalog.items.known_files(Modality.IMAGE)}
    good = {str(path) for path in folder.glob("?-good-*.png")}
    odd = {str(file.path) for file in bad_files if file.fate is Fate.INDEXED}
    assert len(good) == GOOD
    assert indexed == good | odd
    assert report.added == len(indexed)


def test_each_bad_file_has_a_reason_a_person_understands(
    library: GreyLibrary, bad_files: list[BadFile], report: IndexReport
) -> None:
    """One line, without the words of a traceback, and the one that fits."""
    reasons = {failure.uri: failure.reason for failure in library.catalog.failures.latest()}
    refused = [file for file in bad_files if file.fate is Fate.REFUSED]
    assert set(reasons) == {str(file.path) for file in refused}
    assert report.failed == len(refused)
    for file in refused:
        reason = reasons[str(file.path)]
        assert re.search(file.reason, reason), (os.fsencode(file.path), file.why, reason)
        assert "\n" not in reason
        assert not re.search(r"Error|Exception|Traceback|<.*object at", reason), reason


def test_the_next_run_is_done_at_once(library: GreyLibrary, folder: Path, report: IndexReport) -> None:
    """Nothing is embedded again, and the count of what cannot be used stays."""
    embedded = library.grey().embedded
    again = index(library, FolderSource([folder]))
    assert (again.added, again.unchanged, again.failed) == (0, report.added, report.failed)
    assert library.grey().embedded == embedded
