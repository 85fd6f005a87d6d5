"""Read, hash and decode one file: what the threads of the pipeline do, side by side with the encoder."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from time import perf_counter

from indexer.plan import Task
from indexer.sources.source import Source
from retrieval.domain import Skipped
from retrieval.errors import ImageError
from retrieval.imaging.files import content_hash
from retrieval.imaging.limits import ImageLimits
from retrieval.ingest import PreparedPicture, prepare_picture
from retrieval.models.ports import Preparer


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read. Where its hash made decoding needless, `picture` is None and `data` is kept."""

    task: Task
    content_hash: str
    picture: PreparedPicture | None
    data: bytes | None
    read_seconds: float
    decode_seconds: float


class Loader:
    """Turns tasks into `Loaded` or `Skipped` values; never raises for a bad file. Thread-safe."""

    def __init__(
        self,
        source: Source,
        preparer: Callable[[], Preparer],
        limits: ImageLimits,
        gone: Container[str] = frozenset(),
    ) -> None:
        """`preparer` is asked when the first picture is decoded; `gone` are hashes of files that vanished."""
        self._source = source
        self._preparer = preparer
        self._limits = limits
        self._gone = gone

    def load(self, task: Task) -> Loaded | Skipped:
        """Read once, hash, and decode unless the content is known under this path or a vanished one."""
        outcome, origin = self._load(task), task.candidate.origin
        if isinstance(outcome, Skipped) and origin:
            return replace(outcome, reason=f"{outcome.reason} ({origin})")
        return outcome

    def _load(self, task: Task) -> Loaded | Skipped:
        started = perf_counter()
        uri = task.candidate.uri
        try:
            data = self._source.read(task.candidate)
        except ImageError as error:
            return Skipped(uri, error.stage, str(error))
        except OSError as error:
            return Skipped(uri, "read", f"cannot be read: {(error.strerror or str(error)).lower()}")
        task = replace(task, candidate=task.candidate.completed(len(data)))
        digest = content_hash(data)
        read = perf_counter()
        if self._touched_only(task, digest) or (task.known is None and digest in self._gone):
            return Loaded(task, digest, None, data, read - started, 0.0)
        picture = self.decode(uri, data, digest)
        if isinstance(picture, Skipped):
            return picture
        return Loaded(task, digest, picture, None, read - started, perf_counter() - read)

    def decode(self, uri: str, data: bytes, content_hash: str) -> PreparedPicture | Skipped:
        """Pixels as the encoder wants them."""
        preparer = self._preparer()
        try:
            return prepare_picture(data, content_hash, preparer, self._limits)
        except ImageError as error:
            return Skipped(uri, error.stage, str(error))
        except MemoryError:
            return Skipped(uri, "decode", "too large for this machine's memory")
        except Exception as error:  # a decoder's surprise must not end a job of a million files
            return Skipped(uri, "decode", f"cannot be decoded: {type(error).__name__}: {_first_line(error)}")

    @staticmethod
    def _touched_only(task: Task, content_hash: str) -> bool:
        return task.known is not None and not task.unembedded and task.known.content_hash == content_hash


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "no details")
