"""File names of any bytes, for libraries written in C++ and Rust that take UTF-8 only."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def as_utf8(path: Path) -> Iterator[Path]:
    """`path` under a name that is UTF-8: through a symbolic link to its folder where it is not one itself.

    What is opened or mapped in the block stays so; the link is gone afterwards.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="vasari-") as folder:
            link = Path(folder) / "link"
            link.symlink_to(path.parent.absolute(), target_is_directory=True)
            yield link / path.name
    else:
        yield path
