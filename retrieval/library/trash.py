"""The system's trash (on Linux freedesktop.org's): where files go that are to leave a library's folders, too.

Vasari deletes no file of its owner's. Where the setting `trash` allows it, and each removal asks for it, a file is
moved to the trash, from which it can be put back; only one that still holds just what was indexed.
"""

from __future__ import annotations

import importlib.util

from vasari.retrieval.domain import Item, Modality
from vasari.retrieval.errors import ImageError, MissingExtraError, StorageError, UsageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.settings import Settings
from vasari.retrieval.storage.local_files import content_hash, read_file
from vasari.retrieval.storage.uris import is_local_file


def check_trash(settings: Settings) -> None:
    """Raise UsageError where the setting does not allow it, MissingExtraError without the package that does it."""
    if not settings.trash:
        raise UsageError("files stay where they are: only with VASARI_TRASH=1 may they be moved to the trash")
    if importlib.util.find_spec("send2trash") is None:
        raise MissingExtraError("send2trash", "trash")


def move_to_trash(item: Item, limits: ImageLimits) -> None:
    """Move an item's file to the trash; StorageError in words without its path, and then the file is where it was."""
    from send2trash import send2trash

    if item.modality is not Modality.IMAGE or not is_local_file(item.uri):
        raise StorageError("it is no file of its own on this machine")
    try:
        if content_hash(read_file(item.uri, limits)) != item.content_hash:
            raise StorageError("its file is not what was indexed: index it again first")
        send2trash(item.uri)
    except ImageError as error:
        raise StorageError(f"its file cannot be read: {error}") from error
    except OSError as error:
        raise StorageError(
            f"its file cannot be moved to the trash: {error.strerror or type(error).__name__}"
        ) from error
