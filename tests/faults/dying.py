"""Index a folder, and build an index over it, but die by SIGKILL at one exact moment of writing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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


def index_and_die(root: Path, photos: Path, moment: str, method: str, count: int, every: int = 4) -> None:
    """Index and build, with `every` files a commit, until the moment before or after the nth call of a method comes."""
    with Catalog.open(root / "catalog.sqlite3") as catalog:
        watch(catalog, method, Death(moment, count))
        library = GreyLibrary(root, Settings(), catalog)
        index(library, choose_source([photos])[0], IndexOptions(batch_size=min(every, 2), commit_every=every))
        rebuild(library, kind="flat")
