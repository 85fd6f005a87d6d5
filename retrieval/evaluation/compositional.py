"""Compositional benchmarks, which ask whether a model knows who does what, and not only which words fit a picture.

    SugarCrepe   {add,replace,swap}_{obj,att,rel}.json: a caption and a hard negative for pictures of COCO
                 (Hsieh et al., NeurIPS 2023); accuracy by file
    ARO          visual_genome_relation.json, visual_genome_attribution.json: two captions for a part of a picture
                 of Visual Genome (Yuksekgonul et al., ICLR 2023); mean accuracy of relations, of pairs of attributes
    Winoground   examples.jsonl: two pictures and two captions of the same words (Thrush et al., CVPR 2022);
                 text, image and group score

Ties count as wrong, as they do in the code that each was published with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.caption_files import beginning, read_document
from vasari.retrieval.evaluation.datasets import find_picture, none_found, picture_folders
from vasari.retrieval.evaluation.embeddings import Region, path_of
from vasari.retrieval.evaluation.hard_negatives import HardNegative, Scorer, preferences
from vasari.retrieval.evaluation.metrics import interval, macro_interval
from vasari.retrieval.evaluation.rows import read_rows
from vasari.retrieval.storage.text_files import plain

_SUGAR_CREPE = re.compile(r"(add|replace|swap)_(obj|att|rel)\.json")
_ARO = {"visual_genome_relation.json": "VG-Relation", "visual_genome_attribution.json": "VG-Attribution"}
_WINOGROUND = ("caption_0", "caption_1", "image_0", "image_1")
_FEWEST = 25  # pairs of two attributes for which ARO counts them
_SYMMETRIC = re.compile(  # relations that ARO's average leaves out: turned around most are as true, or absurd
    "adjusting|attached to|between|bigger than|biting|boarding|brushing|chewing|cleaning|climbing|close to|"
    "coming from|coming out of|contain|crossing|dragging|draped over|drinking|drinking from|driving|driving down|"
    "driving on|eating from|eating in|enclosing|exiting|facing|filled with|floating in|floating on|flying|"
    "flying above|flying in|flying over|flying through|full of|going down|going into|going through|grazing in|"
    "growing in|growing on|guiding|hanging from|hanging in|hanging off|hanging over|higher than|holding onto|"
    "hugging|in between|jumping off|jumping on|jumping over|kept in|larger than|leading|leaning over|leaving|"
    "licking|longer than|looking in|looking into|looking out|looking over|looking through|lying next to|"
    "lying on top of|making|mixed with|mounted on|moving|on the back of|on the edge of|on the front of|"
    "on the other side of|opening|painted on|parked at|parked beside|parked by|parked in|parked in front of|"
    "parked near|parked next to|perched on|petting|piled on|playing|playing in|playing on|playing with|pouring|"
    "reaching for|reading|reflected on|riding on|running in|running on|running through|seen through|sitting behind|"
    "sitting beside|sitting by|sitting in front of|sitting near|sitting next to|sitting under|skiing down|"
    "skiing on|sleeping in|sleeping on|smiling at|sniffing|splashing|sprinkled on|stacked on|standing against|"
    "standing around|standing behind|standing beside|standing in front of|standing near|standing next to|"
    "staring at|stuck in|surrounding|swimming in|swinging|talking to|topped with|touching|traveling down|"
    "traveling on|tying|typing on|underneath|wading in|waiting for|walking across|walking by|walking down|"
    "walking next to|walking through|working in|working on|worn on|wrapped around|wrapped in|by|of|near|next to|"
    "with|beside|on the side of|around"
)


@dataclass(frozen=True, slots=True)
class Task:
    """Pairs of a true caption and a false one; the accuracy is the mean over those of their kinds that are counted."""

    name: str
    pairs: tuple[HardNegative, ...]

    @property
    def counted(self) -> list[HardNegative]:
        """The pairs of the kinds that the benchmark's average counts."""
        if self.name == "VG-Attribution":
            counts = Counter(pair.kind for pair in self.pairs)
            return [pair for pair in self.pairs if counts[pair.kind] >= _FEWEST]
        if self.name == "VG-Relation":
            return [pair for pair in self.pairs if not _SYMMETRIC.fullmatch(pair.kind)]
        return list(self.pairs)


@dataclass(frozen=True, slots=True)
class Quad:
    """Two pictures and the caption of each, of the same words in another order."""

    images: tuple[Path, Path]
    captions: tuple[str, str]
    kind: str  # what was swapped: Object, Relation or Both


