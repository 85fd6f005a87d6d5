"""A folder of drawn postcards with everything that is known about them, in COCO's captions format.

    DIR/images/000000.jpg      the pictures
    DIR/captions.json          COCO captions; each annotation also has `language` and `detail`
    DIR/questions.jsonl        image_id, file_name, question, answer, kind
    DIR/queries.jsonl          query, language, kind, file_names of all right pictures
    DIR/hard_negatives.jsonl   image_id, file_name, language, caption, negative, kind
    DIR/scenes.jsonl           image_id, file_name, the scene itself, phrases with boxes
    DIR/render.json            what was asked for; a second run with the same wishes goes on where the first ended

Scene i of a seed is the same in every collection, however many scenes it has. Files are written under a temporary
name and renamed, so none is ever half there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.atomic import replaced, write_bytes
from vasari.training.scenes.captions import describe, hard_negatives
from vasari.training.scenes.layout import boxes
from vasari.training.scenes.queries import queries_of
from vasari.training.scenes.questions import ask
from vasari.training.scenes.sampling import sample_scene, scene_seed
from vasari.training.scenes.scene import Detail, Language, Scene, Split
from vasari.training.scenes.typed_questions import short_typed_questions

_JPEG_QUALITY = 90
_CHUNK = 8  # pictures a worker takes at a time


@dataclass(frozen=True, slots=True)
class DrawnCollection:
    """Which postcards to draw: all that decides a picture's pixels, besides its number."""

    seed: int
    split: Split
    size: int = 256

    def scene(self, index: int) -> Scene:
        """Scene `index`, the same however many are drawn."""
        return sample_scene(scene_seed(self.seed, index, self.split), self.split)


def file_name(index: int) -> str:
    """Where picture `index` lies, relative to the collection's folder."""
    return f"images/{index:06d}.jpg"


def render(
    directory: Path,
    seed: int,
    count: int,
    split: Split,
    size: int = 256,
    languages: Sequence[Language] = tuple(Language),
    workers: int | None = None,
    progress: bool = True,
) -> None:
    """Draw `count` postcards of `size` x `size` pixels into `directory` with captions, questions and hard negatives.

    Pictures that are there already are kept. `workers` processes draw (all cores by default; 1 draws in this one).
    Raises UsageError where the folder holds another collection, or `count` or `size` make no sense.
    """
    if count < 1 or not 16 <= size <= 4096:
        raise UsageError(
            f"cannot draw {count} pictures of {size} pixels; ask for at least 1, of 16 to 4096 pixels"
        )
    collection = DrawnCollection(seed, split, size)
    (directory / "images").mkdir(parents=True, exist_ok=True)
    _claim(directory, collection)
    _draw(directory, collection, count, workers or os.cpu_count() or 1, progress)
    scenes = [collection.scene(index) for index in range(count)]
    _write_lines(directory / "scenes.jsonl", _scene_rows(scenes))
    _write_lines(directory / "questions.jsonl", _question_rows(scenes, collection.split))
    _write_lines(directory / "queries.jsonl", _query_rows(scenes, languages))
    _write_lines(directory / "hard_negatives.jsonl", _negative_rows(scenes, languages))
    captions = _coco(collection, scenes, languages)
    _write(directory / "captions.json", json.dumps(captions, ensure_ascii=False))


def _claim(directory: Path, collection: DrawnCollection) -> None:
    """Note whose pictures these are, or refuse to mix two collections in one folder."""
    for abandoned in (directory / "images").glob("*.tmp"):  # a run that was killed left it
        abandoned.unlink()
    note = directory / "render.json"
    wanted = asdict(collection)
    if note.exists():
        found = json.loads(note.read_text(encoding="utf-8"))
        if found != wanted:
            raise UsageError(f"{directory} holds another collection ({found}); choose an empty folder")
    elif any((directory / "images").iterdir()):
        raise UsageError(f"{directory / 'images'} already holds pictures; choose an empty folder")
    _write(note, json.dumps(wanted))


