"""Path guard (against path traversal): where files may be opened, symbolic links resolved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import anyio

from vasari.api.service.problems import ProblemError
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.indexer.sources.source import Candidate, Description, Source
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import ImageError
from vasari.retrieval.storage.local_files import OUTSIDE, confined
from vasari.retrieval.storage.uris import is_url, locate, uri_of


class Jail:
    """Folders, and everything that really lies in them."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(root.expanduser().resolve() for root in roots)

    def holds(self, path: str | Path) -> bool:
        """Whether `path`, all links followed, lies in a root. A path that cannot be followed does not."""
        try:
            real = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL in the name
            return False
        return self.holds_real(real)

    def holds_real(self, real: str | os.PathLike[str]) -> bool:
        """Whether a path that was resolved already lies in a root."""
        return any(Path(real).is_relative_to(root) for root in self.roots)

    def admit(self, path: str) -> Path:
        """The absolute path a caller named; ProblemError 403 outside, whether or not there is such a file."""
        path = uri_of(path)
        if "\0" in path or not Path(path).is_absolute() or not self.holds(path):
            raise ProblemError(403, "outside", f"{path!r} is {OUTSIDE}")
        return Path(path)


class JailedSource:
    """A source held by a jail: what it lists, reads and opens on the way really lies there.

    Rows at URLs are fetched as the settings have it for URLs that callers give; buckets, and files inside files at
    URLs, are not read.
    """

    modality = Modality.IMAGE

    def __init__(self, choose: Callable[[], Source], jail: Jail, fetcher: Fetcher) -> None:
        """`choose` looks into files, too: it is called within the jail."""
        self._jail = jail
        self._fetcher = fetcher
        with confined(jail.roots):
            self._inner = choose()

    @property
    def roots(self) -> Sequence[str] | None:
        """Those of the source."""
        return self._inner.roots

    @property
    def places(self) -> Sequence[str]:
        """Those of the source."""
        return self._inner.places

    @property
    def left_out(self) -> Mapping[str, int]:
        """Those of the source."""
        return self._inner.left_out

    def covers(self, uri: str) -> bool:
        """As the source has it."""
        return self._inner.covers(uri)

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """The source's candidates; what lies outside is a skipped file with that reason."""
        listing = iter(self._inner.candidates())
        while True:
            with confined(self._jail.roots):  # not while the caller has its turn
                entry = next(listing, None)
            if entry is None:
                return
            yield self._held(entry)

    def read(self, candidate: Candidate) -> bytes:
        """The picture's bytes, if they lie inside, or at a URL that is fetched."""
        if is_url(candidate.uri):
            return self._fetched(candidate.uri)
        with confined(self._jail.roots):
            return self._inner.read(candidate)

    def _held(self, entry: Candidate | Skipped) -> Candidate | Skipped:
        if isinstance(entry, Skipped):
            return entry
        if not is_url(entry.uri) and not self._jail.holds(locate(entry.uri).file):
            return Skipped(entry.uri, "list", f"a link to a file {OUTSIDE}")
        return (
            entry
            if entry.describe is None
            else entry._replace(describe=partial(_described_within, self._jail.roots, entry.describe))
        )

    def _fetched(self, url: str) -> bytes:
        if locate(url).member is not None:
            raise ImageError("files inside files at URLs are not read by jobs of the service", stage="read")
        try:
            return anyio.run(self._fetcher.fetch, url)
        except ProblemError as error:
            raise ImageError(str(error), stage="read") from error


def _described_within(roots: Sequence[Path], describe: Callable[[], Description]) -> Description:
    """A function of the module, for it is sent to processes that decode."""
    with confined(roots):
        return describe()
