"""Files and folders as filters, such as the current one for `vasari search --here`."""

from __future__ import annotations

import os
import re

_SPECIAL = re.compile(r'[\\"*?]')  # of a quoted pattern in the filter language


def also_here(where: str | None) -> str:
    """The filter `where`, and below the current folder: by the name it was entered by, and by its real one."""
    inside = " or ".join(f'uri:"{literally(name.rstrip("/"))}/*"' for name in _names_of_here())
    return f"({inside})" if where is None else f"({where}) and ({inside})"


def literally(name: str) -> str:
    """A name inside quotes of a filter, without wildcards."""
    return _SPECIAL.sub(r"\\\g<0>", name)


def _names_of_here() -> list[str]:
    """The shell's name of the current folder comes first, which may lead over links (POSIX, PWD)."""
    real = os.getcwd()  # noqa: PTH109 (the very name)
    entered = os.environ.get("PWD", "")
    try:
        is_here = entered.startswith("/") and os.path.samefile(entered, real)  # noqa: PTH121
    except OSError:
        is_here = False
    return list(dict.fromkeys([entered, real] if is_here else [real]))
