"""Import a file, but die by SIGKILL within the transaction that makes it part of the library."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.grey import GreyLibrary
from vasari.indexer.exchange.importing import import_
from vasari.indexer.progress import ProgressEvent


class Deadly:
    """Kills its process once something was written."""

    def update(self, pulse: ProgressEvent) -> None:
        if pulse.phase == "importing" and pulse.done:
            os.kill(os.getpid(), signal.SIGKILL)


def import_and_die(root: Path, file: Path, model: str) -> None:
    """Import until something was written."""
    with GreyLibrary.open(root) as opened:
        import_(opened, file, model=model, progress=Deadly(), page=3)
