"""Canonical equivalence (Unicode, UAX #15): é as one letter and as e with an accent are the same text.

Macs write file names in decomposed letters, keyboards give composed ones. Texts are compared in the composed form
(NFC); names of files keep their bytes, for only these open them.
"""

from __future__ import annotations

import os
import unicodedata


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
