"""Checksums of a model's exported forms: `checksums.json`, beside the files in the folder of a space.

Opening a form compares lengths, which costs nothing; `vasari doctor` compares the content too. Files that are not
named, as in libraries of earlier versions, are taken as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from retrieval.errors import LibraryCorruptError
from retrieval.storage.atomic import checksum_of, write_bytes
from retrieval.storage.trouble import cannot_read

CHECKSUMS_FILE = "checksums.json"


class Noted(NamedTuple):
    """What a file was when it was written."""

    bytes: int
    checksum: str  # BLAKE2b-64


def note_files(directory: Path, names: Iterable[str]) -> None:
    """Note these files of a folder as they are now, and forget those that are not there."""
    noted = dict(read_checksums(directory))
    for name in names:
        path = directory / name
        noted.pop(name, None)
        if path.is_file():
            noted[name] = Noted(path.stat().st_size, checksum_of(path))
    content = json.dumps({name: file._asdict() for name, file in sorted(noted.items())}, indent=1)
    write_bytes(directory / CHECKSUMS_FILE, content.encode())


def read_checksums(directory: Path) -> Mapping[str, Noted]:
    """What was noted; LibraryCorruptError for a file that is none of ours."""
    path = directory / CHECKSUMS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            Path(name).name: Noted(int(file["bytes"]), str(file["checksum"]))
            for name, file in content.items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LibraryCorruptError(f"{path} is damaged: run `vasari doctor --repair`") from error


def check_lengths(directory: Path, names: Iterable[str]) -> None:
    """Raise LibraryCorruptError unless these files, as far as they were noted, have the length they had."""
    noted = read_checksums(directory)
    for name in names:
        if name in noted:
            path = directory / name
            try:
                length = path.stat().st_size
            except FileNotFoundError:
                raise LibraryCorruptError(f"{path} is missing") from None
            except OSError as error:
                raise cannot_read(path, error) from error
            if length != noted[name].bytes:
                raise LibraryCorruptError(f"{path} has {length:,} bytes instead of {noted[name].bytes:,}")


def check_content(directory: Path, names: Iterable[str]) -> None:
    """Raise LibraryCorruptError unless these files, as far as they were noted, are what they were."""
    names = list(names)
    check_lengths(directory, names)
    noted = read_checksums(directory)
    for name in names:
        if name in noted:
            path = directory / name
            try:
                found = checksum_of(path)
            except OSError as error:
                raise cannot_read(path, error) from error
            if found != noted[name].checksum:
                raise LibraryCorruptError(f"{path} has another checksum than when it was written")
