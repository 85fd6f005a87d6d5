"""Pictures in archives: .tar shards as webdataset and img2dataset write them, packed ones too, and .zip files.

A shard is listed by its headers alone; texts and pictures are read where they lie when their turn comes, so that a
killed job goes on in the middle of a shard, and an unchanged shard costs no more than its headers. A picture's uri is
`/data/00000.tar#00001.jpg`, under which it can be opened later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from vasari.indexer.sources.left_out import kind_of_file
from vasari.indexer.sources.samples import ARCHIVED_TEXTS, XMP, described, key_of
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.archives import Member, members, read_member
from vasari.retrieval.storage.filesystem import UNKNOWN_SIZE, Stat, readable, stat_of
from vasari.retrieval.storage.local_files import indexable_suffixes
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import ARCHIVE_SUFFIXES, locate, member_uri

_LARGEST_TEXT = 16 * 1024 * 1024


class ShardSource:
    """The pictures in `shards` (paths or URLs of .tar and .zip files).

    Of a sample with several pictures (`a.jpg`, `a.mask.png`) each is an item of its own, with the sample's captions.
    """

    modality = Modality.IMAGE

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
        self.left_out: Counter[str] = Counter()

    @property
    def roots(self) -> Sequence[str]:
        """Folders and shards."""
        return (*sorted(self._folders), *self._shards)

    @property
    def places(self) -> Sequence[str]:
        """The same."""
        return self.roots

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Shard by shard, in the order of the archive."""
        self._complete.clear()
        self.left_out.clear()
        for shard in self._shards:
            facts, found = Stat(UNKNOWN_SIZE, 0), list[Member]()
            trouble = None
            try:
                with readable():
                    facts = stat_of(shard)
                    found.extend(members(shard))
            except ImageError as error:
                trouble = Skipped(shard, "list", str(error))
            yield from self._pictures(shard, facts, found)
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

    def _pictures(self, shard: str, facts: Stat, found: Sequence[Member]) -> Iterator[Candidate | Skipped]:
        samples = Samples(found)
        for member in found:
            suffix = _suffix(member.name)
            if _is_hidden(member.name):
                continue
            if suffix not in self._suffixes:
                if suffix not in ARCHIVED_TEXTS:
                    self.left_out[kind_of_file(suffix)] += 1
                continue
            uri = member_uri(shard, member.name)
            if member.trouble is not None:
                yield Skipped(uri, "list", member.trouble)
                continue
            texts = {part: member_uri(shard, name) for part, name in samples.texts_of(member.name).items()}
            yield Candidate(
                uri,
                member.bytes,
                facts.mtime_ns,
                facts.ctime_ns,
                describe=partial(described, texts, partial(_text, shard)) if texts else None,
                teller="",
                texts=tuple(texts.values()),
            )


class Samples:
    """Which texts belong to which picture: those of the same name up to its last dot, else of its sample's key.

    `a.jpg.xmp` belongs to `a.jpg` alone.
    """

    def __init__(self, found: Sequence[Member]) -> None:
        self._by_stem: dict[str, dict[str, str]] = {}
        for member in found:
            if (suffix := _suffix(member.name)) in ARCHIVED_TEXTS:
                self._by_stem.setdefault(member.name[: -len(suffix)], {})[suffix] = member.name

    def texts_of(self, picture: str) -> Mapping[str, str]:
        """The names of a picture's texts, by their suffix."""
        own = self._by_stem.get(picture[: -len(_suffix(picture))])
        texts = own or self._by_stem.get(key_of(picture)[0], {})
        sidecar = self._by_stem.get(picture, {}).get(XMP)
        return texts if sidecar is None else {**texts, XMP: sidecar}


def _text(shard: str, uri: str) -> bytes:
    return read_member(shard, uri[len(member_uri(shard, "")) :], _LARGEST_TEXT)


def _suffix(name: str) -> str:
    """A member's ending from its last dot, in small letters."""
    stem, dot, ending = name.rpartition(".")
    return dot + ending.lower() if stem.strip(".") and "/" not in ending else ""


def _is_hidden(name: str) -> bool:
    return any(
        (part.startswith(".") and part != "..") or part == "__MACOSX"
        for part in name.split("/")
        if part != "."
    )
