"""Datasets with known answers: pictures, and the captions that belong to each.

Understood as they are published, so that no conversion stands between a download and a figure:

    folder with captions.json        COCO captions (also what `vasari scenes render` writes)
    annotations/captions_val2017.json COCO captions; pictures beside it, in images/ or in the folder it is named after;
                                     of several files in one folder the one of `split`, by its name, or val
    dataset_coco.json, dataset_flickr30k.json, dataset_flickr8k.json     Karpathy's splits
    captions.txt, results.csv        Flickr8k and Flickr30k, as on Kaggle: header, then image,caption; or with | between
    *.token, *.token.txt             Flickr30k: name#0<TAB>caption
    *.jsonl                          {"image": …, "caption": … or "captions": […], "language": …}

A picture that is not on disk is left out and named in `missing`, a line or entry that cannot be used in `broken`; the
rest is evaluated. Files may be in any encoding of `vasari.retrieval.storage.text_files`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import ImageError, NotFoundError, UsageError
from vasari.retrieval.storage.filesystem import readable
from vasari.retrieval.storage.text_files import opened_text, parse_json, plain


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
    broken: tuple[str, ...] = ()  # what is wrong with each line, entry or picture that was left out

    def without(self, unreadable: Mapping[Path, str]) -> Dataset:
        """The rest where these pictures cannot be read, for the reasons given; UsageError where there is none."""
        kept = [number for number, image in enumerate(self.images) if image not in unreadable]
        if not kept:
            path, reason = next(iter(unreadable.items()))
            raise UsageError(f"none of the {len(self.images)} pictures can be read: {path}: {reason}")
        place = {number: new for new, number in enumerate(kept)}
        said = [
            (text, place[image])
            for text, image in zip(self.texts, self.answers, strict=True)
            if image in place
        ]
        return replace(
            self,
            images=tuple(self.images[number] for number in kept),
            texts=tuple(text for text, _ in said),
            answers=tuple(image for _, image in said),
            broken=(*self.broken, *(f"{path.name}: {reason}" for path, reason in sorted(unreadable.items()))),
        )

    def first(self, count: int) -> Dataset:
        """The first pictures alone, and what is said of them."""
        said = [pair for pair in zip(self.texts, self.answers, strict=True) if pair[1] < count]
        return replace(
            self,
            images=self.images[:count],
            texts=tuple(text for text, _ in said),
            answers=tuple(image for _, image in said),
        )

    def captions_of(self) -> list[list[int]]:
        """For each picture the indices of its captions."""
        found: list[list[int]] = [[] for _ in self.images]
        for text, image in enumerate(self.answers):
            found[image].append(text)
        return found


class Broken(str):
    """What is wrong with a line or entry, and where it is."""

    __slots__ = ()


_COMMENT_NUMBER = re.compile(r"^\s*\d+\s*[|\s]")
_ANNOTATIONS = (
    "captions.json",
    "captions.txt",
    "results*.csv",
    "dataset_*.json",
    "*.token*",
    "captions*.json",
    "*.jsonl",
)

Reader = Callable[[Path], Iterator[Pair | Broken]]


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
        split: for Karpathy's files: test (the default there), val, train or restval; for a folder with captions of
            several splits, as COCO is downloaded, train or val (the default there).
        language: keep captions of this language only; ignored for captions that name none.
        detail: keep captions of this detail only; ignored for captions that name none.
        limit: keep the first so many pictures.

    Raises:
        NotFoundError: no such path, or no annotations in it.
        UsageError: an annotation file that cannot be read at all, or nothing left to evaluate (names the first fault).
    """
    file = annotation_file(Path(path).expanduser(), split)
    found = list(_read(file))
    broken = tuple(str(entry) for entry in found if isinstance(entry, Broken))
    pairs = [entry for entry in found if isinstance(entry, Pair)]
    if not pairs and broken:
        raise UsageError(f"{file} has no captions that can be used: {broken[0]}")
    if any(pair.split for pair in pairs):
        pairs = [pair for pair in pairs if pair.split == (split or "test")]
    pairs = [pair for pair in pairs if pair.language in (None, language) or language is None]
    pairs = [pair for pair in pairs if pair.detail in (None, detail) or detail is None]
    if not pairs:
        wanted = ", ".join(str(want) for want in (split, language, detail) if want)
        raise UsageError(f"{file} has no captions{f' for {wanted}' if wanted else ''}")
    return _resolve(file, pairs, limit, broken)


def languages(path: str | Path) -> list[str]:
    """The languages that a dataset's captions name, in the order of first mention; English where none is named."""
    file = annotation_file(Path(path).expanduser())
    named = (pair.language for pair in _read(file) if isinstance(pair, Pair) and pair.language)
    return list(dict.fromkeys(named)) or ["en"]


