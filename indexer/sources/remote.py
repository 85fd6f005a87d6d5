"""Pictures below URLs: buckets and other remote folders, over fsspec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from vasari.indexer.sources.left_out import kind_of_file
from vasari.indexer.sources.samples import XMP, described
from vasari.indexer.sources.source import Candidate, Description, stamp_of
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import NotFoundError, VasariError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.filesystem import file_system, opened, readable, stat_from
from vasari.retrieval.storage.local_files import indexable_suffixes
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import locate


class RemoteFolderSource:
    """Everything below `urls` with the suffix of a picture; a URL of a single file is taken whatever its suffix.

    Sizes and times come with the listing, so unchanged pictures cost no request. Where a file system tells no time,
    its version tag (ETag) decides whether a picture changed. Of what lies beside a picture, XMP sidecars are read.
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
                url = root + name[len(path) :] if name.startswith(path) else name
                if name == path or name.lower().endswith(self._suffixes):
                    yield _candidate(url, info, _sidecar(name, url, found))
                else:
                    ending = name.rpartition("/")[2].rpartition(".")[2].lower()
                    self.left_out[kind_of_file(f".{ending}")] += 1
            self._complete.add(root)

    def covers(self, uri: str) -> bool:
        """Whether a URL above it was listed."""
        listed = any(uri == root or uri.startswith(root + "/") for root in self._complete)
        return listed and locate(uri).member is None

    def read(self, candidate: Candidate) -> bytes:
        """The file's bytes."""
        return open_original(candidate.uri, self._limits)


_Sidecar = tuple[str, dict[str, Any]]  # its URL, and what the listing says of it


def _sidecar(name: str, url: str, found: Mapping[str, dict[str, Any]]) -> _Sidecar | None:
    """`a.jpg.xmp`, which belongs to this file alone, else `a.xmp`, where the listing has one."""
    for cut in (0, len(name) - name.rfind(".") if "." in name.rpartition("/")[2] else 0):
        beside = name[: len(name) - cut] + XMP
        if beside in found and beside != name:
            return url[: len(url) - cut] + XMP, found[beside]
    return None


def _candidate(url: str, info: dict[str, Any], sidecar: _Sidecar | None) -> Candidate:
    facts = stat_from(info)
    plain = Candidate(url, facts.bytes, facts.mtime_ns, teller="")
    if sidecar is None:
        return plain
    beside, listed = sidecar
    return plain._replace(
        stamp=stamp_of(tuple(stat_from(listed))), describe=partial(_read_sidecar, beside), texts=(beside,)
    )


def _read_sidecar(url: str) -> Description:
    """What a sidecar says; it is not known where it is there and cannot be read."""
    found = described({XMP: url}, _read)
    return replace(found, unread=any(trouble.stage == "read" for trouble in found.troubles))


def _read(url: str) -> bytes:
    with readable(), opened(url) as sidecar:
        return sidecar.read()
