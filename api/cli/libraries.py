"""Libraries as commands open them: none is left behind by a command that came to nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from retrieval.errors import NotFoundError, VasariError
from retrieval.library import Library
from retrieval.settings import Settings

_CATALOG = ("catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm")


@contextlib.contextmanager
def filling(root: Path | None, settings: Settings) -> Iterator[Library]:
    """A library to be filled, made if need be; one that was made here and that an error left empty is taken away."""
    directory = (root or settings.library).expanduser().absolute()
    new_folders = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    is_new = settings.database_url is None and not (directory / _CATALOG[0]).exists()
    empty = False
    try:
        with Library.open(root, settings, create=True) as opened:
            try:
                yield opened
            except (VasariError, KeyboardInterrupt):
                empty = opened.catalog.default_space() is None
                raise
    finally:
        if is_new and empty:
            _take_away(directory, new_folders)


@contextlib.contextmanager
def borrowed(root: Path | None, settings: Settings) -> Iterator[Library]:
    """The library whose models are used; where there is none, an empty one for as long as the command runs."""
    try:
        opened = Library.open(root, settings)
    except NotFoundError:
        with TemporaryDirectory(prefix="vasari-") as folder:
            own = replace(settings, read_only=False, database_url=None)
            with Library.open(folder, own, create=True) as empty:
                yield empty
        return
    with opened:
        yield opened


def _take_away(directory: Path, new_folders: list[Path]) -> None:
    """Remove the empty catalog, and the folders that were made for it, where nothing else has come into them."""
    for name in _CATALOG:
        (directory / name).unlink(missing_ok=True)
    for folder in new_folders:
        with contextlib.suppress(OSError):  # another program's files are in it by now
            folder.rmdir()