def annotation_file(path: Path, split: str | None = None) -> Path:
    """The annotation file that `path` names or holds, that of `split` where there are several; raises NotFoundError."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise NotFoundError(f"no dataset at {path}")
    for pattern in _ANNOTATIONS:
        for folder in ("", "annotations/", "flickr30k_images/"):
            if found := sorted(path.glob(f"{folder}{pattern}")):
                return next(
                    (file for word in (split, "val") for file in found if word and word in file.stem),
                    found[0],
                )
    raise NotFoundError(
        f"no annotations in {path}: expected captions.json (COCO), captions.txt or results.csv (Flickr), *.token,"
        " dataset_*.json (Karpathy) or *.jsonl"
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


def read_json(file: Path) -> Iterator[Pair | Broken]:
    """COCO captions, or Karpathy's split files; ids are compared as they read."""
    with opened_text(str(file)) as lines:
        try:
            data = parse_json(lines.read())
        except ValueError as error:
            raise UsageError(f"{file}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise UsageError(f"{file} is neither COCO captions nor a Karpathy split: it has no 'images'")
    if "annotations" in data:
        yield from _coco(data["images"], data["annotations"])
    else:
        yield from _karpathy(data["images"])


def _coco(images: Sequence[Any], notes: object) -> Iterator[Pair | Broken]:
    names: dict[str, str] = {}
    for number, image in enumerate(images, start=1):
        if isinstance(image, dict) and isinstance(image.get("file_name"), str) and "id" in image:
            names[_id(image["id"])] = image["file_name"]
        else:
            yield Broken(f"image {number}: id or file_name is missing")
    for number, note in enumerate(notes if isinstance(notes, list) else [], start=1):
        if (
            not isinstance(note, dict)
            or note.get("image_id") is None
            or not isinstance(note.get("caption"), str)
        ):
            yield Broken(f"annotation {number}: image_id or caption is missing")
        elif (image := names.get(_id(note["image_id"]))) is not None:
            yield Pair(image, plain(note["caption"]), _word(note.get("language")), _word(note.get("detail")))


def _karpathy(images: Sequence[Any]) -> Iterator[Pair | Broken]:
    for number, image in enumerate(images, start=1):
        try:
            name = str(Path(image.get("filepath") or "") / image["filename"])
            for sentence in image["sentences"]:
                yield Pair(name, plain(str(sentence["raw"])), split=_word(image.get("split")))
        except (KeyError, TypeError, AttributeError) as error:
            yield Broken(f"image {number}: {error!r} is missing")


def read_json_lines(file: Path) -> Iterator[Pair | Broken]:
    """One object a line: image, and caption or captions."""
    with opened_text(str(file)) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
                texts = row["captions"] if "captions" in row else [row["caption"]]
                pairs = [
                    Pair(
                        plain(str(row["image"])),
                        plain(str(text)),
                        _word(row.get("language")),
                        _word(row.get("detail")),
                    )
                    for text in texts
                ]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                yield Broken(f"line {number}: needs image and caption ({error})")
            else:
                yield from pairs


def read_captions_txt(file: Path) -> Iterator[Pair | Broken]:
    """Flickr8k's and Flickr30k's `captions.txt` or `results.csv`: image,caption; commas in captions may be bare."""
    with opened_text(str(file)) as lines:
        first = next(lines, "")
        separator = "|" if first.count("|") > first.count(",") else "," if "," in first else "\t"
        for number, line in enumerate(chain([first], lines), start=1):
            if not line.strip():
                continue
            name, _, caption = plain(line).partition(separator)
            if number == 1 and name.strip(' "').lower() in ("image", "image_name", "filename"):
                continue
            if (
                first.count("|") > 1
            ):  # Flickr30k's table has a comment number in between, one row of it without the bar
                caption = _COMMENT_NUMBER.sub("", caption)
            if caption.strip():
                yield Pair(_unquoted(name.strip()), _unquoted(caption.strip()))
            else:
                yield Broken(f"line {number}: needs image{separator}caption")


def read_tokens(file: Path) -> Iterator[Pair | Broken]:
    """Flickr's token files: name#number, a tab, the caption."""
    with opened_text(str(file)) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name, tab, caption = plain(line).rstrip("\r\n").partition("\t")
            if tab:
                yield Pair(name.partition("#")[0], caption.strip())
            else:
                yield Broken(f"line {number}: needs name#0, a tab and a caption")


def _read(file: Path) -> Iterator[Pair | Broken]:
    """The pairs of a file; UsageError where it cannot be opened."""
    try:
        with readable(UsageError):
            yield from reader_of(file)(file)
    except ImageError as error:
        raise UsageError(f"{file}: {error}") from error


def _id(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unquoted(text: str) -> str:
    """A field without the quotation marks that a table's writer put around it."""
    whole = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1].replace('""', "")
    return text[1:-1].replace('""', '"').strip() if whole else text


def _resolve(file: Path, pairs: Iterable[Pair], limit: int | None, broken: tuple[str, ...]) -> Dataset:
    """Find each picture on disk once, in the order of first mention."""
    folders = _image_folders(file)
    index: dict[str, int | None] = {}
    images: list[Path] = []
    texts: list[str] = []
    answers: list[int] = []
    for pair in pairs:
        if pair.image not in index:
            found = next((f / pair.image for f in folders if _is_file(f / pair.image)), None)
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
    return Dataset(
        file.parent.name, file.parent, tuple(images), tuple(texts), tuple(answers), missing, broken
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a path, a NUL
        return False


def _image_folders(file: Path) -> list[Path]:
    """Where datasets keep their pictures, seen from the annotation file."""
    here = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
    stem = file.stem.partition("_")[2]  # captions_val2017 → val2017
    names = ["", "images", "Images", "Flicker8k_Dataset", "flickr30k_images", "flickr30k-images", stem]
    return [folder / name for folder in here for name in names]
