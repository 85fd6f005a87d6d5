"""How surely a library knows copies of its pictures, by kind of edit, and how fast; beside `imagededup`.

    python -m benchmarks.known --photos FOLDER --model starter
    python -m benchmarks.known --photos FOLDER --rows 1000000 --keep FOLDER     # made once (4 minutes), asked again
    python -m benchmarks.known --photos FOLDER --peer PYTHON     # a Python that has imagededup

Half of the photos are indexed; each of those is edited in all ways and asked for, and so is each of the other half, of
which none is known. Recall: the share of edits whose original is found. Wrong: the share of the others that are said to
be known. Beside the photos the library holds `--rows` generated pictures: vectors like those of the photos, and hashes
by chance; their files are not there, so that what is looked at are mostly the photos. Times are told by what decides:
hashes, else vectors, for copies and for new pictures. imagededup's PHash (64 bits, up to 10 of them, its default) gets
the photos alone.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from benchmarks import measuring
from benchmarks.clip_like import pictures_like
from benchmarks.filled_library import add, uris
from vasari.indexer.build import is_due, publish
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

Edit = Callable[[Image.Image], Image.Image]


def _cropped(left: float, top: float, right: float, bottom: float) -> Edit:
    return lambda p: p.crop(
        (round(left * p.width), round(top * p.height), round(right * p.width), round(bottom * p.height))
    )


def _written_over(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).rectangle((0, copy.height * 0.8, copy.width, copy.height), fill=(0, 0, 0))
    return copy


EDITS: dict[str, Edit] = {
    "jpeg quality 30": lambda p: p,
    "a third of the size": lambda p: p.resize((p.width // 3, p.height // 3)),
    "stretched by a fifth": lambda p: p.resize((p.width, round(p.height * 0.8))),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(3)),
    "cropped by 10 %": _cropped(0.05, 0.05, 0.95, 0.95),
    "cropped by 30 %": _cropped(0.2, 0.1, 0.9, 0.8),
    "cropped by 60 %": _cropped(0.4, 0.3, 0.8, 0.9),
    "square": lambda p: ImageOps.fit(p, (min(p.size), min(p.size))),
    "white border": lambda p: ImageOps.expand(p, 40, "white"),
    "letterbox": lambda p: ImageOps.pad(p, (640, 640), color=(0, 0, 0)),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.4),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.6),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "turned by 90°": lambda p: p.rotate(90, expand=True),
    "turned by 180°": lambda p: p.rotate(180),
    "turned by 270°": lambda p: p.rotate(270, expand=True),
    "mirrored and turned": lambda p: ImageOps.mirror(p).rotate(90, expand=True),
    "turned by 3°": lambda p: p.rotate(3),
    "written over": _written_over,
}
_LIKE = 1000  # photos whose vectors the generated ones are like
_PEER = """
import json, sys
from pathlib import Path
from imagededup.methods import PHash
known, asked = map(Path, sys.argv[1:])
hasher = PHash(verbose=False)
hashes = {path.name: int(hasher.encode_image(str(path)), 16) for path in sorted(known.iterdir())}
found = {}
for path in sorted(asked.rglob("*.jpg")):
    own = int(hasher.encode_image(str(path)), 16)
    near = [name for name, other in hashes.items() if (own ^ other).bit_count() <= 10]
    found[str(path.relative_to(asked))] = near
print(json.dumps(found))
"""


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, in the order of their names."""
    suffixes = {".jpg", ".jpeg", ".png", ".webp"}
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes]


