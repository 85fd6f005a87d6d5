"""Datasets with known answers: pictures, and the captions that belong to each.

Understood as they are published, so that no conversion stands between a download and a figure:

    folder with captions.json        COCO captions (also what `vasari scenes render` writes)
    captions_val2017.json            COCO captions; pictures beside it, in images/ or in the folder it is named after
    dataset_coco.json, dataset_flickr30k.json, dataset_flickr8k.json     Karpathy's splits
    captions.txt                     Flickr8k and Flickr30k: header, then image,caption
    *.token, *.token.txt             Flickr30k: name#0<TAB>caption
    *.jsonl                          {"image": …, "caption": … or "captions": […], "language": …}

A picture that is not on disk is left out and named in `missing`; the rest is evaluated.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.errors import NotFoundError, UsageError


@dataclass(frozen=True, slots=True)
class Pair:
    """One caption of one picture, as a file states it."""

    image: str  # path as written in the file
    text: str
    language: str | None = None
    detail: str | None = None  # high, medium or low, where the dataset says
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures and captions; `answers[i]` is the index in `images` of the picture that caption i describes."""

    name: str
    directory: Path
    images: tuple[Path, ...]
    texts: tuple[str, ...]
    answers: tuple[int, ...]
    missing: tuple[str, ...] = ()

    def captions_of(self) -> list[list[int]]:
        """For each picture the indices of its captions."""
        found: list[list[int]] = [[] for _ in self.images]
        for text, image in enumerate(self.answers):
            found[image].append(text)
        return found


Reader = Callable[[Path], Iterator[Pair]]


def load_dataset(
    path: str | Path,
    *,
    split: str | None = None,
    language: str | None = None,
    detail: str | None = None,
    limit: int | None = None,
) -> Dataset:
    """Read a dataset from a folder or an annotation file.

    Args:
        path: folder or file, see the module's table.
        split: for Karpathy's files: test (the default there), val, train or restval.
        language: keep captions of this language only; ignored for captions that name none.
        detail: keep captions of this detail only; ignored for captions that name none.
        limit: keep the first so many pictures.

    Raises:
        NotFoundError: no such path, or no annotations in it.
        UsageError: a broken annotation file (names the line), or nothing left to evaluate.
    """
    file = annotation_file(Path(path).expanduser())
    pairs = list(reader_of(file)(file))
    if any(pair.split for pair in pairs):
        pairs = [pair for pair in pairs if pair.split == (split or "test")]
    pairs = [pair for pair in pairs if pair.language in (None, language) or language is None]
    pairs = [pair for pair in pairs if pair.detail in (None, detail) or detail is None]
    if not pairs:
        wanted = ", ".join(str(want) for want in (split, language, detail) if want)
        raise UsageError(f"{file} has no captions{f' for {wanted}' if wanted else ''}")
    return _resolve(file, pairs, limit)


def languages(path: str | Path) -> list[str]:
    """The languages that a dataset's captions name, in the order of first mention; English where none is named."""
    file = annotation_file(Path(path).expanduser())
    return list(dict.fromkeys(pair.language for pair in reader_of(file)(file) if pair.language)) or ["en"]


