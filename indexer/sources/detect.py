"""Detection of the source for what a person gave: by suffix, and for folders by what is in them.

| given | read as |
|---|---|
| .tar, .zip, or a folder with .tar files and no pictures | webdataset |
| .csv, .tsv, .jsonl, .parquet, a folder of nothing else, or one with `metadata.csv` or `metadata.jsonl` | table |
| COCO captions (.json), or a folder with captions.json or annotations/captions_*.json | coco |
| a folder that `save_to_disk` of Hugging Face datasets wrote, .arrow, .feather | hf |
| a folder whose pictures have texts beside them | pairs |
| any other folder, a picture | folder |
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache, partial
from itertools import islice
from pathlib import Path

from vasari.indexer.sources.coco import CocoSource, is_coco
from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.folder import EXCLUDED_FOLDERS, FolderSource, FolderWithTexts, PairsSource
from vasari.indexer.sources.remote import RemoteFolderSource
from vasari.indexer.sources.saved import SavedDatasetSource, arrow_files, is_saved_dataset
from vasari.indexer.sources.source import Candidate, Source, SourceKind
from vasari.indexer.sources.table import TABLE_SUFFIXES, TableSource, is_table, names_columns
from vasari.indexer.sources.webdataset import ShardSource
from vasari.retrieval.domain import Modality, Skipped
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.filesystem import file_system
from vasari.retrieval.storage.local_files import indexable_suffixes
from vasari.retrieval.storage.network_addresses import name_host
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import ARCHIVE_SUFFIXES, ARROW_SUFFIXES, absolute, is_url

_LOOKED_AT = 2000  # files of a folder, until it is taken to have no texts beside its pictures
_TARS = tuple(suffix for suffix in ARCHIVE_SUFFIXES if suffix != ".zip")
_METADATA = ("metadata.csv", "metadata.jsonl")  # as Hugging Face's image folders have them


@dataclass(frozen=True, slots=True)
class Reading:
    """What a person may say about how to read."""

    kind: SourceKind | None = None  # None: by what is there
    columns: Columns = field(default_factory=Columns)
    excludes: Sequence[str] = EXCLUDED_FOLDERS
    ignored: Sequence[str] = ()  # patterns as of .gitignore, for folders
    hidden: bool = False
    limits: ImageLimits = field(default_factory=ImageLimits)
    known: Callable[[str], bool] = lambda _path: False  # whether the library has items at or below a path


def reading_for(
    library: Library | None,
    *,
    kind: SourceKind | None = None,
    columns: Columns | None = None,
    exclude: Sequence[str] = (),
    ignored: Sequence[str] = (),
    hidden: bool = False,
) -> Reading:
    """How paths are read into a library: by its limits, knowing what it has of those that are gone; None: a new one."""
    return Reading(
        kind,
        columns or Columns(),
        [*EXCLUDED_FOLDERS, *exclude],
        ignored,
        hidden,
        ImageLimits() if library is None else library.image_limits,
        _nowhere if library is None else partial(has_items, library),
    )


class Sources:
    """Several sources as one."""

    modality = Modality.IMAGE

    def __init__(self, parts: Sequence[Source], limits: ImageLimits) -> None:
        self._parts = parts
        self._limits = limits

    @property
    def roots(self) -> Sequence[str] | None:
        """The roots of all; None where one may name pictures anywhere."""
        roots = [part.roots for part in self._parts]
        return None if None in roots else [root for some in roots for root in some or ()]

    @property
    def places(self) -> Sequence[str]:
        """Those of all."""
        return [place for part in self._parts for place in part.places]

    @property
    def left_out(self) -> Mapping[str, int]:
        """Those of all."""
        return sum((Counter(part.left_out) for part in self._parts), Counter[str]())

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """One source after the other; what two of them name is taken from the first."""
        seen: set[str] = set()
        for part in self._parts:
            for entry in part.candidates():
                if entry.uri not in seen:
                    seen.add(entry.uri)
                    yield entry

    def covers(self, uri: str) -> bool:
        """Whether one of them would have listed it."""
        return any(part.covers(uri) for part in self._parts)

    def read(self, candidate: Candidate) -> bytes:
        """The picture's bytes."""
        return open_original(candidate.uri, self._limits)


