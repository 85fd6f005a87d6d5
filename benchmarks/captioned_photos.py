"""Does a model find photos by what people type?

    python -m benchmarks.captioned_photos FOLDER [--model starter]

FOLDER holds captions.txt, a table of `image,caption`, and the pictures in Images/ (the form of Flickr8k). They are
indexed and searched as by the commands. Recall: the picture of each caption among the first 1, 5 and 10. P@10: for the
words of typed_words.txt, in six languages, the share of right pictures among the first 10 (or as many as there are);
a picture is right if two of its captions match the word's pattern, and words with fewer than five right pictures are
left out. Without captions.txt, for files `NUMBER_name_of_thing`: whether the name finds its picture first. The last
line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measuring import finish
from vasari.retrieval.domain import SearchRequest
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.query import parse_query

LANGUAGES = ("en", "de", "es", "fr", "ja", "zh")
_WORDS = Path(__file__).with_name("typed_words.txt")
_FEWEST = 5  # right pictures

Captions = Mapping[str, Sequence[str]]


def read_captions(path: Path) -> Captions:
    """The captions of each picture's file name."""
    captions: dict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            captions[row["image"]].append(row["caption"].strip())
    return captions


def first(library: Library, text: str, count: int) -> list[str]:
    """File names of the first pictures that a search finds."""
    response = library.search(SearchRequest(terms=parse_query(text), limit=count))
    return [Path(hit.item.uri).name for hit in response.hits]


def recall(library: Library, captions: Captions) -> dict[str, float]:
    """The share of captions whose picture is among the first 1, 5 and 10."""
    places = []
    for picture, texts in captions.items():
        for text in texts:
            found = first(library, text, 10)
            places.append(found.index(picture) if picture in found else 10)
    return {f"R@{k}": float((np.array(places) < k).mean()) for k in (1, 5, 10)}


def right_pictures(captions: Captions) -> list[tuple[list[str], set[str]]]:
    """The typed words in each of `LANGUAGES`, with their right pictures, where there are enough."""
    found = []
    for line in _WORDS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        english, pattern, *others = line.split("; ")
        right = {
            picture
            for picture, texts in captions.items()
            if sum(bool(re.search(pattern, text.lower())) for text in texts) >= 2
        }
        if len(right) >= _FEWEST:
            found.append(([english, *others], right))
    return found


def precision(library: Library, captions: Captions) -> dict[str, float]:
    """P@10 of typed words by language."""
    shares: dict[str, list[float]] = defaultdict(list)
    for words, right in right_pictures(captions):
        for language, word in zip(LANGUAGES, words, strict=True):
            found = first(library, word, min(10, len(right)))
            shares[language].append(len(right.intersection(found)) / len(found))
    return {f"P@10 {language}": float(np.mean(values)) for language, values in shares.items()}


def names_found(library: Library, pictures: Sequence[str]) -> dict[str, float]:
    """The share of pictures that their own name finds first."""
    named = {picture: Path(picture).stem.partition("_")[2].replace("_", " ") for picture in pictures}
    return {
        "names": float(np.mean([first(library, name, 1) == [picture] for picture, name in named.items()]))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="starter")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        library_folder, table = Path(scratch) / "library", options.folder / "captions.txt"
        pictures = options.folder / "Images" if table.is_file() else options.folder
        command = [sys.executable, "-m", "vasari.api.cli", "index", str(pictures), "--source", "folder"]
        command += ["--library", str(library_folder), "--model", options.model]
        subprocess.run(command, check=True)
        with Library.open(library_folder) as library:
            if table.is_file():
                captions = read_captions(table)
                figures = recall(library, captions) | precision(library, captions)
            else:
                figures = names_found(library, [path.name for path in sorted(options.folder.glob("*_*.*"))])
    for name, value in figures.items():
        print(f"{name:10} {value:.3f}")
    finish("captioned_photos", model=options.model, **figures)


if __name__ == "__main__":
    main()
