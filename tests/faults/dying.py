"""Index a folder, and build an index over it, but die by SIGKILL at one exact moment of writing:

python -m tests.faults.dying LIBRARY PHOTOS before|after METHOD COUNT [FILES-A-COMMIT]
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.watched import watch
from tests.grey import GreyLibrary
from vasari.indexer.build import rebuild
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.settings import Settings


@dataclass
class Death:
    """Kills its process before or after the nth call."""

    moment: str
    remaining: int  # calls until then

    def __call__(self, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self.remaining -= 1
        if not self.remaining and self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = work(*given, **named)
        if not self.remaining:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def main(arguments: Sequence[str]) -> None:
    """Index and build until the moment comes."""
    root, photos, moment, method, count, *more = arguments
    every = int(more[0]) if more else 4
    with GreyLibrary.open(root) as library:
        root_path = library.root
    with Catalog.open(root_path / "catalog.sqlite3") as catalog:
        watch(catalog, method, Death(moment, int(count)))
        library = GreyLibrary(root_path, Settings(), catalog)
        index(library, choose_source([photos])[0], IndexOptions(batch_size=min(every, 2), commit_every=every))
        rebuild(library, kind="flat")


if __name__ == "__main__":
    main(sys.argv[1:])
