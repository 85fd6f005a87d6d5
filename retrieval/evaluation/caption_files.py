"""Files of captions as datasets publish them, each read as pairs of a picture's name and a text.

A line or entry that cannot be used is a `Broken`, and the rest is read. Files may be in any encoding of
`vasari.retrieval.storage.text_files`, and compressed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import ImageError, UsageError
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
    image_id: str = ""  # by which other files of the dataset mean the picture, where it has one
    text_id: str = ""  # by which they mean the caption


class Broken(str):
    """What is wrong with a line or entry, and where it is."""

    __slots__ = ()


Entries = Iterator[Pair | Broken]
Reader = Callable[[Path], Entries]

_COMMENT_NUMBER = re.compile(r"^\s*\d+\s*[|\s]")
_HEADERS = ("image", "image_name", "image_id", "filename")
_STAIR = "stair_captions"
_CHINESE = ("flickr30k_cn", "flickr8k_cn", "imageid.")


def reader_of(file: Path) -> Reader:
    """The reader for a file, by its name and shape; raises UsageError for one that is none of the known."""
    if file.suffix == ".jsonl":
        return read_json_lines
    if file.name.startswith(_CHINESE):
        return lambda file: (in_language("zh", entry) for entry in read_tokens(file))
    if ".token" in file.name:
        return read_tokens
    if file.suffix in (".txt", ".csv"):
        return read_captions_txt
    if file.suffix == ".json" and file.name.startswith(_STAIR):
        return lambda file: (in_language("ja", entry) for entry in read_json(file))
    if file.suffix == ".json":
        return read_json
    raise UsageError(f"{file} is no dataset that Vasari knows: COCO .json, Flickr .txt or .token, .jsonl")


def known_name(file: Path) -> str:
    """The dataset that a file of captions is of, by its name and shape, as `KNOWN` calls it; "" where that is open."""
    name = file.name
    if name.startswith("dataset_"):
        return "Karpathy splits"
    if name.startswith((_STAIR, "captions_train20", "captions_val20")):
        return "COCO Captions"
    if name.startswith("imageid."):
        return "COCO-CN"
    if ".token" in name or name.startswith(("flickr", "results", "captions.txt")):
        return "Flickr30k, Flickr8k"
    head = beginning(file) if file.suffix == ".jsonl" else ""
    return "Crossmodal-3600" if '"image/key"' in head else "xFlickr&CO" if '"img_path"' in head else ""


def beginning(file: Path) -> str:
    """The first line of a text that is not empty; "" where it cannot be read, which its reader will say."""
    try:
        with readable(UsageError), opened_text(str(file)) as lines:
            return next((line for line in lines if line.strip()), "")
    except (ImageError, UsageError):
        return ""


def in_language(language: str, entry: Pair | Broken) -> Pair | Broken:
    """A pair of a dataset that is all in one language, and names none."""
    return replace(entry, language=language) if isinstance(entry, Pair) else entry


def read_all(file: Path, reader: Reader | None = None) -> Entries:
    """The pairs of a file; UsageError where it cannot be opened, or is none of the known."""
    try:
        with readable(UsageError):
            yield from (reader or reader_of(file))(file)
    except ImageError as error:
        raise UsageError(f"{file}: {error}") from error


def read_document(file: Path) -> Any:
    """The value of a JSON file; UsageError says what is wrong with it."""
    try:
        with readable(UsageError), opened_text(str(file)) as lines:
            return parse_json(lines.read())
    except (ImageError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error


def read_json(file: Path) -> Entries:
    """COCO captions, or Karpathy's split files; ids are compared as they read."""
    data = read_document(file)
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise UsageError(f"{file} is neither COCO captions nor a Karpathy split: it has no 'images'")
    if "annotations" in data:
        yield from _coco(data["images"], data["annotations"])
    else:
        yield from _karpathy(data["images"])