def choose_source(
    given: Sequence[str | os.PathLike[str]], reading: Reading | None = None
) -> tuple[Source, set[SourceKind]]:
    """The source for paths and URLs, and the kinds it is made of.

    A path that is not there does not keep the others from being read: what the library has of it may have moved to
    one of them, and stays otherwise. Raises NotFoundError where none is there that the library knows of either,
    UsageError for what cannot be read that way.
    """
    reading = reading or Reading()
    gone = absent(given)
    try:
        return _chosen(given, gone, reading)
    except NotFoundError:
        if absent(given) == gone:
            raise
    return choose_source(given, reading)  # one vanished while we looked at it, as drives do


def _chosen(
    given: Sequence[str | os.PathLike[str]], gone: Sequence[str], reading: Reading
) -> tuple[Source, set[SourceKind]]:
    by_kind: dict[SourceKind, list[str]] = {}
    for path in map(absolute, given):
        if is_url(path):
            name_host(path)
        if path not in gone:
            by_kind.setdefault(reading.kind or kind_of(path), []).append(path)
    if gone and not by_kind and not any(map(reading.known, gone)):
        raise NotFoundError(f"no such file or folder: {gone[0]}")
    if reading.ignored and not by_kind.keys() & {SourceKind.FOLDER, SourceKind.PAIRS}:
        raise UsageError("--exclude is for folders of pictures: leave it out here")
    parts = [part for kind, paths in by_kind.items() for part in _sources(kind, paths, reading)]
    if gone:
        parts.append(FolderSource(gone, may_be_gone=True))
    return (parts[0] if len(parts) == 1 else Sources(parts, reading.limits)), set(by_kind)


