"""Pictures in archives: .tar shards as webdataset and img2dataset write them, and .zip files.

A shard is listed by its headers alone; texts and pictures are read where they lie when their turn comes, so that a
killed job goes on in the middle of a shard, and an unchanged shard costs no more than its headers. A picture's uri is
`/data/00000.tar#00001.jpg`, under which it can be opened later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from indexer.sources.samples import TEXT_SUFFIXES, describe, key_of
from indexer.sources.source import Candidate, Description
from retrieval.domain import Skipped
from retrieval.errors import ImageError
from retrieval.imaging.files import indexable_suffixes
from retrieval.imaging.limits import ImageLimits
from retrieval.originals.containers import Member, members, read_at
from retrieval.originals.files import Stat, readable, stat_of
from retrieval.originals.opening import open_original
from retrieval.originals.uris import ARCHIVE_SUFFIXES, locate, member_uri

_LARGEST_TEXT = 16 * 1024 * 1024


class ShardSource:
    """The pictures in `shards` (paths or URLs of .tar and .zip files).

    Of a sample with several pictures (`a.jpg`, `a.mask.png`) each is an item of its own, with the sample's captions.
    """

    def __init__(
        self,
        shards: Sequence[str],
        folders: Sequence[str] = (),
        *,
        limits: ImageLimits | None = None,
        suffixes: frozenset[str] | None = None,
    ) -> None:
        """`folders` are those in which the shards were found: a shard that is there no more has lost its pictures."""
        self._shards = list(dict.fromkeys(shards))
        self._folders = frozenset(folders)
        self._limits = limits or ImageLimits()
        self._suffixes = indexable_suffixes() if suffixes is None else suffixes
        self._complete: set[str] = set()

    @property
    def roots(self) -> Sequence[str]:
        """Folders and shards."""
        return (*sorted(self._folders), *self._shards)

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Shard by shard, in the order of the archive."""
        self._complete.clear()
        for shard in self._shards:
            samples: dict[str, dict[str, Member]] = {}
            trouble = None
            try:
                with readable():
                    facts = stat_of(shard)
                    for member in members(shard):
                        key, suffix = key_of(member.name)
                        samples.setdefault(key, {})[suffix] = member
            except ImageError as error:
                trouble = Skipped(shard, "list", str(error))
            for sample in samples.values():
                yield from self._pictures(shard, facts, sample)
            if trouble is None:
                self._complete.add(shard)
            else:
                yield trouble

    def covers(self, uri: str) -> bool:
        """Whether the uri's shard was read to its end, or has vanished from its folder."""
        place = locate(uri)
        if place.file in self._complete:
            return True
        shards = place.file.lower().endswith(ARCHIVE_SUFFIXES)
        return shards and place.file.rpartition("/")[0] in self._folders and place.file not in self._shards

    def read(self, candidate: Candidate) -> bytes:
        """The member's bytes."""
        return open_original(candidate.uri, self._limits)

    def _pictures(self, shard: str, facts: Stat, sample: Mapping[str, Member]) -> Iterator[Candidate]:
        texts = {suffix: member for suffix, member in sample.items() if suffix in TEXT_SUFFIXES}
        reading = partial(_description, shard, texts) if texts else None
        for suffix, member in sample.items():
            if f".{suffix.rpartition('.')[2]}" in self._suffixes and not _is_hidden(member.name):
                uri = member_uri(shard, member.name)
                yield Candidate(uri, member.bytes, facts.mtime_ns, facts.ctime_ns, describe=reading)


def _description(shard: str, texts: Mapping[str, Member]) -> Description:
    parts: dict[str, bytes] = {}
    for suffix, member in texts.items():
        with contextlib.suppress(ImageError):
            parts[suffix] = read_at(shard, member, _LARGEST_TEXT)
    return describe(parts)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/") if part != ".")
