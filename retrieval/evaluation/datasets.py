"""Datasets with known answers: pictures, and the captions that belong to each.

Understood as they are published, so that no conversion stands between a download and a figure:

    folder with captions.json        COCO captions (also what `vasari scenes render` writes)
    annotations/captions_val2017.json COCO captions; pictures beside it, in images/ or in the folder it is named after;
                                     of several files in one folder the one of `split`, by its name, or val
    dataset_coco.json, dataset_flickr30k.json, dataset_flickr8k.json     Karpathy's splits
    captions.txt, results.csv        Flickr8k and Flickr30k, as on Kaggle: header, then image,caption; or with | between
    *.token, *.token.txt             Flickr30k: name#0<TAB>caption
    *.jsonl                          {"image": …, "caption": … or "captions": […], "language": …}; Crossmodal-3600's
    stair_captions_*.json            STAIR Captions (COCO in Japanese)
    flickr30k_cn_test.txt            Flickr30k-CN: name#0<TAB>caption
    several files                    the folders of `vasari.retrieval.evaluation.caption_folders`

A picture that is not on disk is left out and named in `missing`, a line or entry that cannot be used in `broken`; the
rest is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation.caption_files import Broken, Entries, Pair, known_name, read_all
from vasari.retrieval.evaluation.caption_folders import find_folder
from vasari.retrieval.evaluation.known import KNOWN


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures and captions; `answers[i]` is the index in `images` of the picture that caption i describes.

    `image_ids` and `text_ids` are what the dataset's other files call them, "" where it has no ids.
    """

    name: str
    directory: Path
    images: tuple[Path, ...]
    texts: tuple[str, ...]
    answers: tuple[int, ...]
    missing: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()  # what is wrong with each line, entry or picture that was left out
    image_ids: tuple[str, ...] = ()
    text_ids: tuple[str, ...] = ()

    def without(self, unreadable: Mapping[Path, str]) -> Dataset:
        """The rest where these pictures cannot be read, for the reasons given; UsageError where there is none."""
        kept = [number for number, image in enumerate(self.images) if image not in unreadable]
        if not kept:
            path, reason = next(iter(unreadable.items()))
            raise UsageError(f"none of the {len(self.images)} pictures can be read: {path}: {reason}")
        wrong = (f"{path.name}: {reason}" for path, reason in sorted(unreadable.items()))
        return replace(self._only(kept), broken=(*self.broken, *wrong))

    def first(self, count: int) -> Dataset:
        """The first pictures alone, and what is said of them."""
        return self._only(range(min(count, len(self.images))))

    def captions_of(self) -> list[list[int]]:
        """For each picture the indices of its captions."""
        found: list[list[int]] = [[] for _ in self.images]
        for text, image in enumerate(self.answers):
            found[image].append(text)
        return found

    def _only(self, kept: Collection[int]) -> Dataset:
        """These pictures, and what is said of them."""
        place = {number: new for new, number in enumerate(kept)}
        said = [text for text, image in enumerate(self.answers) if image in place]
        return replace(
            self,
            images=tuple(self.images[number] for number in kept),
            texts=tuple(self.texts[text] for text in said),
            answers=tuple(place[self.answers[text]] for text in said),
            image_ids=tuple(self.image_ids[number] for number in kept) if self.image_ids else (),
            text_ids=tuple(self.text_ids[text] for text in said) if self.text_ids else (),
        )


