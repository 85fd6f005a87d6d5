"""A process that writes a library in all ways at once: python -m tests.unit.writing LIBRARY PHOTOS."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.grey import GreyLibrary, write_picture
from vasari.indexer.build import rebuild
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.folder import FolderSource


def main(root: Path, photos: Path) -> None:
    """Index by small commits, then edit, remove and rebuild some times over."""
    with GreyLibrary.open(root) as library:
        for turn in range(6):
            index(library, FolderSource([photos]), IndexOptions(batch_size=4, commit_every=4))
            rebuild(library, kind="flat")
            for number in range(turn, 160, 7):
                write_picture(photos / f"{number}.png", 1000 * (turn + 1) + number)
            for number in range(turn, 160, 31):
                (photos / f"{number}.png").unlink(missing_ok=True)
            library.add(*(photos / f"{number}.png" for number in range(1, 160, 40) if number % 31 > 6))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
