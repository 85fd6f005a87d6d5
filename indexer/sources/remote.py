"""Pictures below URLs: buckets and other remote folders, over fsspec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from vasari.indexer.sources.left_out import kind_of_file
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import NotFoundError, VasariError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.filesystem import file_system, stat_from
from vasari.retrieval.storage.local_files import indexable_suffixes
from vasari.retrieval.storage.reader import open_original


class RemoteFolderSource:
    """Everything below `urls` with the suffix of a picture; a URL of a single file is taken whatever its suffix.

    Sizes and times come with the listing, so unchanged pictures cost no request. Where a file system tells no time,
    its version tag (ETag) decides whether a picture changed.
    """

    modality = Modality.IMAGE

    def __init__(self, urls: Sequence[str], *, limits: ImageLimits | None = None) -> None:
        self._roots = list(dict.fromkeys(url.rstrip("/") for url in urls))
        self._limits = limits or ImageLimits()
        self._suffixes = tuple(indexable_suffixes())
        self._complete: set[str] = set()
        self.left_out: Counter[str] = Counter()

    @property
    def roots(self) -> Sequence[str]:
        """The URLs given."""
        return tuple(self._roots)

    @property
    def places(self) -> Sequence[str]:
        """The same."""
        return self.roots

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """By name. A URL that cannot be listed ends the job: half a listing proves nothing."""
        self._complete.clear()
        self.left_out.clear()
        for root in self._roots:
            system, path = file_system(root)
            try:
                found = system.find(path, detail=True)
            except Exception as error:  # each file system has its own kinds of errors
                raise VasariError(f"{root} cannot be listed: {str(error) or type(error).__name__}") from error
            if not found:
                raise NotFoundError(f"nothing at {root}")
            for name, info in sorted(found.items()):
                if name == path:
                    yield _candidate(root, info)
                elif name.lower().endswith(self._suffixes):
                    yield _candidate(root + name[len(path) :] if name.startswith(path) else name, info)
                else:
                    ending = name.rpartition("/")[2].rpartition(".")[2].lower()
                    self.left_out[kind_of_file(f".{ending}")] += 1
            self._complete.add(root)

    def covers(self, uri: str) -> bool:
        """Whether a URL above it was listed."""
        return any(uri == root or uri.startswith(root + "/") for root in self._complete) and "#" not in uri

    def read(self, candidate: Candidate) -> bytes:
        """The file's bytes."""
        return open_original(candidate.uri, self._limits)


def _candidate(url: str, info: dict[str, object]) -> Candidate:
    facts = stat_from(info)
    return Candidate(url, facts.bytes, facts.mtime_ns)
