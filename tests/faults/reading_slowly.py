"""Read the text in a library's pictures, slowly, to be killed: python -m tests.faults.reading_slowly LIBRARY"""

from __future__ import annotations

import sys

from tests.grey import GreyLibrary
from tests.signs import ByHeart
from vasari.indexer import reading

if __name__ == "__main__":
    reading.COMMIT_SECONDS = 0.1
    with GreyLibrary.open(sys.argv[1]) as library:
        reading.read_library(library, ByHeart({shade: f"SIGN{shade}" for shade in range(256)}, seconds=0.02))
