"""`--help` from a file: what Typer would print, without the third of a second that importing it takes.

`api.cli.reference` makes the file, and checks that it says what the commands say.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

KEPT = Path(__file__).with_name("help.json")
WIDTH = 80  # as wide as help ever gets


def read(words: Sequence[str]) -> str | None:
    """What `vasari WORDS` prints, where it asks for help and the terminal is no narrower than the kept text."""
    if words[-1:] not in (["--help"], ["-h"]) or shutil.get_terminal_size().columns < WIDTH:
        return None
    helps: dict[str, str] = json.loads(KEPT.read_text("utf-8"))
    return helps.get(" ".join(["vasari", *words[:-1]]))
