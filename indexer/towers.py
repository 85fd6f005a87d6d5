"""Integrity check and repair of a library's exported models: text towers, their 8-bit form, optimized encoders."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from vasari.indexer.optimize import OptimizedPrecision, optimize, own_pictures
from vasari.indexer.quarantine import Quarantine
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import (
    LibraryCorruptError,
    ModelUnavailableError,
    StorageError,
    UnsupportedError,
    VasariError,
)
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.export import text_int8
from vasari.retrieval.models.exported import image, single_image, text
from vasari.retrieval.models.exported.image import FormerFormError, OptimizedEncoder, chosen_precision
from vasari.retrieval.models.exported.session import CHECKSUMS_FILE, check_content, read_checksums
from vasari.retrieval.models.exported.single_image import OnnxPictureEncoder
from vasari.retrieval.models.exported.text import OnnxTextEncoder
from vasari.retrieval.storage.os_errors import cannot_read

_log = logging.getLogger(__name__)

_REFUSALS = (errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM)
_PICTURES = 64  # show the ranges of an optimized encoder


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with the exported models of a space; `mended` if it no longer is."""

    kind: str  # tower, or unreadable
    message: str
    mended: bool = False


@dataclass(frozen=True, slots=True)
class _Form:
    """One exported form: its files, how to try it, and how to make it anew, which says what was done."""

    files: Collection[str]
    open: Callable[[], object]
    make: Callable[[], str]
    on_texts: bool = False  # whether it cannot be tried where the text tower is damaged


def examine_towers(
    library: Library, space: EmbeddingSpace, quarantine: Quarantine | None
) -> Iterator[Damage]:
    """What is damaged or half there in the folder of a space; with a quarantine it is moved there and made anew."""
    directory = library.models_directory(space)
    if not directory.is_dir():
        return
    try:
        read_checksums(directory)
    except LibraryCorruptError as error:
        said = quarantine.take_all(directory / CHECKSUMS_FILE) if quarantine else ""
        yield Damage("tower", f"{error}{said}", quarantine is not None)
        if quarantine is None:
            return  # what else is damaged cannot be told from it
    except StorageError as error:
        yield Damage("unreadable", str(error))
        return
    yield from _examine_picture(library, space, directory / single_image.FOLDER, quarantine)
    sound = True
    for form in _forms(library, space, directory):
        if any((directory / name).exists() for name in form.files) and (sound or not form.on_texts):
            found = list(_examine(form, directory, quarantine))
            sound = sound and all(damage.mended for damage in found)
            yield from found


def _examine_picture(
    library: Library, space: EmbeddingSpace, folder: Path, quarantine: Quarantine | None
) -> Iterator[Damage]:
    """The vision tower for single pictures, which has a folder of its own."""

    def make() -> str:
        library.models.export_pictures(space, anew=True)
        return "made anew"

    def try_it() -> None:
        if single_image.read_settings(folder.parent) is None:
            try:
                (folder / single_image.SETTINGS_FILE).read_bytes()
            except FileNotFoundError:
                pass  # which is damage
            except OSError as error:
                raise cannot_read(folder / single_image.SETTINGS_FILE, error) from error
            raise LibraryCorruptError(f"{folder / single_image.SETTINGS_FILE} is damaged")
        OnnxPictureEncoder.open(folder.parent, threads=library.settings.threads)

    if folder.is_dir():
        yield from _examine(_Form(single_image.FILES, try_it, make), folder, quarantine)
    elif quarantine is not None and (folder.parent / text.SETTINGS_FILE).is_file():
        yield from _exported_first(space, make)


def _exported_first(space: EmbeddingSpace, make: Callable[[], str]) -> Iterator[Damage]:
    """Of a library that an older version made: no damage, but each command of one picture loads the model.

    Where that model is not at hand, there is nothing to mend.
    """
    try:
        make()
    except ModelUnavailableError as error:
        _log.info("the vision tower of %s is not exported: %s", space.name, error)
        return
    except VasariError as error:
        yield Damage("tower", f"the vision tower of {space.name} cannot be exported: {error}")
        return
    yield Damage(
        "tower", f"the vision tower of {space.name} is exported now, for single pictures", mended=True
    )


def _forms(library: Library, space: EmbeddingSpace, directory: Path) -> Iterator[_Form]:
    threads, precision = library.settings.threads, _precision(directory)

    def texts() -> str:
        library.models.export_texts_anew(space)
        return "made anew"

    yield _Form(
        text.FILES, lambda: OnnxTextEncoder.open(directory, threads=threads).embed_texts(["a"]), texts
    )
    yield _Form(
        text_int8.INT8_FILES,
        lambda: OnnxTextEncoder.open(directory, threads=threads, graph=text_int8.INT8_GRAPH).embed_texts(
            ["a"]
        ),
        lambda: "the service makes it anew",
        on_texts=True,
    )
    yield _Form(
        image.FILES,
        lambda: OptimizedEncoder(
            directory, space, lambda: library.models.text_encoder(space), threads=threads
        ),
        lambda: _optimized_anew(library, space, precision),
    )


def _precision(directory: Path) -> OptimizedPrecision:
    """What was switched on, as far as that can still be read."""
    found = chosen_precision(directory)
    return next((precision for precision in get_args(OptimizedPrecision) if precision == found), "int8")


def _examine(form: _Form, directory: Path, quarantine: Quarantine | None) -> Iterator[Damage]:
    try:
        check_content(directory, form.files)
        form.open()
    except FormerFormError as error:
        yield _mended(form, directory, quarantine, str(error)) if quarantine else Damage("tower", str(error))
    except UnsupportedError:
        return  # it says itself why it cannot be used here
    except StorageError as error:
        yield Damage("unreadable", str(error))
    except LibraryCorruptError as error:
        if is_refusal(error):
            yield Damage("unreadable", str(error.__cause__ or error))
        elif quarantine is None:
            yield Damage("tower", str(error))
        else:
            yield _mended(form, directory, quarantine, str(error))


def is_refusal(error: BaseException) -> bool:
    """Whether the system refused to open files, of the model or of a library that reads it: that is no damage."""
    said, cause = str(error), error.__cause__
    while cause is not None:
        if isinstance(cause, OSError | ImportError) and not isinstance(cause, FileNotFoundError):
            return True
        cause = cause.__cause__
    return any(os.strerror(number) in said for number in _REFUSALS)


def _mended(form: _Form, directory: Path, quarantine: Quarantine, trouble: str) -> Damage:
    said = quarantine.take_all(*(directory / name for name in form.files))
    try:
        return Damage("tower", f"{trouble}{said}; {form.make()}", mended=True)
    except VasariError as error:
        return Damage("tower", f"{trouble}{said}; it cannot be made anew: {error}")


def _optimized_anew(library: Library, space: EmbeddingSpace, precision: OptimizedPrecision) -> str:
    report = optimize(library, space, own_pictures(library, _PICTURES), precision=precision, force=True)
    return f"made anew in {report.precision}"
