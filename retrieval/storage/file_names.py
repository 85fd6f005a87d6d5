"""File names: canonical equivalence (Unicode, UAX #15), and names of any bytes for libraries that take UTF-8 only.

é as one letter and as e with an accent are the same text. Macs write file names in decomposed letters, keyboards give
composed ones. Texts are compared in the composed form (NFC); names of files keep their bytes, for only these open them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import unicodedata
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


def composed(text: str) -> str:
    """`text` in composed letters (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def on_disk(path: str) -> str:
    """A path as the file system spells it, where it has these names in any canonically equivalent form.

    A name that is there as it is given is taken before others; what is not there at all stays as it is.
    """
    if path.isascii():
        return path
    found = "/" if path.startswith("/") else ""
    for name in path.split("/"):
        spelled = name if name.isascii() else _entry(found or ".", name)
        found = f"{found}{'' if found in ('', '/') else '/'}{spelled}" if name else found
    return found


def _entry(folder: str, name: str) -> str:
    """What `name` is called in a folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names, not paths)
    except OSError:
        return name
    if name in names:
        return name
    wanted = composed(name)
    return next((other for other in sorted(names) if composed(other) == wanted), name)
