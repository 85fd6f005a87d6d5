"""Where a library keeps what is named by a picture's content: uploads and thumbnails. Nothing else is ever deleted.

    uploads/3f/3f0c….jpg             pictures that came as bytes
    thumbnails/3f/3f0c…-320.webp     small pictures of items
    second_looks/3f/3f0c…-<model>.q8 what a reranker made of them

A content hash comes from whoever filled the library, also by an import: only 32 hexadecimal digits become part of a
path, and files are deleted relative to their folder, opened so that no link is followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path, PurePath

UPLOADS = "uploads"
THUMBNAILS = "thumbnails"
SECOND_LOOKS = "second_looks"
UPGRADE = "upgrade.json"  # which model takes over from the one that the library began with
BACKUP = "backup.tmp"  # second names of files, while a backup reads them
OWN_NAMES = frozenset(
    {"segments", "generations", "models", THUMBNAILS, SECOND_LOOKS, "quarantine", "map.json", UPGRADE, BACKUP}
)
CONTENT_HASH_LENGTH = 32  # hexadecimal digits
_HASH = re.compile(rf"[0-9a-f]{{{CONTENT_HASH_LENGTH}}}")
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def is_content_hash(text: str) -> bool:
    """Whether this is a BLAKE2b-128 in hexadecimal, as the catalog holds it of a file that was read."""
    return _HASH.fullmatch(text) is not None


def upload_path(root: Path, content_hash: str, suffix: str) -> Path:
    """Where an uploaded picture is stored; ValueError for what is no content hash."""
    return root / UPLOADS / _folder_of(content_hash) / f"{content_hash}{suffix}"


def thumbnail_path(root: Path, content_hash: str, side: int) -> Path:
    """Where a thumbnail in a square of `side` pixels is kept; ValueError for what is no content hash."""
    return root / THUMBNAILS / _folder_of(content_hash) / f"{content_hash}-{side}.webp"


def features_path(root: Path, content_hash: str, reranker: str) -> Path:
    """Where what a reranker made of a picture is kept; ValueError for what is no content hash."""
    return root / SECOND_LOOKS / _folder_of(content_hash) / f"{content_hash}-{reranker}.q8"


def is_own_file(root: Path, path: str | PurePath) -> bool:
    """Whether a path without links lies among what the library at `root` keeps for itself; uploads do not count."""
    try:
        parts = PurePath(path).relative_to(root).parts
    except ValueError:
        return False
    return not parts or parts[0] in OWN_NAMES or parts[0].startswith("catalog.sqlite3")


def is_upload(root: Path, path: str | PurePath, content_hash: str) -> bool:
    """Whether a path without links is that of the upload with this content."""
    found = PurePath(path)
    if not is_content_hash(content_hash) or found.stem != content_hash:
        return False
    return found.parent == root / UPLOADS / content_hash[:2]


def delete_upload(root: Path, uri: str, content_hash: str) -> bool:
    """Delete the file `uri` if it is the upload with this content; whether it was. No link is followed."""
    real = Path(os.path.realpath(root))
    if not is_upload(real, os.path.realpath(uri), content_hash):
        return False
    return _delete(real, UPLOADS, content_hash, {PurePath(uri).name})


def delete_derived(root: Path, content_hash: str) -> None:
    """Delete what was made of pictures with this content: thumbnails of all sizes, and what rerankers made."""
    if is_content_hash(content_hash):
        for kind in (THUMBNAILS, SECOND_LOOKS):
            _delete(Path(os.path.realpath(root)), kind, content_hash, None)


def _delete(root: Path, kind: str, content_hash: str, names: set[str] | None) -> bool:
    """Delete regular files of the hash's folder: those of these names, or all that are called after the hash."""
    deleted = False
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), contextlib.ExitStack() as opened:
        folder = None
        for part in (str(root), kind, content_hash[:2]):
            folder = os.open(part, _FOLDER, dir_fd=folder)
            opened.callback(os.close, folder)
        for name in os.listdir(folder):  # noqa: PTH208 (of a descriptor)
            mine = name.startswith(f"{content_hash}-") if names is None else name in names
            if mine and stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)
                deleted = True
    return deleted


def _folder_of(content_hash: str) -> str:
    if not is_content_hash(content_hash):
        raise ValueError(f"{content_hash!r} is no content hash")
    return content_hash[:2]