@dataclass(frozen=True, slots=True)
class Captions:
    """What the files of a dataset say, before a choice of language and before its pictures are looked for.

    `file` is the one that lists the pictures, or that has all captions. Pictures are looked for in `folders`;
    `known` is the name of the dataset in `vasari.retrieval.evaluation.known`, "" where it is a person's own.
    """

    name: str
    known: str
    file: Path
    folders: tuple[Path, ...]
    pairs: tuple[Pair, ...]
    broken: tuple[str, ...]

    @property
    def languages(self) -> list[str]:
        """The languages that captions name, in the order of first mention; English where none is named."""
        return list(dict.fromkeys(pair.language for pair in self.pairs if pair.language)) or ["en"]

    @property
    def directory(self) -> Path:
        """The folder of the captions, where the dataset's other files lie."""
        return self.file.parent

    def of_images(self, ids: Collection[str]) -> Captions:
        """Those of the pictures with these ids."""
        return replace(self, pairs=tuple(pair for pair in self.pairs if pair.image_id in ids))

    def dataset(
        self, *, language: str | None = None, detail: str | None = None, limit: int | None = None
    ) -> Dataset:
        """The captions of one language and detail, and those of their pictures that are on disk.

        Captions that name no language or detail are of any. Raises UsageError where nothing is left.
        """
        pairs = [
            pair
            for pair in self.pairs
            if (language is None or pair.language in (None, language))
            and (detail is None or pair.detail in (None, detail))
        ]
        if not pairs:
            spoken = language is None or language in self.languages
            wanted = f"of {detail} detail" if spoken else f"in {language}: it has {_listed(self.languages)}"
            raise UsageError(f"{self.file} has no captions {wanted}")
        return _resolve(self, pairs, limit)


_ANNOTATIONS = (
    "captions.json",
    "captions.txt",
    "results*.csv",
    "dataset_*.json",
    "*.token*",
    "captions*.json",
    "stair_captions*[0-9]_val.json",
    "stair_captions*[0-9]_train.json",
    "flickr*k_cn*.txt",
    "*.jsonl",
)
_PICTURES = (
    *("", "images", "Images", "Flicker8k_Dataset", "flickr30k_images", "flickr30k-images"),
    *("val2014", "train2014", "val2017", "train2017", "test2014"),
    *("images/val2014", "images/train2014", "images/val2017", "images/train2017"),
    *("coco/val2014", "coco/val2017", "coco/images/val2017", "xm3600/images"),
)
_COCO_2014 = re.compile(r"^(?:.*/)?COCO_(?:train|val|test)2014_")
_INNER = ("annotations", "data", "task1", "task2", "raw", "image_splits", "XTD10", "MIC", "STAIR")
_DEEPEST = 5  # folders that a dataset's files may lie below the one with its pictures


def load_dataset(
    path: str | Path,
    *,
    split: str | None = None,
    language: str | None = None,
    detail: str | None = None,
    limit: int | None = None,
    pictures: Path | None = None,
) -> Dataset:
    """Read a dataset from a folder or an annotation file.

    Args:
        path: folder or file, see the module's table.
        split: for Karpathy's files: test (the default there), val, train or restval; for a folder with captions of
            several splits, as COCO is downloaded, train or val (the default there).
        language: keep captions of this language only; ignored for captions that name none.
        detail: keep captions of this detail only; ignored for captions that name none.
        limit: keep the first so many pictures.
        pictures: the folder that the pictures lie in, if it is none that they are found in by themselves.

    Raises:
        NotFoundError: no such path, or no annotations in it.
        UsageError: an annotation file that cannot be read at all, or nothing left to evaluate (names the first fault).
    """
    captions = read_captions(path, split=split, pictures=pictures)
    return captions.dataset(language=language, detail=detail, limit=limit)


def read_captions(path: str | Path, *, split: str | None = None, pictures: Path | None = None) -> Captions:
    """All captions of a folder or an annotation file; raises as `load_dataset`, but asks for no pictures."""
    path = Path(path).expanduser()
    file, known, entries = _entries(path, split)
    found = list(entries)
    broken = tuple(str(entry) for entry in found if isinstance(entry, Broken))
    pairs = [entry for entry in found if isinstance(entry, Pair)]
    if not pairs and broken:
        raise UsageError(f"{file} has no captions that can be used: {broken[0]}")
    if any(pair.split for pair in pairs):
        pairs = [pair for pair in pairs if pair.split == (split or "test")]
    if not pairs:
        raise UsageError(f"{file} has no captions{f' for {split}' if split else ''}")
    name = path.resolve().name if path.is_dir() else file.parent.name
    return Captions(name, known, file, picture_folders(file, path, pictures), tuple(pairs), broken)


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
        " dataset_*.json (Karpathy) or *.jsonl; vasari eval --list shows all that is read"
    )


