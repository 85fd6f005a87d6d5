"""A backup's manifest: which files a library had at a moment, and which objects hold their bytes.

JSON, a line each: what the backup is, then a file a line, then how many there were, so that one that was cut short is
known by its end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from vasari.retrieval.errors import LibraryCorruptError, UnsupportedError

FORM = 1  # of manifests; a newer one is refused


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the library: its path below the library's folder, and the objects that hold it, in order."""

    path: str
    bytes: int
    mtime_ns: int
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup."""

    moment: str  # its name: when it was begun, in UTC
    root: str  # where the library lay
    version: str  # of the Vasari that wrote it
    items: Mapping[str, int]  # live ones, by modality
    files: Sequence[KeptFile]

    def written(self) -> bytes:
        """As it is kept."""
        head = {name: getattr(self, name) for name in ("moment", "root", "version", "items")}
        lines: list[dict[str, Any]] = [{"form": FORM, **head}]
        lines += [asdict(file) for file in self.files]
        lines.append({"files": len(self.files)})
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The inverse; LibraryCorruptError for one that is damaged, UnsupportedError for a newer form."""
        try:
            head, *files, end = map(json.loads, data.splitlines())
            form, count = int(head.pop("form")), int(end["files"])
            kept = [KeptFile(**{**file, "objects": tuple(file["objects"])}) for file in files]
            read = cls(**head, files=kept)
        except (ValueError, KeyError, TypeError) as error:
            raise LibraryCorruptError(f"the manifest of a backup is damaged: {error}") from error
        if form > FORM:
            raise UnsupportedError("this backup was written by a newer Vasari: upgrade Vasari")
        if count != len(kept):
            raise LibraryCorruptError(f"the manifest of a backup has {len(kept)} of {count} files")
        return read
