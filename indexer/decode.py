"""Read, hash and decode one file: what the threads of the pipeline do, side by side with the encoder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.identity import Puzzle
from vasari.indexer.plan import Task
from vasari.indexer.progress import Stopwatch
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Picture, Skipped
from vasari.retrieval.errors import ImageError, VasariError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.commit import Pixels, Prepared, prepare_picture
from vasari.retrieval.models.ports import Preparer
from vasari.retrieval.storage.local_files import content_hash

if TYPE_CHECKING:
    from vasari.retrieval.images.decode import Stored  # Pillow

_Stage = TypeVar("_Stage")  # what one stage makes of a file
_Prepared = Prepared[Pixels] | Prepared[str]
Ready = tuple[Task, _Prepared]
"""A picture or text to be embedded, and what is to be done with it."""
Loaded = Ready | Puzzle | Skipped
"""What reading comes to; a puzzle was read, and its hash made decoding needless, for now or for ever."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A preparer that is asked for when the first picture was decoded: a broken file loads no model."""

    image_size: int
    load: Callable[[], Preparer]

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self.load().prepare(picture)


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read and hashed, and has to be decoded."""

    task: Task
    data: bytes
    content_hash: str


class Loader:
    """Turns tasks into prepared pictures, puzzles or `Skipped` values; never raises for a bad file. Thread-safe."""

    def __init__(
        self,
        read: Callable[[Candidate], bytes],
        preparer: Callable[[], Preparer],
        limits: ImageLimits,
        known: Container[str] = frozenset(),
        watch: Stopwatch | None = None,
    ) -> None:
        """`preparer` is asked when the first picture is decoded; `known` are the content hashes of the library."""
        self.watch = watch or Stopwatch()
        self._lock = threading.Lock()
        self._read = read
        self._preparer = preparer
        self._limits = limits
        self._known = known

    def load(self, task: Task, keep: Callable[[Pixels], Pixels] = lambda pixels: pixels) -> Loaded:
        """Read once, hash, and decode where the hash does not make that needless, for now or for ever.

        `keep` puts the pixels where they stay.
        """
        read = self.read(task)
        return self.prepare(read, keep) if isinstance(read, Read) else read

    def read(self, task: Task) -> Read | Puzzle | Skipped:
        """Read once and hash."""
        return self._said(task, self._read_one(task))

    def prepare(
        self,
        read: Read,
        keep: Callable[[Pixels], Pixels] = lambda pixels: pixels,
        picture: Stored | None = None,
    ) -> Loaded:
        """Decode what was read; with `picture`, its pixels as somebody else decoded them."""
        started = perf_counter()
        prepared = self._prepare(read, keep, picture)
        self._took(0.0, perf_counter() - started)
        return self._said(read.task, prepared if isinstance(prepared, Skipped) else (read.task, prepared))

    @staticmethod
    def _said(task: Task, outcome: _Stage) -> _Stage | Skipped:
        """A failure with what is known of the file."""
        if not isinstance(outcome, Skipped):
            return outcome
        seen = task.candidate
        reason = f"{outcome.reason} ({seen.origin})" if seen.origin else outcome.reason
        return replace(
            outcome, reason=reason, bytes=seen.bytes, mtime_ns=seen.mtime_ns, ctime_ns=seen.ctime_ns
        )

    def _read_one(self, task: Task) -> Read | Puzzle | Skipped:
        started = perf_counter()
        uri = task.candidate.uri
        if task.same and task.known is not None:
            told = replace(task, candidate=task.candidate.completed(task.known.bytes))
            self._took(perf_counter() - started)
            return Puzzle(told, task.known.content_hash)
        try:
            data = self._read(task.candidate)
        except ImageError as error:
            return Skipped(uri, error.stage, str(error))
        except OSError as error:
            return Skipped(uri, "read", f"cannot be read: {(error.strerror or str(error)).lower()}")
        task = replace(task, candidate=task.candidate.completed(len(data)))
        digest = content_hash(data)
        self._took(perf_counter() - started)
        return Read(task, data, digest) if self._needs_pixels(task, digest) else Puzzle(task, digest)

    def _took(self, read: float, decode: float = 0.0) -> None:
        with self._lock:
            self.watch.read += read
            self.watch.decode += decode

    def _prepare(
        self, read: Read, keep: Callable[[Pixels], Pixels], picture: Stored | None
    ) -> _Prepared | Skipped:
        candidate, data, content_hash = read.task.candidate, read.data, read.content_hash
        uri, text = candidate.uri, candidate.text
        if text is not None:
            own = candidate.attributes if candidate.teller is None else {}
            return Prepared(text, content_hash, len(data), attributes=own)
        preparer = self._preparer()
        try:
            return prepare_picture(data, content_hash, preparer, self._limits, keep, picture)
        except ImageError as error:
            return Skipped(uri, error.stage, str(error))
        except VasariError:  # the model, which is loaded for the first picture
            raise
        except MemoryError:
            return Skipped(uri, "decode", "too large for this machine's memory")
        except Exception as error:  # a decoder's surprise must not end a job of a million files
            return Skipped(uri, "decode", f"cannot be decoded: {type(error).__name__}: {_first_line(error)}")

    def _needs_pixels(self, task: Task, content_hash: str) -> bool:
        """Whether this file has to be embedded whatever the others are; see `vasari.indexer.identity`."""
        if task.settled:
            return True
        if task.known is not None:
            return task.unembedded and task.known.content_hash == content_hash
        return content_hash not in self._known


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "no details")