def _entries(path: Path, split: str | None) -> tuple[Path, str, Entries]:
    """The file that lists the pictures, the dataset's name where it is known, and what the files say."""
    if path.exists() and (folder := find_folder(path, split)):
        return folder.file, folder.name, folder.entries()
    file = annotation_file(path, split)
    return file, known_name(file), read_all(file)


def picture_folders(file: Path, given: Path, pictures: Path | None = None) -> tuple[Path, ...]:
    """Where datasets keep their pictures, seen from an annotation file and the folder that was named.

    `pictures` is the folder that a person says they are in.
    """
    root = given if given.is_dir() else file.parent
    above = [file.parent]
    while len(above) < _DEEPEST and (root in above[-1].parents or above[-1].name in _INNER):
        above.append(above[-1].parent)
    stem = file.stem.rpartition("captions_")[2]  # captions_val2017 → val2017
    places = [folder / name for folder in above for name in (*_PICTURES[:6], stem, *_PICTURES[6:])]
    if pictures is not None:
        if not pictures.is_dir():
            raise NotFoundError(f"no folder of pictures at {pictures}")
        own = pictures.resolve().parent  # names may begin with the folder's own
        places = [*(pictures / name for name in _PICTURES), own, *places]
    return tuple(dict.fromkeys(folder for folder in places if _is(folder.is_dir)))


def find_picture(name: str, folders: Sequence[Path]) -> Path | None:
    """The first picture of this name, which may have folders in it; None where there is none.

    COCO's pictures of 2014 are found under their names of 2017, too.
    """
    names = dict.fromkeys((name, _COCO_2014.sub("", name)))
    return next((file for part in names for folder in folders if _is((file := folder / part).is_file)), None)


def none_found(missing: Sequence[str], file: Path, folders: Sequence[Path], known: str) -> UsageError:
    """What to tell where no picture of a dataset is on disk: where it was looked for, and where its makers have it."""
    where = folders[0] if folders else file.parent
    offered = next((one.pictures for one in KNOWN if one.name == known and one.pictures), "")
    return UsageError(
        f"none of the {len(missing):,} pictures of {file} is on disk: looked in {where} for {missing[0]};"
        f" --images FOLDER says where they are{f', and they are got from {offered}' if offered else ''}"
    )


def _resolve(captions: Captions, pairs: Iterable[Pair], limit: int | None) -> Dataset:
    """Find each picture on disk once, in the order of first mention."""
    index: dict[str, int | None] = {}
    images: list[Path] = []
    image_ids: list[str] = []
    said: list[tuple[Pair, int]] = []
    for pair in pairs:
        if pair.image not in index:
            found = find_picture(pair.image, captions.folders)
            if found is not None and limit is not None and len(images) >= limit:
                continue
            index[pair.image] = None if found is None else len(images)
            if found is not None:
                images.append(found)
                image_ids.append(pair.image_id)
        if (image := index[pair.image]) is not None:
            said.append((pair, image))
    missing = tuple(name for name, place in index.items() if place is None)
    if not images:
        raise none_found(missing, captions.file, captions.folders, captions.known)
    return Dataset(
        captions.name,
        captions.directory,
        tuple(images),
        tuple(pair.text for pair, _ in said),
        tuple(image for _, image in said),
        missing,
        captions.broken,
        tuple(image_ids),
        tuple(pair.text_id for pair, _ in said),
    )


def _is(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except (OSError, ValueError):  # too long for a path, a NUL
        return False


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:40]) + (" …" if len(names) > 40 else "")