def absent(given: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The local paths among them that are not there, or are links to what is not."""
    return [path for path in map(absolute, given) if not is_url(path) and not os.path.exists(path)]  # noqa: PTH110


def same_folders(given: Sequence[str | os.PathLike[str]]) -> list[tuple[str, str]]:
    """Local folders among them that are given by two paths: the later one, and the first."""
    first: dict[tuple[int, int], str] = {}
    found = []
    for path in dict.fromkeys(map(absolute, given)):
        if not is_url(path) and os.path.isdir(path):  # noqa: PTH112
            facts = os.stat(path)  # noqa: PTH116
            before = first.setdefault((facts.st_dev, facts.st_ino), path)
            found += [(path, before)] if before != path else []
    return found


def _nowhere(_path: str) -> bool:
    return False


def has_items(library: Library, path: str) -> bool:
    """Whether a library has pictures at or below a path, be it there or not."""
    under = [path]
    live = next(iter(library.catalog.items.known_files(Modality.IMAGE, under)), None)
    return live is not None or bool(library.catalog.items.missing(under=under))


def kind_of(path: str) -> SourceKind:
    """What a path or URL looks like; a folder is a folder, whatever it is called."""
    if not is_url(path) and os.path.isdir(path):  # noqa: PTH112
        return _kind_of_folder(path, *_listing(path))
    if path.lower().endswith(ARCHIVE_SUFFIXES):
        return SourceKind.WEBDATASET
    if is_table(path):
        return SourceKind.TABLE
    if path.lower().endswith(ARROW_SUFFIXES):
        return SourceKind.HF
    if path.lower().endswith((".json", ".json.gz")):
        return SourceKind.COCO if is_coco(path) else SourceKind.TABLE
    files, folders = _listing(path)
    if files or folders:
        return _kind_of_folder(path, files, folders)
    return SourceKind.TABLE if path.lower().endswith(".txt") and names_columns(path) else SourceKind.FOLDER


def _kind_of_folder(path: str, files: set[str], folders: set[str]) -> SourceKind:
    pictures = any(_is_picture(name) for name in files)
    if not is_url(path) and is_saved_dataset(files):
        return SourceKind.HF
    if not pictures and any(name.lower().endswith(_TARS) for name in files):
        return SourceKind.WEBDATASET
    if _annotations(path, files, folders):
        return SourceKind.COCO
    if not files.isdisjoint(_METADATA) or (files and not folders and all(map(is_table, files))):
        return SourceKind.TABLE
    return SourceKind.PAIRS if not is_url(path) and _has_pairs(path) else SourceKind.FOLDER


def _sources(kind: SourceKind, paths: Sequence[str], reading: Reading) -> list[Source]:
    limits = reading.limits
    remote = [path for path in paths if is_url(path)]
    local = [path for path in paths if not is_url(path)]
    match kind:
        case SourceKind.FOLDER | SourceKind.PAIRS:
            # A text may come later than those that were looked at; a person who says "folder" wants none.
            plain = FolderWithTexts if reading.kind is None else FolderSource
            walker = PairsSource if kind is SourceKind.PAIRS else plain
            found: list[Source] = []
            if local:
                found.append(
                    walker(
                        local, reading.excludes, ignored=reading.ignored, hidden=reading.hidden, limits=limits
                    )
                )
            if remote:
                found.append(RemoteFolderSource(remote, limits=limits))
            return found
        case SourceKind.WEBDATASET:
            folders = [path for path in paths if _is_folder(path)]
            shards = [
                file for path in paths for file in _files(path, [f"*{suffix}" for suffix in ARCHIVE_SUFFIXES])
            ]
            return [ShardSource(shards, folders, limits=limits)]
        case SourceKind.TABLE:
            return [
                TableSource(
                    [file for path in paths for file in _tables(path)], reading.columns, limits=limits
                )
            ]
        case SourceKind.COCO:
            return [CocoSource([file for path in paths for file in _coco_files(path)], limits=limits)]
        case SourceKind.HF:
            if remote:
                raise UsageError(
                    f"{remote[0]} is not on this machine: saved datasets are read from local folders only"
                )
            arrows = [
                file for path in local for file in (arrow_files(path) if Path(path).is_dir() else [path])
            ]
            return [SavedDatasetSource(arrows, reading.columns, limits=limits)]


def _tables(path: str) -> list[str]:
    files, _ = _listing(path)
    special = [name for name in _METADATA if name in files]
    return [f"{path}/{name}" for name in special] or _files(
        path, [f"*{suffix}" for suffix in TABLE_SUFFIXES if suffix != ".token"]
    )


def _coco_files(path: str) -> list[str]:
    if not _is_folder(path):
        return [path]
    found = _annotations(path, *_listing(path))
    if not found:
        raise UsageError(
            f"{path} has no COCO captions: expected captions.json or annotations/captions_*.json"
        )
    return found


def _annotations(path: str, files: set[str], folders: set[str]) -> list[str]:
    here = sorted(name for name in files if fnmatch(name, "captions*.json"))
    if here or "annotations" not in folders:
        return [f"{path}/{name}" for name in here]
    below, _ = _listing(f"{path}/annotations")
    return [f"{path}/annotations/{name}" for name in sorted(below) if fnmatch(name, "captions*.json")]


def _files(path: str, patterns: Sequence[str]) -> list[str]:
    """The file itself, or a folder's files that fit one of the patterns; UsageError where there is none."""
    files, folders = _listing(path)
    if not files and not folders:
        return [path]
    found = sorted(name for name in files if any(fnmatch(name.lower(), pattern) for pattern in patterns))
    if not found:
        raise UsageError(f"{path} has none of {', '.join(patterns)}")
    return [f"{path}/{name}" for name in found]


def _is_folder(path: str) -> bool:
    return any(_listing(path))


def _listing(path: str) -> tuple[set[str], set[str]]:
    """Names of the files and folders in a folder; two empty sets for a file. Raises NotFoundError."""
    if is_url(path):
        return _remote_listing(path)
    try:
        with os.scandir(path) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except NotADirectoryError:
        return set(), set()
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file or folder: {path}") from error
    except OSError:
        return set(), set()  # the source itself says why it cannot be read
    return {name for name, folder in found if not folder}, {name for name, folder in found if folder}


def _remote_listing(url: str) -> tuple[set[str], set[str]]:
    system, path = file_system(url)
    try:
        if not system.isdir(path):
            return set(), set()
        found = system.ls(path, detail=True)
    except FileNotFoundError as error:
        raise NotFoundError(f"nothing at {url}") from error
    except Exception as error:  # each file system has its own kinds of errors
        raise UsageError(f"{url} cannot be listed: {str(error) or type(error).__name__}") from error
    named = [(str(entry["name"]).rstrip("/").rpartition("/")[2], entry.get("type")) for entry in found]
    return {name for name, kind in named if kind == "file"}, {
        name for name, kind in named if kind == "directory"
    }


def _has_pairs(folder: str) -> bool:
    """Whether one of the first files is a picture with a text of the same name."""
    walk = ((top, name) for top, _, names in os.walk(folder) for name in sorted(names))
    texts: set[str] = set()
    pictures: set[str] = set()
    for top, name in islice(walk, _LOOKED_AT):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if suffix.lower() == ".txt":
            texts.add(f"{top}/{stem}")
        elif _is_picture(name):
            pictures.add(f"{top}/{stem}")
    return not texts.isdisjoint(pictures)


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in _suffixes()  # noqa: PTH122


@cache
def _suffixes() -> frozenset[str]:
    return indexable_suffixes()
