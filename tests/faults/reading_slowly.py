"""Read the text in a library's pictures, but not in all, to be killed: python -m tests.faults.reading_slowly LIBRARY"""

from __future__ import annotations

import sys
import time

from tests.grey import GreyLibrary
from tests.signs import ByHeart
from vasari.indexer import reading
from vasari.retrieval.domain import Picture, TextLine

ENOUGH = 50  # pictures, with some commits among them; then it stands still until it is killed


class Halting(ByHeart):
    """Reads some pictures slowly, and the next never."""

    def read(self, picture: Picture) -> list[TextLine]:
        if len(self.seen) >= ENOUGH:
            time.sleep(3600)
        return super().read(picture)


if __name__ == "__main__":
    reading.COMMIT_SECONDS = 0.1
    with GreyLibrary.open(sys.argv[1]) as library:
        reading.read_library(library, Halting({shade: f"SIGN{shade}" for shade in range(256)}, seconds=0.05))
