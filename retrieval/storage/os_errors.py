"""Read errors of the operating system (permissions, I/O): a file that cannot be read now is not damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from vasari.retrieval.errors import StorageError


def cannot_read(path: Path, error: OSError) -> StorageError:
    """The error for a file that is there, or may be, but cannot be read now; nothing may be removed for it."""
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return StorageError(
            f"too many open files, {path} is one more: raise `ulimit -n`, or run `vasari rebuild`, which leaves fewer"
        )
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    todo = "see to its disk or network folder"
    if error.errno in {errno.EACCES, errno.EPERM}:
        todo = "give this user permission to read it"
    return StorageError(f"{path} cannot be read ({reason}): {todo}, then run the command again")
