"""Hub numbers: how near each picture lies to the texts of a bank, a file beside each segment.

A bank is a file `bank-<name>.npy` (texts, dim) float16, named by its content, in the folder of the segments that it is
for; `00000042.hubs-<name>.npy` (rows,) float32 has for each row of segment 42 the mean of its `NEIGHBOURS` largest
cosines with the texts (Chowdhury et al., "Nearest Neighbor Normalization Improves Multimodal Retrieval", EMNLP 2024).
A number depends on its row and the bank alone: whatever is added, deleted or compacted, the others stay as they are.
So files of numbers are written with their segment, and one that is missing or damaged is made anew by whoever needs it.
"""

from __future__ import annotations

import functools
import logging
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import FairMethod, FairRanking
from vasari.retrieval.errors import LibraryCorruptError, StorageError
from vasari.retrieval.storage.atomic import replaced, write_file
from vasari.retrieval.vectors.index import Scores
from vasari.retrieval.vectors.segments import Segment, mapped_array, write_array

NEIGHBOURS = 16  # the paper's advice for banks out of domain is 8 to 16
_BLOCK = 4096  # pictures compared with the bank at once
_BANK = "bank-"
_LOG = logging.getLogger(__name__)


def hubness(pictures: NDArray[Any], bank: NDArray[np.float32], k: int = NEIGHBOURS) -> Scores:
    """The mean cosine (n,) of each picture (n, dim) with the `k` texts of the bank (m, dim) nearest to it."""
    means = np.empty(len(pictures), np.float32)
    k = min(k, len(bank))
    for start in range(0, len(pictures), _BLOCK):
        cosines = np.asarray(pictures[start : start + _BLOCK], np.float32) @ bank.T
        means[start : start + _BLOCK] = np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1)
    return means


def is_bank(path: Path) -> bool:
    """Whether a file of a folder of segments is a bank."""
    return path.name.startswith(_BANK) and path.suffix == ".npy"


def write_bank(directory: Path, texts: NDArray[np.float32]) -> str:
    """Keep the vectors of a bank (m, dim) beside the segments in `directory`; its name. StorageError when it can't be.

    The same texts are the same bank.
    """
    halves = texts.astype("<f2")
    name = blake2b(halves.tobytes() + bytes([NEIGHBOURS]), digest_size=8).hexdigest()
    with replaced(_bank_path(directory, name)) as (temporary,):
        write_file(temporary, functools.partial(write_array, halves))
    return name


def read_bank(directory: Path, name: str) -> NDArray[np.float32]:
    """The vectors (m, dim) of a bank; LibraryCorruptError where its file is gone or another."""
    path = _bank_path(directory, name)
    try:
        return _bank(path, path.stat().st_mtime_ns)
    except (OSError, LibraryCorruptError) as error:
        raise LibraryCorruptError(
            f"{path} is damaged or missing: `vasari tune ranking` makes another, or switches fair ranking off"
        ) from error


@functools.lru_cache(maxsize=2)
def _bank(path: Path, _written: int) -> NDArray[np.float32]:
    return mapped_array(path, "<f2", 2).astype(np.float32)


def remove_other_banks(directory: Path, kept: str | None) -> None:
    """Delete all banks but one, and the numbers made by them; only for the holder of the library's lease."""
    for path in directory.glob("*.npy") if directory.is_dir() else ():
        of_bank = path.name.removesuffix(".npy").rpartition("-")[2]
        if (is_bank(path) or ".hubs-" in path.name) and of_bank != kept:
            path.unlink(missing_ok=True)


def note_hubs(directory: Path, number: int, vectors: NDArray[Any], fair: FairRanking | None) -> None:
    """Write the numbers of a segment's rows (n, dim) beside it, where its space takes hubs down.

    What cannot be written is left to those who read: a commit does not fail for it.
    """
    if fair is None or fair.method is not FairMethod.NNN:
        return
    try:
        _write(
            directory, number, fair.bank, hubness(vectors.astype(np.float16), read_bank(directory, fair.bank))
        )
    except (LibraryCorruptError, StorageError) as error:
        _LOG.warning("segment %d has no hub numbers yet: %s", number, error)


def hubs_of(directory: Path, segment: Segment, bank: str) -> Scores:
    """The numbers (n,) of a segment's rows, computed where there are none.

    LibraryCorruptError where the bank is gone, too.
    """
    found = known_hubs(directory, segment, bank)
    return hubness(segment.vectors, read_bank(directory, bank)) if found is None else found


def known_hubs(directory: Path, segment: Segment, bank: str) -> Scores | None:
    """The numbers (n,) of a segment's rows as they lie beside it; None where they are missing or damaged."""
    path = _hubs_path(directory, segment.number, bank)
    if not path.is_file():
        return None
    try:
        found = mapped_array(path, "<f4", 1)
    except LibraryCorruptError:
        return None
    return found if len(found) == len(segment) else None


def _write(directory: Path, number: int, bank: str, hubs: Scores) -> None:
    with replaced(_hubs_path(directory, number, bank), durable=False) as (temporary,):
        write_file(temporary, functools.partial(write_array, hubs.astype("<f4", copy=False)))


def _bank_path(directory: Path, name: str) -> Path:
    return directory / f"{_BANK}{name}.npy"


def _hubs_path(directory: Path, number: int, bank: str) -> Path:
    return directory / f"{number:08d}.hubs-{bank}.npy"