@dataclass(frozen=True, slots=True)
class Compositional:
    """A benchmark as it lies on disk: tasks of pairs (SugarCrepe, ARO) or examples of two pictures (Winoground)."""

    name: str
    tasks: tuple[Task, ...] = ()
    quads: tuple[Quad, ...] = ()
    missing: tuple[str, ...] = ()  # pictures that are not on disk
    broken: tuple[str, ...] = ()  # what is wrong with each entry or picture that was left out

    @property
    def images(self) -> list[Path]:
        """The files of its pictures, in the order of first mention."""
        pairs = (path_of(pair.image) for task in self.tasks for pair in task.pairs)
        return list(dict.fromkeys([*pairs, *(image for quad in self.quads for image in quad.images)]))

    def without(self, unreadable: Mapping[Path, str]) -> Compositional:
        """The rest where these pictures cannot be read, for the reasons given; UsageError where there is none."""
        left = self._only(set(self.images) - set(unreadable))
        if not left.images:
            path, reason = next(iter(unreadable.items()))
            raise UsageError(f"none of the {len(self.images)} pictures can be read: {path}: {reason}")
        wrong = (f"{path.name}: {reason}" for path, reason in sorted(unreadable.items()))
        return replace(left, broken=(*self.broken, *wrong))

    def first(self, count: int) -> Compositional:
        """What is asked of the first pictures alone; UsageError where one is too few for an example of two."""
        left = self._only(set(self.images[:count]))
        if not left.images:
            raise UsageError(f"{self.name} asks of two pictures at a time: --limit 2 or more")
        return left

    def _only(self, images: set[Path]) -> Compositional:
        tasks = (
            replace(task, pairs=tuple(pair for pair in task.pairs if path_of(pair.image) in images))
            for task in self.tasks
        )
        return replace(
            self,
            tasks=tuple(task for task in tasks if task.pairs),
            quads=tuple(quad for quad in self.quads if images.issuperset(quad.images)),
        )


def find_compositional(path: Path) -> list[Path]:
    """The files of such a benchmark that `path` is or holds; none where it is or holds none."""
    if path.is_file():
        return [path] if _is_compositional(path) else []
    for folder in (path, path / "data"):
        if found := [file for file in sorted(folder.glob("*.json*")) if _is_compositional(file)]:
            return found
    return []


def read_compositional(path: Path, files: Sequence[Path], pictures: Path | None = None) -> Compositional:
    """Read what `find_compositional` found; UsageError where no entry or no picture is left."""
    if files[0].suffix == ".jsonl":
        return _winoground(path, files[0], pictures)
    is_aro = files[0].name in _ARO
    search = _Search(picture_folders(files[0], path, pictures))
    tasks, broken = [], []
    for file in files:
        entries = list(_aro(file, search) if is_aro else _sugar_crepe(file, search))
        broken += [entry for entry in entries if isinstance(entry, str)]
        if pairs := tuple(entry for entry in entries if isinstance(entry, HardNegative)):
            tasks.append(Task(_ARO.get(file.name, file.stem), pairs))
    name = "ARO" if is_aro else "SugarCrepe"
    if not tasks:
        raise search.nothing(files[0], name, broken)
    return Compositional(name, tuple(tasks), (), search.missing, tuple(broken))


def figures(dataset: Compositional, scorer: Scorer) -> dict[str, Any]:
    """The benchmark's figures with 95 % intervals, as `vasari eval --json` prints them.

    Intervals resample pictures, and with them all that is asked of each.
    """
    if dataset.quads:
        return _winoground_scores(dataset.quads, scorer)
    pairs = [pair for task in dataset.tasks for pair in task.pairs]
    preferred = dict(zip(pairs, preferences(pairs, scorer).tolist(), strict=True))
    tasks = {task.name: _accuracy(task, preferred) for task in dataset.tasks}
    counted = [told["accuracy"] for told in tasks.values() if told["accuracy"] is not None]
    return {"tasks": tasks, "average": float(np.mean(counted)) if counted else None}


def _accuracy(task: Task, preferred: Mapping[HardNegative, bool]) -> dict[str, Any]:
    """The mean over counted kinds of the share of pairs with the true caption preferred; None where none counts."""
    told: dict[str, Any] = {"pairs": len(task.pairs)}
    told["share"] = float(np.mean([preferred[pair] for pair in task.pairs]))
    if not task.counted:
        return told | {"accuracy": None, "interval": None}
    right = np.array([preferred[pair] for pair in task.counted], np.float64)
    kinds, images = [pair.kind for pair in task.counted], [str(path_of(pair.image)) for pair in task.counted]
    accuracy, low, high = macro_interval(right, kinds, images)
    return told | {"accuracy": accuracy, "interval": (low, high)}


