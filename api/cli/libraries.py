"""Libraries as commands open them: none is left behind by a command that came to nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from vasari.api.cli import output
from vasari.retrieval.errors import NotFoundError, VasariError
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.layout import UPGRADE

_CATALOG = ("catalog.sqlite3-wal", "catalog.sqlite3-shm", "catalog.sqlite3")
_CONTENTS = {  # what somebody would miss
    "items": "SELECT 1 FROM items LIMIT 1",
    "failures": "SELECT 1 FROM failures LIMIT 1",
    "jobs": "SELECT 1 FROM jobs WHERE kind <> 'import' LIMIT 1",  # of an import that came to nothing
    "api_keys": "SELECT 1 FROM api_keys LIMIT 1",
    "lease": "SELECT 1 FROM lease WHERE command IS NOT NULL AND pid IS NOT :pid",
}
_FOLDERS = ("segments", "generations", "models")  # in each a folder for a space


@contextlib.contextmanager
def filling(root: Path | None, settings: Settings, *, keep_empty: bool = True) -> Iterator[Library]:
    """A library to be filled, made if need be.

    One that was made here is taken away again if nothing had come into it when an error or a signal ended the command,
    and, without `keep_empty`, also when it ended by itself.
    """
    made = _Made((root or settings.library).expanduser().absolute(), settings)
    try:
        with _ended_at_once(made), Library.open(root, settings, create=True) as opened:
            yield opened
    except VasariError:
        made.take_away()
        raise
    except BaseException:  # it was stopped
        made.take_away_aloud()
        raise
    if not keep_empty:
        made.take_away_aloud()


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


@contextlib.contextmanager
def _ended_at_once(made: _Made) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the process there and then, and leave no empty library.

    No exception is raised: out of the import of torch it would abort the process (pybind11::error_already_set).
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(_number: int, _frame: FrameType | None) -> None:
        try:
            made.take_away_aloud()
            output.note("vasari: stopped")
        finally:
            os._exit(130)

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Made:
    """What a command makes in a folder where no library was, apart from what is there already."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._is_new = settings.database_url is None and not (directory / _CATALOG[-1]).exists()
        self._new_folders = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        folders = [directory / name for name in _FOLDERS]
        self._there = {path for folder in folders for path in (folder, *folder.glob("*")) if path.exists()}

    def take_away_aloud(self) -> None:
        """Remove it, and say so."""
        if self.take_away():
            output.note(f"nothing had been indexed yet: no library is left in {self._directory}")

    def take_away(self) -> bool:
        """Remove it, unless something came into the library; whether there was one to be removed."""
        database = self._directory / _CATALOG[-1]
        was_there = database.exists()
        spaces = _spaces_of_empty(database) if self._is_new else None
        if spaces is None:
            return False
        ours = tuple(f"{space}." for space in spaces)
        for folder in (self._directory / name for name in _FOLDERS):
            for path in folder.glob("*"):
                # Also "space.….tmp", which is half written, and vectors of a space that an import had not committed.
                is_ours = f"{path.name}.".startswith(ours) or folder.name == "segments"
                if is_ours and path not in self._there:
                    shutil.rmtree(path, ignore_errors=True)
            _remove_empty(folder, unless=self._there)
        for name in (*_CATALOG, UPGRADE):
            (self._directory / name).unlink(missing_ok=True)
        for folder in self._new_folders:
            _remove_empty(folder)
        return was_there


def _spaces_of_empty(database: Path) -> list[str] | None:
    """The names of a catalog's spaces; None where it has more than these, or is another's, or cannot be asked."""
    if not database.exists():
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            tables = {name for (name,) in opened.execute("SELECT name FROM sqlite_master")}
            for table in tables.intersection(_CONTENTS):
                if opened.execute(_CONTENTS[table], {"pid": os.getpid()}).fetchone():
                    return None
            return [name for (name,) in opened.execute("SELECT name FROM spaces")]
    except sqlite3.Error as error:
        return [] if "no such table" in str(error) else None


def _remove_empty(folder: Path, unless: Container[Path] = ()) -> None:
    if folder not in unless:
        with contextlib.suppress(OSError):  # another program's files are in it by now
            folder.rmdir()