def prepare(photos: Path, folder: Path, limit: int) -> None:
    """Write what is known, and what is asked for."""
    (folder / "known").mkdir(parents=True)
    for number, path in enumerate(pictures_in(photos)[:limit]):
        name = f"{number:04}.jpg"
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        picture.thumbnail((640, 640))
        if number % 2:
            _save(picture, folder / "asked" / "another" / name)
            continue
        picture.save(folder / "known" / name, quality=92)
        for edit, change in EDITS.items():
            _save(change(picture), folder / "asked" / edit / name)


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=30 if path.parent.name == "jpeg quality 30" else 75)


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of the items that a picture is said to be a copy of, what decided, and the milliseconds it took."""

    names: list[str]
    by: str
    wall: float
    processor: float


def fill(library: Library, rows: int, photos: Path) -> None:
    """Add generated pictures, whose hashes have, as those of pictures, half of their bits set; and index them all."""
    space, drawn, names = library.space(), np.random.default_rng(0), uris(rows, Path("/generated"))
    seen = library.embed_pictures(pictures_in(photos)[:_LIKE], space)
    with library.catalog.lease.acquire("benchmark"):
        for vectors in pictures_like(seen, rows):
            bits = drawn.random((len(vectors), 64)).argsort(axis=1) < 32
            hashes = np.packbits(bits, axis=1).view(np.int64)[:, 0].tolist()
            add(library, space, vectors, list(islice(names, len(vectors))), hashes=hashes)
        if is_due(library, space, Modality.IMAGE):
            publish(library, space, Modality.IMAGE)


def vasari(folder: Path, model: str, rows: int, photos: Path) -> dict[str, Answer]:
    """What is said of each asked picture."""
    settings = Settings(library=folder / "library", offline=True)
    if not (folder / "library").exists():
        with Library.open(settings=settings, create=True) as library:
            library.use_model(model)
            index(library, FolderSource([folder / "known"], limits=library.image_limits))
            fill(library, rows, photos)
    with Library.open(settings=settings) as library:
        library.models.serve("float32")  # as a service has it
        asked = sorted((folder / "asked").rglob("*.jpg"))
        # Mixed, as people ask: one kind after the other, the first would pay for what is read for the first time.
        random.Random(0).shuffle(asked)
        library.duplicates_of(sorted((folder / "asked" / "another").iterdir())[0])  # loads the model
        return {str(path.relative_to(folder / "asked")): answered(library, path) for path in asked}


def answered(library: Library, path: Path) -> Answer:
    """What is said of one picture."""
    wall, processor = time.perf_counter(), time.process_time()
    found = library.duplicates_of(path)
    spent = (time.perf_counter() - wall) * 1000, (time.process_time() - processor) * 1000
    by = "no copy" if not found else "hashes" if found[0].evidence.cosine is None else "vectors"
    return Answer([Path(one.item.uri).name for one in found], by, *spent)


def times(answers: Collection[Answer]) -> dict[str, dict[str, float]]:
    """Milliseconds a question by what decided: the median and the 95th percentile, by clock and of the processor."""
    told = {}
    for by in ("hashes", "vectors", "no copy"):
        some = [one for one in answers if one.by == by]
        if some:
            p50, p95 = np.percentile([one.wall for one in some], [50, 95])
            spent = np.percentile([one.processor for one in some], [50, 95])
            figures = {"p50": p50, "p95": p95, "processor_p50": spent[0], "processor_p95": spent[1]}
            told[by] = {"questions": len(some), **{name: round(float(ms), 1) for name, ms in figures.items()}}
    return told


def imagededup(folder: Path, python: str) -> dict[str, list[str]]:
    """The same of imagededup's PHash, in its own environment."""
    words = [python, "-c", _PEER, str(folder / "known"), str(folder / "asked")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def figures(found: dict[str, list[str]]) -> dict[str, float]:
    """Recall by edit, and under "wrong" the share of unknown pictures that are said to be known."""
    told: dict[str, list[bool]] = {}
    for asked, items in found.items():
        edit, name = asked.split("/")
        told.setdefault(edit, []).append(bool(items) if edit == "another" else name in items)
    shares = {edit: sum(each) / len(each) for edit, each in told.items()}
    return {**{edit: shares[edit] for edit in EDITS}, "wrong": shares["another"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--limit", type=int, default=40, help="photos; 40 take some minutes")
    parser.add_argument("--rows", type=int, default=10_000, help="generated pictures beside them")
    parser.add_argument("--keep", type=Path, help="folder of pictures and library, for the next run")
    parser.add_argument("--peer", help="a Python that has imagededup")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = (options.keep or Path(place)).resolve()
        if not (folder / "known").exists():
            prepare(options.photos, folder, options.limit)
        answers = vasari(folder, options.model, options.rows, options.photos)
        columns = {"vasari": figures({asked: answer.names for asked, answer in answers.items()})}
        if options.peer:
            columns["imagededup PHash"] = figures(imagededup(folder, options.peer))
    others = sum(asked.startswith("another/") for asked in answers)
    known = (len(answers) - others) // len(EDITS)
    print(f"{known} known photos, {others} others")
    for edit in (*EDITS, "wrong"):
        print(f"{edit:24}" + "".join(f"{name:>20} {shares[edit]:.3f}" for name, shares in columns.items()))
    spent = times(answers.values())
    for by, told in spent.items():
        print(f"decided by {by:13}" + "  ".join(f"{name} {value}" for name, value in told.items()))
    measuring.finish("known", known=known, rows=options.rows, ms=spent, **columns)


if __name__ == "__main__":
    main()