def annotation_file(path: Path) -> Path:
    """The annotation file that `path` names or holds; raises NotFoundError."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise NotFoundError(f"no dataset at {path}")
    for pattern in (
        "captions.json",
        "captions.txt",
        "dataset_*.json",
        "*.token*",
        "captions*.json",
        "*.jsonl",
    ):
        found = sorted(path.glob(pattern)) or sorted(path.glob(f"annotations/{pattern}"))
        if found:
            return found[0]
    raise NotFoundError(
        f"no annotations in {path}: expected captions.json (COCO), captions.txt (Flickr), *.token, dataset_*.json"
        " (Karpathy) or *.jsonl"
    )


def reader_of(file: Path) -> Reader:
    """The reader for a file, by its name and shape; raises UsageError for one that is none of the known."""
    if file.suffix == ".jsonl":
        return read_json_lines
    if ".token" in file.name:
        return read_tokens
    if file.suffix in (".txt", ".csv"):
        return read_captions_txt
    if file.suffix == ".json":
        return read_json
    raise UsageError(f"{file} is no dataset that Vasari knows: COCO .json, Flickr .txt or .token, .jsonl")


def read_json(file: Path) -> Iterator[Pair]:
    """COCO captions, or Karpathy's split files."""
    try:
        data = json.loads(file.read_text("utf-8-sig"))
    except ValueError as error:
        raise UsageError(f"{file} is not valid JSON: {error}") from error
    try:
        if isinstance(data, dict) and "annotations" in data:
            names = {image["id"]: image["file_name"] for image in data["images"]}
            for note in data["annotations"]:
                if note["image_id"] in names:
                    yield Pair(
                        names[note["image_id"]], note["caption"], note.get("language"), note.get("detail")
                    )
        elif isinstance(data, dict) and "images" in data:
            for image in data["images"]:
                name = str(Path(image.get("filepath", "")) / image["filename"])
                for sentence in image["sentences"]:
                    yield Pair(name, sentence["raw"], split=image.get("split"))
        else:
            raise UsageError(f"{file} is neither COCO captions nor a Karpathy split: it has no 'images'")
    except (KeyError, TypeError) as error:
        raise UsageError(f"{file} is not as COCO or Karpathy write it: {error!r} is missing") from error


def read_json_lines(file: Path) -> Iterator[Pair]:
    """One object a line: image, and caption or captions."""
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row: dict[str, Any] = json.loads(line)
                texts = row["captions"] if "captions" in row else [row["caption"]]
                for text in texts:
                    yield Pair(str(row["image"]), str(text), row.get("language"), row.get("detail"))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{file}, line {number}: needs image and caption ({error})") from error


def read_captions_txt(file: Path) -> Iterator[Pair]:
    """Flickr8k's and Flickr30k's `captions.txt` or `results.csv`: image,caption; commas in captions may be bare."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        sample = lines.readline()
        lines.seek(0)
        delimiter = "|" if sample.count("|") > sample.count(",") else ","
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter), start=1):
            if not row or (number == 1 and row[0].strip().lower() in ("image", "image_name", "filename")):
                continue
            if len(row) < 2:
                raise UsageError(f"{file}, line {number}: needs image{delimiter}caption")
            # Flickr30k's table has a comment number between name and caption.
            rest = row[2:] if delimiter == "|" and len(row) > 2 else row[1:]
            yield Pair(row[0].strip(), delimiter.join(rest).strip())


def read_tokens(file: Path) -> Iterator[Pair]:
    """Flickr's token files: name#number, a tab, the caption."""
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name, tab, caption = line.rstrip("\n").partition("\t")
            if not tab:
                raise UsageError(f"{file}, line {number}: needs name#0, a tab and a caption")
            yield Pair(name.partition("#")[0], caption.strip())


def _resolve(file: Path, pairs: Iterable[Pair], limit: int | None) -> Dataset:
    """Find each picture on disk once, in the order of first mention."""
    folders = _image_folders(file)
    index: dict[str, int | None] = {}
    images: list[Path] = []
    texts: list[str] = []
    answers: list[int] = []
    for pair in pairs:
        if pair.image not in index:
            found = next((f / pair.image for f in folders if (f / pair.image).is_file()), None)
            if found is not None and limit is not None and len(images) >= limit:
                continue
            index[pair.image] = None if found is None else len(images)
            if found is not None:
                images.append(found)
        if (image := index[pair.image]) is not None:
            texts.append(pair.text)
            answers.append(image)
    missing = tuple(name for name, place in index.items() if place is None)
    if not images:
        raise UsageError(f"none of the {len(missing)} pictures of {file} is on disk: looked in {folders[0]}")
    return Dataset(file.parent.name, file.parent, tuple(images), tuple(texts), tuple(answers), missing)


def _image_folders(file: Path) -> list[Path]:
    """Where datasets keep their pictures, seen from the annotation file."""
    here = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
    stem = file.stem.partition("_")[2]  # captions_val2017 → val2017
    names = ["", "images", "Images", "Flicker8k_Dataset", "flickr30k_images", "flickr30k-images", stem]
    return [folder / name for folder in here for name in names]
