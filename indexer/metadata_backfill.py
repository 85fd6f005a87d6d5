"""Metadata of pictures that were indexed before all of it was read: taken from their files, without embedding anew.

    plan.unread → read → headers alone → facts below what is known → commit, 256 files a transaction

A file that cannot be read now waits for the next job; one that is no picture any more has nothing to tell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from vasari.indexer.plan import Unread
from vasari.indexer.progress import Progress, ProgressEvent
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.catalog.unread_facts import UnreadFacts
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits

_THREADS = 4  # that wait for files
_AT_ONCE = 256  # files of a transaction

Read = Callable[[Candidate], bytes]


def fill_facts(
    unread: Sequence[Unread],
    catalog: UnreadFacts,
    read: Read,
    limits: ImageLimits,
    progress: Progress,
    stop: threading.Event,
) -> int:
    """Read what the files say, until `stop` is set; of how many pictures it is known now."""
    filled = done = 0
    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(unread), _AT_ONCE):
            some = unread[start : start + _AT_ONCE]
            if stop.is_set():
                break
            told = threads.map(partial(_facts_of, read, limits), [each.candidate for each in some])
            facts = {each.item: said for each, said in zip(some, told, strict=True) if said is not None}
            catalog.fill(facts)
            filled += len(facts)
            done += len(some)
            progress.update(ProgressEvent("reading metadata", done=done, total=len(unread)))
    return filled


def _facts_of(read: Read, limits: ImageLimits, candidate: Candidate) -> dict[str, Any] | None:
    """What a file says of itself; None where it cannot be read now."""
    from vasari.retrieval.images.decode import probe  # Pillow, which a job without this does not need

    try:
        return probe(read(candidate), limits).exif
    except ImageError as error:
        return None if error.stage == "read" else {}
    except OSError:
        return None
