"""Index a folder and search it: python examples/index_and_search.py FOLDER WORDS.

The model is the built-in one, which knows drawings (`vasari scenes render FOLDER` draws some); for photos name another,
such as `fast`.
"""

import sys
from pathlib import Path

from vasari import Library


def main(folder: str, words: str) -> None:
    """Print the three best pictures, with the cosine between words and picture."""
    pictures = Path(folder)
    with Library.open(pictures / ".vasari", create=True) as library:
        report = library.index(pictures, model="scenes")
        print(f"{report.added} added, {report.unchanged} unchanged, {report.failed} failed")
        for hit in library.search(words, limit=3):
            print(f"{hit.score:6.3f}  {hit.item.uri}")


if __name__ == "__main__":
    main(*sys.argv[1:])
