"""Import a file, but die by SIGKILL within the transaction that makes it part of the library:

python -m tests.faults.dying_import LIBRARY FILE MODEL
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.grey import GreyLibrary
from vasari.indexer.exchange.importing import import_
from vasari.indexer.progress import ProgressEvent


class Deadly:
    """Kills its process once something was written."""

    def update(self, pulse: ProgressEvent) -> None:
        if pulse.phase == "importing" and pulse.done:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with GreyLibrary.open(sys.argv[1]) as opened:
        import_(opened, Path(sys.argv[2]), model=sys.argv[3], progress=Deadly(), page=3)