def _coco(images: Sequence[Any], notes: object) -> Entries:
    names: dict[str, str] = {}
    for number, image in enumerate(images, start=1):
        if isinstance(image, dict) and isinstance(image.get("file_name"), str) and "id" in image:
            names[as_id(image["id"])] = image["file_name"]
        else:
            yield Broken(f"image {number}: id or file_name is missing")
    for number, note in enumerate(notes if isinstance(notes, list) else [], start=1):
        if (
            not isinstance(note, dict)
            or note.get("image_id") is None
            or not isinstance(note.get("caption"), str)
        ):
            yield Broken(f"annotation {number}: image_id or caption is missing")
            continue
        image_id = as_id(note["image_id"])
        if (name := names.get(image_id)) is not None:
            language, detail = _word(note.get("language")), _word(note.get("detail"))
            text_id = as_id(note.get("id", ""))
            yield Pair(name, plain(note["caption"]), language, detail, image_id=image_id, text_id=text_id)


def _karpathy(images: Sequence[Any]) -> Entries:
    for number, image in enumerate(images, start=1):
        try:
            name = str(Path(image.get("filepath") or "") / image["filename"])
            image_id = as_id(image.get("cocoid", ""))
            for sentence in image["sentences"]:
                text, split = plain(str(sentence["raw"])), _word(image.get("split"))
                text_id = as_id(sentence.get("sentid", ""))
                yield Pair(name, text, None, None, split, image_id, text_id)
        except (KeyError, TypeError, AttributeError) as error:
            yield Broken(f"image {number}: {error!r} is missing")


def read_json_lines(file: Path) -> Entries:
    """One object a line: image, and caption or captions; or as Crossmodal-3600 and xFlickr&CO have it."""
    with opened_text(str(file)) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                pairs = list(_of_row(parse_json(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                yield Broken(f"line {number}: needs image and caption ({error})")
            else:
                yield from pairs


def _of_row(row: Mapping[str, Any]) -> Iterator[Pair]:
    if "image/key" in row:  # Crossmodal-3600: a key for each language
        for language, said in row.items():
            if isinstance(said, dict) and "caption" in said:
                for text in _several(said["caption"]):
                    yield Pair(f"{row['image/key']}.jpg", plain(text), language)
        return
    if "img_path" in row:  # xFlickr&CO
        row = {"image": row["img_path"], "captions": row["sentences"], "language": row.get("language")}
    spoken, detail = _word(row.get("language")), _word(row.get("detail"))
    for text in _several(row["captions"] if "captions" in row else row["caption"]):
        yield Pair(plain(str(row["image"])), plain(text), spoken, detail)


def _several(texts: Any) -> list[str]:
    return [texts] if isinstance(texts, str) else list(map(str, texts))


def read_captions_txt(file: Path) -> Entries:
    """Flickr8k's and Flickr30k's `captions.txt` or `results.csv`: image,caption; commas in captions may be bare."""
    with opened_text(str(file)) as lines:
        first = next(lines, "")
        separator = "|" if first.count("|") > first.count(",") else "," if "," in first else "\t"
        for number, line in enumerate(chain([first], lines), start=1):
            if not line.strip():
                continue
            name, _, caption = plain(line).partition(separator)
            if number == 1 and name.strip(' "').lower() in _HEADERS:
                continue
            # Flickr30k's table has a comment number in between, one row of it without the bar.
            if first.count("|") > 1:
                caption = _COMMENT_NUMBER.sub("", caption)
            if caption.strip():
                yield Pair(_unquoted(name.strip()), _unquoted(caption.strip()))
            else:
                yield Broken(f"line {number}: needs image{separator}caption")


def read_tokens(file: Path) -> Entries:
    """Flickr's token files, and the Chinese ones of Flickr30k-CN and COCO-CN: name#number, a tab, the caption."""
    with opened_text(str(file)) as lines:
        for number, line in enumerate(lines, start=1):
            name, tab, caption = plain(line).rstrip("\r\n").partition("\t")
            if not line.strip() or (number == 1 and name.strip().lower() in _HEADERS):
                continue
            if tab:
                yield Pair(name.partition("#")[0], caption.strip())
            else:
                yield Broken(f"line {number}: needs name#0, a tab and a caption")


def as_id(value: object) -> str:
    """An id as it reads, whether a file has it as a number or as a text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unquoted(text: str) -> str:
    """A field without the quotation marks that a table's writer put around it."""
    whole = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1].replace('""', "")
    return text[1:-1].replace('""', '"').strip() if whole else text
