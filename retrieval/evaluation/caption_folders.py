"""Datasets whose captions lie in several files of a folder: one a language, beside a list of the pictures.

XTD10/, MIC/, STAIR/             XTD10: test_image_names.txt, and in the same lines test_1kcaptions_<language>.txt
test_image_names.txt             XTD200: the same with <FLORES-200 code>.txt
filenames.txt                    Flickr30k-200: the same
image_splits/, raw/              Multi30k, task 1 (raw/test_2016_flickr.de.gz) or 2 (raw/test_2016.1.de.gz)
<language>/test.jsonl            xFlickr&CO
coco-cn_test.txt                 COCO-CN, with imageid.human-written-caption.txt
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.evaluation.caption_files import (
    Broken,
    Entries,
    Pair,
    in_language,
    read_all,
    read_tokens,
)
from vasari.retrieval.storage.filesystem import readable
from vasari.retrieval.storage.text_files import opened_text, plain

_XTD = re.compile(r"test_1kcaptions_(?P<language>[a-z]{2})\.txt")
_FLORES = re.compile(r"(?P<language>[a-z]{3}_[A-Z][a-z]{3}|eng(?=_captions))(_captions)?\.txt")
_MULTI30K = re.compile(r"(?P<split>\w+)(\.\d)?\.(?P<language>[a-z]{2})(\.gz)?")
_CODES = {"jp": "ja", "eng": "eng_Latn"}  # what files call otherwise than everybody, or than their own others
_COCO_CN = "imageid.human-written-caption.txt"


@dataclass(frozen=True, slots=True)
class CaptionFolder:
    """`file` lists the pictures, or is the first of captions; `texts` are files of captions with their languages.

    `name` is the dataset's in `vasari.retrieval.evaluation.known`.
    """

    name: str
    file: Path
    texts: Mapping[Path, str]
    read: Callable[[Path, Mapping[Path, str]], Entries]

    def entries(self) -> Entries:
        """The pairs of all languages; UsageError for a file that cannot be read."""
        return self.read(self.file, self.texts)


def find_folder(path: Path, split: str | None = None) -> CaptionFolder | None:
    """The layout of a folder, or of the one that a file of captions lies in; None where it is none of these."""
    folder = path if path.is_dir() else path.parent
    found = (
        _xtd(folder)
        or _listed(folder, "test_image_names.txt")
        or _listed(folder, "filenames.txt")
        or _multi30k(folder, split)
        or _xflickrco(folder, split)
        or _coco_cn(folder, split)
    )
    if found is None or path.is_dir() or path == found.file:
        return found
    if path in found.texts:
        return replace(found, texts={path: found.texts[path]})
    is_other = found.read is _named_pairs and path.name.startswith("imageid.")
    return replace(found, texts={path: "zh"}) if is_other else None


def _xtd(folder: Path) -> CaptionFolder | None:
    for names in (folder / "test_image_names.txt", folder / "XTD10" / "test_image_names.txt"):
        root = names.parent.parent if names.parent.name == "XTD10" else names.parent
        if names.is_file() and (texts := _matching(_XTD, names.parent, root / "MIC", root / "STAIR")):
            return CaptionFolder("XTD10", names, texts, _same_lines)
    return None


def _listed(folder: Path, list_name: str) -> CaptionFolder | None:
    names = folder / list_name
    texts = _matching(_FLORES, folder) if names.is_file() else {}
    return CaptionFolder("XTD200, Flickr30k-200", names, texts, _same_lines) if texts else None


def _multi30k(folder: Path, split: str | None) -> CaptionFolder | None:
    """Task 2 has the pictures of task 1, and lists only those that it trains on."""
    inside = [folder.parent] if folder.name in ("raw", "image_splits") else []
    for task in (*inside, folder, folder / "data" / "task1", folder / "task1"):
        texts = _matching(_MULTI30K, task / "raw")
        lists = [*task.glob("image_splits/*.txt"), *(task.parent / "task1").glob("image_splits/*.txt")]
        chosen = min((s for s in map(_split, texts) if s.startswith(split or "test")), default=None)
        names = next((file for file in sorted(lists) if chosen and file.stem.startswith(chosen)), None)
        if names is not None:
            own = {file: said for file, said in texts.items() if _split(file) == chosen}
            return CaptionFolder("Multi30k", names, own, _same_lines)
    return None


def _xflickrco(folder: Path, split: str | None) -> CaptionFolder | None:
    name = f"{split or 'test'}.jsonl"
    inside = [folder.parent] if len(folder.name) == 2 and (folder / name).is_file() else []
    for root in (*inside, folder, folder / "annotations"):
        files = sorted(root.glob(f"[a-z][a-z]/{name}"))
        if files:
            return CaptionFolder(
                "xFlickr&CO", files[0], {file: file.parent.name for file in files}, _own_lines
            )
    return None


def _coco_cn(folder: Path, split: str | None) -> CaptionFolder | None:
    name = f"coco-cn_{split or 'test'}.txt"
    listed = next(
        (file for file in [folder / name, *folder.glob(f"coco-cn*/{name}")] if file.is_file()), None
    )
    if listed is None or not (listed.parent / _COCO_CN).is_file():
        return None
    return CaptionFolder("COCO-CN", listed, {listed.parent / _COCO_CN: "zh"}, _named_pairs)


def _matching(pattern: re.Pattern[str], *folders: Path) -> dict[Path, str]:
    """The files of these folders whose names tell a language."""
    found = {}
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if named := pattern.fullmatch(file.name):
                found[file] = _CODES.get(named["language"], named["language"])
    return found


def _split(file: Path) -> str:
    return file.name.partition(".")[0]


def _same_lines(names_file: Path, texts: Mapping[Path, str]) -> Entries:
    """Each line of a file of captions belongs to the picture in the same line of the list."""
    names = [line.partition("#")[0].strip() for line in _lines(names_file)]
    for file, language in texts.items():
        captions = _lines(file)
        if len(captions) != len(names):
            raise UsageError(
                f"{file} has {len(captions):,} captions for the {len(names):,} pictures of {names_file.name}:"
                " they belong together line by line, so one of the two files is not whole"
            )
        for number, (name, caption) in enumerate(zip(names, captions, strict=True), start=1):
            if name and caption.strip():
                yield Pair(name, plain(caption).strip(), language)
            else:
                yield Broken(f"{file.name}, line {number}: no {'caption' if name else 'picture'}")


def _own_lines(_first: Path, texts: Mapping[Path, str]) -> Entries:
    """Each file names its pictures itself."""
    return chain.from_iterable(_in(language, file, read_all(file)) for file, language in texts.items())


def _named_pairs(listed: Path, texts: Mapping[Path, str]) -> Entries:
    """The captions of the listed pictures, whose names lack the suffix."""
    chosen = {line.strip() for line in _lines(listed)}
    for file, language in texts.items():
        for entry in _in(language, file, read_all(file, read_tokens)):
            if isinstance(entry, Broken):
                yield entry
            elif entry.image in chosen:
                yield replace(entry, image=f"{entry.image}.jpg")


def _in(language: str, file: Path, entries: Entries) -> Iterator[Pair | Broken]:
    for entry in entries:
        yield Broken(f"{file.name}, {entry}") if isinstance(entry, Broken) else in_language(language, entry)


def _lines(file: Path) -> list[str]:
    """The lines of a text without the empty ones at its end; UsageError where it cannot be read."""
    try:
        with readable(UsageError), opened_text(str(file)) as opened:
            lines = [line.rstrip("\r\n") for line in opened]
    except ImageError as error:
        raise UsageError(f"{file}: {error}") from error
    while lines and not lines[-1].strip():
        del lines[-1]
    return lines