def _winoground_scores(quads: Sequence[Quad], scorer: Scorer) -> dict[str, Any]:
    """Text, image and group score (Thrush et al., 2022, equations 1 to 3), of all examples and by what was swapped."""
    pairs = [(quad.captions[c], quad.images[i]) for quad in quads for c in range(2) for i in range(2)]
    scores = scorer([text for text, _ in pairs], [image for _, image in pairs]).reshape(-1, 2, 2)
    right = {
        "text": (scores[:, 0, 0] > scores[:, 1, 0]) & (scores[:, 1, 1] > scores[:, 0, 1]),
        "image": (scores[:, 0, 0] > scores[:, 0, 1]) & (scores[:, 1, 1] > scores[:, 1, 0]),
    }
    right["group"] = right["text"] & right["image"]
    kinds = np.array([quad.kind for quad in quads])
    return {
        name: {
            "score": float(values.mean()),
            "interval": interval(values.astype(np.float64)),
            "kinds": {str(kind): float(values[kinds == kind].mean()) for kind in np.unique(kinds)},
        }
        for name, values in right.items()
    }


class _Search:
    """Pictures by name, each looked for once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self._found: dict[str, Path | None] = {}

    def find(self, name: str, suffixes: Iterable[str] = ("",)) -> Path | None:
        """The picture of this name, with the first of these suffixes that there is."""
        if name not in self._found:
            found = (find_picture(name + suffix, self.folders) for suffix in suffixes)
            self._found[name] = next((file for file in found if file is not None), None)
        return self._found[name]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of which there is none."""
        return tuple(name for name, file in self._found.items() if file is None)

    def nothing(self, file: Path, known: str, broken: Sequence[str]) -> UsageError:
        """What to tell where no entry is left."""
        if self.missing:
            return none_found(self.missing, file, self.folders, known)
        return UsageError(f"{file} has nothing that can be used" + (f": {broken[0]}" if broken else ""))


def _is_compositional(file: Path) -> bool:
    if file.suffix != ".jsonl":
        return file.name in _ARO or bool(_SUGAR_CREPE.fullmatch(file.name))
    first = beginning(file)
    return all(f'"{name}"' in first for name in _WINOGROUND)


def _sugar_crepe(file: Path, search: _Search) -> Iterator[HardNegative | str]:
    data = read_document(file)
    rows = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, row in rows:
        try:
            true, false = (plain(_text(row[name])) for name in ("caption", "negative_caption"))
            image = search.find(_text(row["filename"]))
        except (KeyError, TypeError) as error:
            yield f"{file.name}, entry {key}: needs filename, caption and negative_caption ({error})"
        else:
            if image is not None:
                yield HardNegative(image, true, false, file.stem)


def _aro(file: Path, search: _Search) -> Iterator[HardNegative | str]:
    data = read_document(file)
    for number, row in enumerate(data if isinstance(data, list) else (), start=1):
        try:
            true, false = (plain(_text(row[name])) for name in ("true_caption", "false_caption"))
            kind = row["relation_name"] if "relation_name" in row else "_".join(row["attributes"][:2])
            left, top, width, height = (int(row[f"bbox_{side}"]) for side in "xywh")
            image = search.find(_text(row["image_path"]))
        except (KeyError, TypeError, ValueError) as error:
            yield f"{file.name}, entry {number}: needs image_path, bbox and two captions ({error})"
        else:
            if min(width, height) < 1:
                yield f"{file.name}, entry {number}: its box is empty"
            elif image is not None:
                yield HardNegative(Region(image, (left, top, width, height)), true, false, str(kind))


def _winoground(path: Path, file: Path, pictures: Path | None) -> Compositional:
    rows, broken = read_rows(file, _WINOGROUND)
    search = _Search(picture_folders(file, path, pictures))
    quads = []
    for row in rows:
        first, second = (search.find(row[name], (".png", ".jpg", "")) for name in ("image_0", "image_1"))
        if first is not None and second is not None:
            captions = plain(row["caption_0"]), plain(row["caption_1"])
            quads.append(Quad((first, second), captions, row.get("collapsed_tag", "other")))
    if not quads:
        raise search.nothing(file, "Winoground", broken)
    return Compositional("Winoground", (), tuple(quads), search.missing, tuple(broken))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
