"""Read, hash and decode one file: what the threads of the pipeline do, side by side with the encoder."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from indexer.plan import Task
from indexer.sources.source import Source
from retrieval.domain import Skipped
from retrieval.errors import ImageError, VasariError
from retrieval.imaging.files import content_hash
from retrieval.imaging.limits import ImageLimits
from retrieval.ingest import PreparedPicture, prepare_picture
from retrieval.models.ports import Picture, Preparer


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read. Where its hash made decoding needless, `picture` is None."""

    task: Task
    content_hash: str
    picture: PreparedPicture | None
    read_seconds: float
    decode_seconds: float


@dataclass(frozen=True, slots=True)
class Deferred:
    """A preparer that is asked for when the first picture was decoded: a broken file loads no model."""

    image_size: int
    load: Callable[[], Preparer]

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The model's own resize and crop: (H, W, 3)."""
        return self.load().prepare(picture)


class Loader:
    """Turns tasks into `Loaded` or `Skipped` values; never raises for a bad file. Thread-safe."""

    def __init__(
        self,
        source: Source,
        preparer: Callable[[], Preparer],
        limits: ImageLimits,
        known: Container[str] = frozenset(),
    ) -> None:
        """`preparer` is asked when the first picture is decoded; `known` are the content hashes of the library."""
        self._source = source
        self._preparer = preparer
        self._limits = limits
        self._known = known

    def load(self, task: Task) -> Loaded | Skipped:
        """Read once, hash, and decode where the hash does not make that needless, for now or for ever."""
        outcome = self._load(task)
        if not isinstance(outcome, Skipped):
            return outcome
        seen = task.candidate
        reason = f"{outcome.reason} ({seen.origin})" if seen.origin else outcome.reason
        return replace(
            outcome, reason=reason, bytes=seen.bytes, mtime_ns=seen.mtime_ns, ctime_ns=seen.ctime_ns
        )

    def _load(self, task: Task) -> Loaded | Skipped:
        started = perf_counter()
        uri = task.candidate.uri
        if task.same and task.known is not None:
            told = replace(task, candidate=task.candidate.completed(task.known.bytes))
            return Loaded(told, task.known.content_hash, None, perf_counter() - started, 0.0)
        try:
            data = self._source.read(task.candidate)
        except ImageError as error:
            return Skipped(uri, error.stage, str(error))
        except OSError as error:
            return Skipped(uri, "read", f"cannot be read: {(error.strerror or str(error)).lower()}")
        task = replace(task, candidate=task.candidate.completed(len(data)))
        digest = content_hash(data)
        read = perf_counter()
        if not self._needs_pixels(task, digest):
            return Loaded(task, digest, None, read - started, 0.0)
        picture = self.decode(uri, data, digest)
        if isinstance(picture, Skipped):
            return picture
        return Loaded(task, digest, picture, read - started, perf_counter() - read)

    def decode(self, uri: str, data: bytes, content_hash: str) -> PreparedPicture | Skipped:
        """Pixels as the encoder wants them."""
        preparer = self._preparer()
        try:
            return prepare_picture(data, content_hash, preparer, self._limits)
        except ImageError as error:
            return Skipped(uri, error.stage, str(error))
        except VasariError:  # the model, which is loaded for the first picture
            raise
        except MemoryError:
            return Skipped(uri, "decode", "too large for this machine's memory")
        except Exception as error:  # a decoder's surprise must not end a job of a million files
            return Skipped(uri, "decode", f"cannot be decoded: {type(error).__name__}: {_first_line(error)}")

    def _needs_pixels(self, task: Task, content_hash: str) -> bool:
        """Whether this file has to be embedded whatever the others are; see `indexer.identity`."""
        if task.settled:
            return True
        if task.known is not None:
            return task.unembedded and task.known.content_hash == content_hash
        return content_hash not in self._known


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "no details")
