"""Path guard: where files may be opened, links followed to where they really lead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from api.service.problems import ProblemError
from indexer.sources.pairs import PairsSource, read_texts
from indexer.sources.source import Candidate, Description
from retrieval.domain import Skipped
from retrieval.errors import ImageError
from retrieval.imaging.limits import ImageLimits
from retrieval.originals.real_files import read_real_file, real_path
from retrieval.originals.uris import uri_of

_OUTSIDE = "outside the folders that may be indexed from here"


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
            raise ProblemError(403, "outside", f"{path!r} is {_OUTSIDE}")
        return Path(path)


class JailedFolders(PairsSource):
    """Folders, and texts beside pictures, without what links lead out to: checked when listed and again when read."""

    def __init__(self, jail: Jail, paths: Sequence[Path], **options: object) -> None:
        super().__init__(paths, **options)  # type: ignore[arg-type]
        self._jail = jail

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """The folder's candidates; what lies outside is a skipped file with that reason."""
        for entry in super().candidates():
            if isinstance(entry, Candidate) and not self._jail.holds(entry.uri):
                yield Skipped(entry.uri, "list", f"a link to a file {_OUTSIDE}")
            else:
                yield entry

    def _reading(self, files: Mapping[str, str]) -> Callable[[], Description | None]:
        return lambda: read_texts(files, partial(read_inside, self._jail, limits=self._limits))

    def read(self, candidate: Candidate) -> bytes:
        """The file's bytes, if it still lies inside."""
        return read_inside(self._jail, candidate.uri, self._limits)


def read_inside(jail: Jail, path: str, limits: ImageLimits) -> bytes:
    """The bytes of a file that really lies in `jail`; ImageError of stage "read" for another, "limit" for its size."""
    real = real_path(path)
    if not jail.holds_real(real):
        raise ImageError(f"a link to a file {_OUTSIDE}", stage="read")
    data = read_real_file(real, limits)
    if not data:
        raise ImageError("the file is empty", stage="read")
    return data