def _draw(directory: Path, collection: DrawnCollection, count: int, workers: int, progress: bool) -> None:
    """Paint the pictures that are missing."""
    missing = [index for index in range(count) if not (directory / file_name(index)).exists()]
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    paint = partial(_paint_chunk, directory, collection)
    with tqdm(
        total=count, initial=count - len(missing), unit="picture", disable=None if progress else True
    ) as bar:
        for done in _mapped(paint, chunks, min(workers, len(chunks))):
            bar.update(done)


def _mapped(
    work: Callable[[Sequence[int]], int], chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[int]:
    """Do the work in so many processes; fresh ones, since forking a process with threads may hang."""
    if workers <= 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, chunks)


def _paint_chunk(directory: Path, collection: DrawnCollection, indices: Sequence[int]) -> int:
    """Paint some pictures; how many."""
    from vasari.training.scenes.painter import paint  # Pillow loads in the processes that draw only

    for index in indices:
        target = directory / file_name(index)
        with replaced(target, durable=False) as (partial_file,):
            paint(collection.scene(index), collection.size).save(partial_file, "JPEG", quality=_JPEG_QUALITY)
    return len(indices)


# --- what is known about the pictures --------------------------------------------------------------------------


def _rng(scene: Scene, purpose: str) -> Random:
    """A generator of its own for each scene and purpose, so that no wish changes another's words."""
    return Random(f"{scene.seed}/{purpose}")


def _coco(
    collection: DrawnCollection, scenes: Sequence[Scene], languages: Sequence[Language]
) -> dict[str, Any]:
    """COCO's captions format, with `language` and `detail` on every annotation."""
    texts = (
        (index, language, detail, describe(scene, language, detail, _rng(scene, f"{language}/{detail}")))
        for index, scene in enumerate(scenes)
        for language in languages
        for detail in Detail
    )
    return {
        "info": {
            "description": "Drawn picture postcards",
            "seed": collection.seed,
            "split": collection.split.value,
        },
        "images": [
            {
                "id": index,
                "file_name": file_name(index),
                "width": collection.size,
                "height": collection.size,
            }
            for index in range(len(scenes))
        ],
        "annotations": [
            {
                "id": number,
                "image_id": index,
                "caption": caption,
                "language": language.value,
                "detail": detail.value,
            }
            for number, (index, language, detail, caption) in enumerate(texts)
        ],
    }


def _scene_rows(scenes: Sequence[Scene]) -> Iterator[dict[str, Any]]:
    for index, scene in enumerate(scenes):
        found = [{"phrase": phrase, "box": box} for phrase, box in boxes(scene)]
        yield {**_picture(index), "scene": scene.to_dict(), "objects": found}


def _question_rows(scenes: Sequence[Scene], split: Split) -> Iterator[dict[str, Any]]:
    for index, scene in enumerate(scenes):
        plain = ask(scene, _rng(scene, "questions"))
        for question in (*plain, *short_typed_questions(scene, split, _rng(scene, "typed questions"))):
            yield {**_picture(index), **asdict(question)}


def _query_rows(scenes: Sequence[Scene], languages: Sequence[Language]) -> Iterator[dict[str, Any]]:
    for query, right in queries_of(scenes, languages):
        yield {
            "query": query.text,
            "language": query.language.value,
            "kind": query.form.value,
            "file_names": [file_name(index) for index in right],
        }


def _negative_rows(scenes: Sequence[Scene], languages: Sequence[Language]) -> Iterator[dict[str, Any]]:
    for index, scene in enumerate(scenes):
        for language in languages:
            for negative in hard_negatives(scene, language, _rng(scene, f"{language}/negatives")):
                yield {**_picture(index), "language": language.value, **asdict(negative)}


def _picture(index: int) -> dict[str, Any]:
    return {"image_id": index, "file_name": file_name(index)}


def _write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    _write(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))


def _write(path: Path, text: str) -> None:
    """Write all or nothing."""
    write_bytes(path, text.encode(), durable=False)
